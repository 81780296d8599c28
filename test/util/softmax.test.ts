import { describe, expect, it } from 'vitest';
import { fitTemperature, negativeLogLikelihood, negativeLogTop } from '../../src/util/softmax.js';
import { Rng } from '../../src/util/rng.js';

const CLASSES = 4;

/** Logits whose softmax at temperature `hidden` truly gives the probability of each label. */
function labelled(rows: number, hidden: number): { logits: Float32Array; labels: Int32Array } {
  const rng = new Rng(4);
  const logits = Float32Array.from({ length: rows * CLASSES }, () => rng.normal() * 4);
  const labels = Int32Array.from({ length: rows }, (_, i) => {
    const row = logits.subarray(i * CLASSES, (i + 1) * CLASSES);
    const weights = Array.from(row, (z) => Math.exp(z / hidden));
    let left = rng.uniform() * weights.reduce((sum, w) => sum + w, 0);
    const index = weights.findIndex((w) => (left -= w) <= 0);
    return index < 0 ? CLASSES - 1 : index;
  });
  return { logits, labels };
}

describe('fitTemperature', () => {
  it.each([0.5, 1, 3])('finds the temperature %d that the labels were drawn at', (hidden) => {
    const { logits, labels } = labelled(20_000, hidden);
    expect(Math.abs(fitTemperature(logits, labels, CLASSES) / hidden - 1)).toBeLessThan(0.05);
  });

  it('reference: no temperature of a fine grid has a lower likelihood loss', () => {
    const { logits, labels } = labelled(500, 2);
    const loss = (t: number): number => negativeLogLikelihood(logits, labels, CLASSES, t);
    const best = loss(fitTemperature(logits, labels, CLASSES));
    for (let t = 0.05; t < 20; t *= 1.02) expect(loss(t)).toBeGreaterThanOrEqual(best - 1e-9);
  });

  it('edge: rows that are all right, or all wrong, stay inside the bounds', () => {
    const logits = [9, 0, 9, 0];
    expect(fitTemperature(logits, [0, 0], 2)).toBeCloseTo(0.05, 4);
    expect(fitTemperature(logits, [1, 1], 2)).toBeCloseTo(20, 2);
  });
});

describe('negativeLogTop', () => {
  it('golden: equals -log of the largest softmax', () => {
    const [a, b, c] = [1, 2, 0.5];
    const sum = Math.exp(a) + Math.exp(b) + Math.exp(c);
    expect(negativeLogTop([a, b, c], 0, 3, 1)).toBeCloseTo(-Math.log(Math.exp(b) / sum), 14);
    expect(negativeLogTop([7, 7], 0, 2, 1)).toBeCloseTo(Math.LN2, 15);
  });

  it('edge: huge logits neither overflow nor become NaN', () => {
    expect(negativeLogTop([1e38, -1e38, 0], 0, 3, 1)).toBe(0);
    expect(negativeLogTop([-1e38, -1e38], 0, 2, 1)).toBeCloseTo(Math.LN2, 15);
  });
});
