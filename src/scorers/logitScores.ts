import { z } from 'zod';
import { DomainError } from '../errors.js';
import { fitTemperature, indexOfTop, logSumExp, negativeLogTop } from '../util/softmax.js';
import type { Rows } from '../util/rows.js';
import { float64Array, int32Array } from './fitted.js';
import { count, defineScorer, positive, real } from './scorer.js';

/** One value per row of logits, in float64 on the host. */
function perRow(logits: Rows, score: (start: number, classes: number) => number): Float64Array {
  const classes = logits.rowShape[0];
  return Float64Array.from({ length: logits.count }, (_, i) => score(i * classes, classes));
}

/** 1 - max_j softmax(z / T)_j, from the margins, so that confident rows do not tie at 0. */
function maxSoftmaxScores(logits: Rows, temperature: number): Float64Array {
  return perRow(
    logits,
    (start, classes) => -Math.expm1(-negativeLogTop(logits.data, start, classes, temperature)),
  );
}

/**
 * Maximum softmax probability: 1 - max_j softmax(z / T)_j, in [0, 1 - 1/classes]. Needs logits; nothing
 * is fitted. Computed from the margins in float64: exact to rounding also where 1 - p of a float32 softmax
 * is 0.
 * @param options.temperature T > 0. Default 1.
 * Reference: Hendrycks, Gimpel, A Baseline for Detecting Misclassified and Out-of-Distribution Examples,
 * ICLR 2017, section 2.
 */
export const msp = defineScorer({
  name: 'msp',
  fitNeeds: [],
  scoreNeeds: ['logits'],
  options: z.strictObject({ temperature: positive.default(1) }),
  arrays: {},
  score: ({ logits }, _, { temperature }) => maxSoftmaxScores(logits, temperature),
});

/**
 * Maximum logit: -max_j z_j. Needs logits; nothing is fitted.
 * Reference: Hendrycks et al., Scaling Out-of-Distribution Detection for Real-World Settings, ICML 2022,
 * section 3.
 */
export const maxLogit = defineScorer({
  name: 'maxLogit',
  fitNeeds: [],
  scoreNeeds: ['logits'],
  options: z.strictObject({}),
  arrays: {},
  score: ({ logits }) =>
    perRow(
      logits,
      (start, classes) => -logits.data[start + indexOfTop(logits.data, start, classes)],
    ),
});

/**
 * Energy: -T log sum_j exp(z_j / T). Needs logits; nothing is fitted.
 * @param options.temperature T > 0. Default 1.
 * Reference: Liu, Wang, Owens, Li, Energy-based Out-of-distribution Detection, NeurIPS 2020, eq. 4.
 */
export const energy = defineScorer({
  name: 'energy',
  fitNeeds: [],
  scoreNeeds: ['logits'],
  options: z.strictObject({ temperature: positive.default(1) }),
  arrays: {},
  score: ({ logits }, _, { temperature }) => {
    const scaled = Float64Array.from(logits.data, (z) => z / temperature);
    return perRow(logits, (start, classes) => -temperature * logSumExp(scaled, start, classes));
  },
});

/**
 * Generalised entropy: sum of p^gamma (1 - p)^gamma over the `top` largest softmax probabilities. Needs
 * logits; nothing is fitted. With fewer classes than `top`, all count.
 * @param options.gamma In (0, 1). Default 0.1. @param options.top Integer >= 1. Default 100.
 * Numerics: 1 - p of the largest is summed from the others, so it does not round to 0.
 * Reference: Liu, Lochman, Zach, GEN: Pushing the Limits of Softmax-Based Out-of-Distribution Detection,
 * CVPR 2023.
 */
export const gen = defineScorer({
  name: 'gen',
  fitNeeds: [],
  scoreNeeds: ['logits'],
  options: z.strictObject({
    gamma: real('be in (0, 1)', (v) => v > 0 && v < 1).default(0.1),
    top: count.default(100),
  }),
  arrays: {},
  score: ({ logits }, _, { gamma, top }) =>
    perRow(logits, (start, classes) => {
      const sorted = Float64Array.from(logits.data.subarray(start, start + classes)).sort();
      sorted.reverse();
      const powers = sorted.map((z) => Math.exp(z - sorted[0]));
      // Smallest first; what stays beside the largest is its 1 - p.
      let others = 0;
      for (let j = classes - 1; j > 0; j--) others += powers[j];
      const total = others + powers[0];
      let sum = 0;
      for (let j = 0; j < Math.min(top, classes); j++) {
        const rest = j === 0 ? others : total - powers[j];
        sum += ((powers[j] / total) * (rest / total)) ** gamma;
      }
      return sum;
    }),
});

/**
 * Maximum softmax probability at the temperature that minimises the negative log-likelihood of held-out
 * rows: fit needs logits and labels, score logits. T in [0.05, 20] by golden-section search in float64;
 * `fittedValues('temperature')` tells it.
 * Reference: Guo, Pleiss, Sun, Weinberger, On Calibration of Modern Neural Networks, 2017, section 4.2.
 */
export const temperatureScaling = defineScorer({
  name: 'temperatureScaling',
  fitNeeds: ['logits', 'labels'],
  scoreNeeds: ['logits'],
  options: z.strictObject({}),
  arrays: {
    temperature: { dtype: 'float64', shape: [1] },
    // Tells how many classes there are.
    labelCounts: { dtype: 'int32', shape: ['classes'] },
  },
  fit: (op, { logits, labels }) => {
    const classes = logits.rowShape[0];
    checkLabelRange(op, labels, classes);
    const temperature = fitTemperature(logits.data, labels, classes);
    const labelCounts = new Int32Array(classes);
    for (const label of labels) labelCounts[label]++;
    return {
      temperature: float64Array(Float64Array.of(temperature), [1]),
      labelCounts: int32Array(labelCounts),
    };
  },
  score: ({ logits }, fitted) => maxSoftmaxScores(logits, fitted.float64('temperature')[0]),
});

/** @throws DomainError for a label that is no column of the logits. */
export function checkLabelRange(op: string, labels: Int32Array, classes: number): void {
  const row = labels.findIndex((label) => label >= classes);
  if (row < 0) return;
  throw new DomainError({
    op,
    arg: 'labels',
    expected: `be columns of the logits, 0 to ${classes - 1}`,
    got: `${labels[row]} at row ${row}`,
  });
}
