import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scorerFromArtifacts, scorers } from '../../src/scorers/index.js';
import { describeOnBackends } from '../neighbors/onBackends.js';
import * as reference from '../reference/scorers.js';
import { PROPERTY } from '../support/arbitraries.js';
import { checkScorer, expectScores, world } from './cases.js';

const { energy, gen, maxLogit, msp, temperatureScaling } = scorers;
const w = world();

describeOnBackends('logit scores', () => {
  it('reference: msp, maxLogit, energy and gen are the formulas of the papers', async () => {
    const logits = [...w.nearLogits, ...w.farLogits];
    expectScores(
      await msp().score({ logits }),
      logits.map((z) => reference.msp(z)),
    );
    expectScores(
      await msp({ temperature: 4 }).score({ logits }),
      logits.map((z) => reference.msp(z, 4)),
    );
    const tensor = tf.tensor2d(logits);
    expectScores(
      await maxLogit().score({ logits: tensor }),
      logits.map((z) => reference.maxLogit(z)),
    );
    tensor.dispose();
    expectScores(
      await energy({ temperature: 2.5 }).score({ logits }),
      logits.map((z) => reference.energy(z, 2.5)),
    );
    for (const options of [
      { gamma: 0.1, top: 100 },
      { gamma: 0.5, top: 2 },
    ]) {
      expectScores(
        await gen(options).score({ logits }),
        logits.map((z) => reference.gen(z, options.gamma, options.top)),
      );
    }
  });

  it('every logit score keeps the rules of scorers', async () => {
    const other = world({ seed: 9 });
    for (const make of [msp, maxLogit, energy, gen, temperatureScaling]) {
      await checkScorer(() => make(), w, other);
    }
  });

  it('reference: temperature scaling finds the best temperature of a grid', async () => {
    const labels = w.labels.map((label, i) => (i % 5 === 0 ? (label + 1) % 3 : label));
    const scorer = await temperatureScaling().fit({ logits: w.logits, labels });
    const best = reference.temperature(w.logits, labels);
    expect(scorer.fittedValues('temperature')[0] / best).toBeCloseTo(1, 2);
    const t = scorer.fittedValues('temperature')[0];
    expectScores(
      await scorer.score({ logits: w.nearLogits }),
      w.nearLogits.map((z) => reference.msp(z, t)),
    );
  });
});

describe('logit scores without a backend', () => {
  it('edge: confident rows do not tie, and huge logits do not overflow', async () => {
    const scores = await msp().score({ logits: [[50, 0], [100, 0], [200, 0]] }); // prettier-ignore
    expect(scores[0]).toBeCloseTo(Math.exp(-50), 30);
    expect(scores[0]).toBeGreaterThan(scores[1]);
    expect(scores[1]).toBeGreaterThan(scores[2]);
    expect(scores[2]).toBeGreaterThan(0);
    const huge = { logits: [[3e38, -3e38]] };
    expect(Array.from(await energy().score(huge))).toEqual([-Math.fround(3e38)]);
    expect(Array.from(await gen().score(huge))).toEqual([0]);
    expect(Array.from(await msp().score(huge))).toEqual([0]);
  });

  it('edge: one class has probability 1', async () => {
    const logits = [[3], [-2]];
    expect(Array.from(await msp().score({ logits }))).toEqual([0, 0]);
    expect(Array.from(await gen().score({ logits }))).toEqual([0, 0]);
    expect(Array.from(await energy().score({ logits }))).toEqual([-3, 2]);
    const one = await temperatureScaling().fit({ logits, labels: [0, 0] });
    expect(Array.from(await one.score({ logits }))).toEqual([0, 0]);
  });

  it('property: a shift of all logits changes msp and gen not, energy and maxLogit by itself', async () => {
    const rows = fc.array(fc.integer({ min: -20, max: 20 }), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(rows, fc.integer({ min: -64, max: 64 }), async (row, shift) => {
        const [a, b] = [{ logits: [row] }, { logits: [row.map((v) => v + shift)] }];
        expect(await msp().score(b)).toEqual(await msp().score(a));
        expect(await gen().score(b)).toEqual(await gen().score(a));
        expect((await maxLogit().score(b))[0]).toBeCloseTo((await maxLogit().score(a))[0] - shift);
        expect((await energy().score(b))[0]).toBeCloseTo((await energy().score(a))[0] - shift, 9);
      }),
      PROPERTY,
    );
  });

  it('error: options, labels and inputs that do not fit are named', async () => {
    expect(() => msp({ temperature: 0 })).toThrow(
      'msp: temperature must be a number above 0, got 0',
    );
    expect(() => gen({ gamma: 1 })).toThrow('gen: gamma must be in (0, 1), got 1');
    expect(() => gen({ top: 1.5 })).toThrow('gen: top must be an integer >= 1, got 1.5');
    expect(() => energy({ T: 1 } as never)).toThrow(
      "energy: options must have known keys only (temperature), got 'T'",
    );
    const logits = [[1, 2]];
    const scorer = temperatureScaling();
    await expect(scorer.fit({ logits, labels: [2] })).rejects.toThrow(
      'temperatureScaling.fit: labels must be columns of the logits, 0 to 1, got 2 at row 0',
    );
    await expect(scorer.fit({ logits, labels: [0, 1] })).rejects.toThrow(
      'labels must have one row for each of the 1 of logits, got 2 rows',
    );
    await expect(scorer.fit({ logits, labels: [-1] })).rejects.toThrow('got -1 at row 0');
    await expect(scorer.fit({ logits })).rejects.toThrow(
      'temperatureScaling.fit: labels must be given, got only logits',
    );
    await expect(msp().score({ logits: [] })).rejects.toThrow('logits must');
    await expect(msp().score({ logits: [1, 2] })).rejects.toThrow('rank 2 or more');
    await expect(msp().score({ logits: tf.tensor2d([[1]], [1, 1], 'int32') })).rejects.toThrow(
      'logits must be float32, got int32',
    );
  });

  it('error: artifacts of another scorer or version, or with wrong arrays, are refused', async () => {
    const saved = await (
      await temperatureScaling().fit({ logits: [[1, 2]], labels: [1] })
    ).toArtifacts();
    expect(() => msp.fromArtifacts(saved)).toThrow(
      "msp.fromArtifacts: model must be 'scorer.msp', got 'scorer.temperatureScaling'",
    );
    expect(() => scorerFromArtifacts({ ...saved, model: 'sage' })).toThrow('scorer.msp');
    expect(() => scorerFromArtifacts({ ...saved, formatVersion: 2 })).toThrow(
      'formatVersion must be 1, got 2',
    );
    expect(() => scorerFromArtifacts({ ...saved, config: { gamma: 1 } })).toThrow(
      'temperatureScaling.fromArtifacts: config must be as toArtifacts wrote it',
    );
    const shape = { ...saved.arrays.labelCounts, shape: [3] };
    expect(() =>
      scorerFromArtifacts({ ...saved, arrays: { ...saved.arrays, labelCounts: shape } }),
    ).toThrow("array 'labelCounts' must be int32 [classes], got int32 [3] with 2 values");
    expect(() => scorerFromArtifacts({ ...saved, arrays: {} })).toThrow(
      "array 'temperature' must be float64 [1], got nothing",
    );
  });
});

describe('temperature scaling', () => {
  it('error: logits of another number of classes are refused', async () => {
    const scorer = await temperatureScaling().fit({ logits: [[1, 2]], labels: [1] });
    await expect(scorer.score({ logits: [[1]] })).rejects.toThrow(
      'temperatureScaling.score: logits must have 2 columns, as in fit, got 1 columns',
    );
  });
});
