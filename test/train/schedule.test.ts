import { describe, expect, it } from 'vitest';
import { DomainError } from '../../src/errors.js';
import { checkSchedule, initialValues, rateFactor } from '../../src/train/index.js';
import type { Schedule } from '../../src/train/index.js';
import { Rng } from '../../src/util/rng.js';

describe('rateFactor', () => {
  it.each(['none', 'linear', 'cosine'] as const)('%s starts at 1 and never rises', (decay) => {
    const factors = Array.from({ length: 10 }, (_, step) => rateFactor(decay, step, 10));
    expect(factors[0]).toBe(1);
    factors.forEach((factor, i) => {
      expect(factor).toBeGreaterThan(0);
      expect(factor).toBeLessThanOrEqual(i === 0 ? 1 : factors[i - 1]);
    });
  });

  it('golden: half way', () => {
    expect(rateFactor('none', 5, 10)).toBe(1);
    expect(rateFactor('linear', 5, 10)).toBe(0.5);
    expect(rateFactor('cosine', 5, 10)).toBeCloseTo(0.5, 15);
  });
});

describe('schedules', () => {
  const course = (schedule: Schedule, steps: number, stepsPerEpoch = 1): number[] =>
    Array.from({ length: steps }, (_, step) => rateFactor(schedule, step, steps, stepsPerEpoch));
  const close = (got: number[], want: number[]): void => {
    expect(got).toHaveLength(want.length);
    got.forEach((value, i) => expect(value).toBeCloseTo(want[i], 14));
  };

  it('golden: the objects without options are the names', () => {
    expect(course({ kind: 'constant' }, 5)).toEqual(course('none', 5));
    expect(course({ kind: 'linear' }, 5)).toEqual(course('linear', 5));
    expect(course({ kind: 'cosine' }, 5)).toEqual(course('cosine', 5));
  });

  it('golden: values by hand', () => {
    close(course({ kind: 'linear', final: 0.5 }, 4), [1, 0.875, 0.75, 0.625]);
    close(course({ kind: 'cosine', final: 0.2 }, 2), [1, 0.6]);
    const steps = { kind: 'step', everyEpochs: 1.5, factor: 0.1 } as const;
    close(course(steps, 8, 2), [1, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01]);
    close(course({ kind: 'exponential', factor: 0.25 }, 4, 2), [1, 0.5, 0.25, 0.125]);
  });

  it('golden: a warm-up rises to the schedule, which begins after it', () => {
    close(course({ kind: 'constant', warmUpEpochs: 3 }, 5), [0.25, 0.5, 0.75, 1, 1]);
    const fall = course('linear', 4);
    close(course({ kind: 'linear', warmUpEpochs: 0.5 }, 6, 4), [1 / 3, 2 / 3, ...fall]);
    const steps = { kind: 'step', everyEpochs: 1, factor: 0.5, warmUpEpochs: 1 } as const;
    close(course(steps, 4), [0.5, 1, 0.5, 0.25]);
    // A warm-up as long as the stage.
    close(course({ kind: 'cosine', warmUpEpochs: 9 }, 2), [0.1, 0.2]);
  });

  it.each([
    [{ kind: 'linear', final: -1 }, 'final must be a finite number >= 0, got -1'],
    [{ kind: 'constant', warmUpEpochs: NaN }, 'warmUpEpochs must be a finite number >= 0, got NaN'],
    [{ kind: 'step', everyEpochs: 0, factor: 1 }, 'everyEpochs must be a finite number > 0, got 0'],
    [{ kind: 'exponential', factor: 0 }, 'factor must be a finite number > 0, got 0'],
  ] as const)('error: %j', (schedule, message) => {
    expect(() => checkSchedule('train', 'decay', schedule)).toThrow(DomainError);
    expect(() => checkSchedule('train', 'decay', schedule)).toThrow(`decay.${message}`);
  });
});

describe('initialValues', () => {
  const fans = { fanIn: 24, fanOut: 8 };

  it('he and glorot fill their interval and have its variance', () => {
    for (const [kind, limit] of [
      ['he', Math.sqrt(6 / 24)],
      ['glorot', Math.sqrt(6 / 32)],
    ] as const) {
      const values = initialValues(kind, 20_000, fans, new Rng(1));
      const largest = values.reduce((top, value) => Math.max(top, Math.abs(value)), 0);
      expect(largest).toBeLessThanOrEqual(Math.fround(limit));
      expect(largest).toBeGreaterThan(0.99 * limit);
      const variance = values.reduce((sum, value) => sum + value * value, 0) / values.length;
      expect(Math.abs(variance / (limit ** 2 / 3) - 1)).toBeLessThan(0.05);
    }
  });

  it('zeros are zeros, and a seed gives the same bits', () => {
    expect([...initialValues('zeros', 3, fans, new Rng(1))]).toEqual([0, 0, 0]);
    const twice = [1, 2].map(() => initialValues('he', 5, fans, new Rng(7)));
    expect(twice[0]).toEqual(twice[1]);
  });
});
