import { describe, expect, it } from 'vitest';
import { DomainError } from '../../../src/errors.js';
import { epochsFor } from '../../../src/models/sage/config.js';
import { parseSageConfig, Sage } from '../../../src/models/index.js';

describe('parseSageConfig', () => {
  it('fills in every default and freezes', () => {
    const config = parseSageConfig({});
    expect(config).toMatchObject({
      version: 1,
      task: 'auto',
      architecture: 'mlp',
      epochs: 'auto',
      k: 25,
      metric: 'manhattan',
      compat: false,
      lossWeights: { task: 1, center: 0 },
      stageTwoRates: { encoder: 1 / 3, head: 1 / 6, decoder: 1 },
    });
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.lossWeights)).toBe(true);
  });

  it('round-trips through JSON', () => {
    const config = parseSageConfig({ hidden: [8], lossWeights: { center: 0.1 }, seed: 9 });
    expect(parseSageConfig(JSON.parse(JSON.stringify(config)))).toEqual(config);
    expect(config.lossWeights.center).toBe(0.1);
    expect(new Sage(config).config).toEqual(config);
  });

  it("epochs 'auto' gives about 1,000 steps, in 5 to 200 epochs", () => {
    const epochs = (rows: number, config = {}): number => epochsFor(parseSageConfig(config), rows);
    expect(epochs(54_000)).toBe(5);
    expect(epochs(1_000_000)).toBe(5);
    expect(epochs(3_000)).toBe(84);
    expect(epochs(100)).toBe(200);
    expect(epochs(100, { epochs: 3 })).toBe(3);
  });

  it.each([
    [{ k: 0 }, 'Sage: config.k must be an integer >= 1, got 0.'],
    [{ k: 2.5 }, 'Sage: config.k must be an integer >= 1, got 2.5.'],
    [{ epochs: '3' }, 'Sage: config.epochs must be \'auto\' or an integer >= 1, got "3".'],
    [{ metric: 'mahalanobis' }, 'config.metric must be one of euclidean, sqeuclidean, manhattan'],
    [{ metric: 'mahalanobis' }, 'got "mahalanobis"'],
    [{ learningRate: 0 }, 'config.learningRate must be a finite number > 0, got 0.'],
    [{ learningRate: NaN }, 'config.learningRate must be a finite number > 0, got NaN.'],
    [{ learningRate: Infinity }, 'config.learningRate must be a finite number > 0, got Infinity.'],
    [{ dropout: 1 }, 'config.dropout must be a number in [0, 0.95], got 1.'],
    [{ hidden: 8 }, 'config.hidden must be a list of integers >= 1, got 8.'],
    [{ hidden: [8, 0] }, 'config.hidden.1 must be a list of integers >= 1, got 0.'],
    [{ hidden: ['x'] }, 'config.hidden.0 must be a list of integers >= 1, got "x".'],
    [
      { lossWeights: { task: -1 } },
      'config.lossWeights.task must be a finite number >= 0, got -1.',
    ],
    [{ lossWeights: 1 }, 'config.lossWeights must be an object of weights, got 1.'],
    [
      { lossWeights: { x: 1 } },
      "config.lossWeights must have known keys only, got 'x'. Known: task",
    ],
    [{ epoch: 3 }, "Sage: config must have known keys only, got 'epoch'. Known: version, task"],
    [{ standardize: 'yes' }, 'config.standardize must be true, false or \'auto\', got "yes".'],
    [{ compat: 1 }, 'config.compat must be true or false, got 1.'],
    [{ bankLimit: 0 }, 'config.bankLimit must be null or an integer >= 1, got 0.'],
    [{ seed: 2 ** 32 }, 'config.seed must be an integer >= 0 and <= 4294967295, got 4294967296.'],
    [{ version: 2 }, 'config.version must be 1, got 2.'],
    [{ lossWeights: { task: 0, reconstruction: 0 } }, 'lossWeights must have a weight above 0'],
    [{ training: 'two-stage', lossWeights: { task: 0 } }, 'above 0 for two-stage training'],
    [null, 'Sage: config must be an object of settings, got null.'],
    [[1], 'Sage: config must be an object of settings, got [1].'],
  ])('error: %j', (value, words) => {
    const parse = (): unknown => parseSageConfig(value);
    expect(parse).toThrow(DomainError);
    expect(parse).toThrow(words);
  });
});
