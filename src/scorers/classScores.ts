import { z } from 'zod';
import { DomainError } from '../errors.js';
import type { Rows } from '../util/rows.js';
import { indexOfTop, logSumExp } from '../util/softmax.js';
import { float32Array, float64Array, int32Array } from './fitted.js';
import { checkHead, HEAD_ARRAYS, headArrays, headLogits, rowEnergies } from './head.js';
import { checkLabelRange } from './logitScores.js';
import { knn as nearest } from '../ops/knn.js';
import { mapBlocks, mapRows } from './blocks.js';
import { checkK, unitRows } from './neighborScores.js';
import { count, defineScorer } from './scorer.js';
import { meanOf } from './statistics.js';

/** log softmax of one row, float64. */
function logSoftmax({ data, rowShape: [classes] }: Rows, row: number): Float64Array {
  const start = row * classes;
  const total = logSumExp(data, start, classes);
  return Float64Array.from(data.subarray(start, start + classes), (z) => z - total);
}

/** Predicted class of a row, the lower one on ties. */
function predicted({ data, rowShape: [classes] }: Rows, row: number): number {
  return indexOfTop(data, row * classes, classes);
}

/** log(exp(a) + exp(b)). */
function logAdd(a: number, b: number): number {
  const top = Math.max(a, b);
  return top === -Infinity ? top : top + Math.log1p(Math.exp(Math.min(a, b) - top));
}

/**
 * KL matching: min_c KL(softmax(z) || d_c), where d_c is the mean softmax of the bank rows that are predicted
 * as class c; a class that no bank row is predicted as has none. >= 0 but for rounding. Fit and score need
 * logits. Sums of probabilities are kept as logarithms in float64, so none underflows.
 * Reference: Hendrycks et al., Scaling Out-of-Distribution Detection for Real-World Settings, ICML 2022,
 * section 4.
 */
export const klMatching = defineScorer({
  name: 'klMatching',
  fitNeeds: ['logits'],
  scoreNeeds: ['logits'],
  options: z.strictObject({}),
  arrays: { templates: { dtype: 'float64', shape: ['t', 'classes'] } },
  fit: (_, { logits }) => {
    const classes = logits.rowShape[0];
    const sums = new Map<number, { rows: number; logs: Float64Array }>();
    for (let i = 0; i < logits.count; i++) {
      const c = predicted(logits, i);
      const own = sums.get(c) ?? { rows: 0, logs: new Float64Array(classes).fill(-Infinity) };
      own.rows++;
      logSoftmax(logits, i).forEach((v, j) => (own.logs[j] = logAdd(own.logs[j], v)));
      sums.set(c, own);
    }
    const found = [...sums].sort(([a], [b]) => a - b).map(([, own]) => own);
    const templates = new Float64Array(found.length * classes);
    found.forEach(({ rows, logs }, t) => {
      templates.set(
        logs.map((v) => v - Math.log(rows)),
        t * classes,
      );
    });
    return { templates: float64Array(templates, [found.length, classes]) };
  },
  score: ({ logits }, fitted) => {
    const templates = fitted.float64('templates');
    const [count, classes] = fitted.shape('templates');
    return Float64Array.from({ length: logits.count }, (_, i) => {
      const logs = logSoftmax(logits, i);
      let least = Infinity;
      for (let t = 0; t < count; t++) {
        let sum = 0;
        for (let j = 0; j < classes; j++) {
          const p = Math.exp(logs[j]);
          if (p > 0) sum += p * (logs[j] - templates[t * classes + j]);
        }
        least = Math.min(least, sum);
      }
      return least;
    });
  },
});

/**
 * Simplified Hopfield energy: -x . s_c, where c is the predicted class and s_c the mean of the bank's
 * features that are rightly predicted as c. Infinity for a row predicted as a class without such bank rows.
 * Fit needs features, logits and labels (columns of the logits), score features and logits. float64 on the
 * host.
 * @throws DomainError when no bank row is predicted rightly.
 * Reference: Zhang et al., Out-of-Distribution Detection based on In-Distribution Data Patterns Memorization
 * with Modern Hopfield Energy, ICLR 2023.
 */
export const she = defineScorer({
  name: 'she',
  fitNeeds: ['features', 'logits', 'labels'],
  scoreNeeds: ['features', 'logits'],
  options: z.strictObject({}),
  arrays: {
    patterns: { dtype: 'float64', shape: ['classes', 'd'] },
    counts: { dtype: 'int32', shape: ['classes'] },
  },
  fit: (op, { features, logits, labels }) => {
    const [d, classes] = [features.rowShape[0], logits.rowShape[0]];
    checkLabelRange(op, labels, classes);
    const patterns = new Float64Array(classes * d);
    const right = Array.from({ length: classes }, (): number[] => []);
    labels.forEach((label, i) => {
      if (predicted(logits, i) === label) right[label].push(i);
    });
    if (right.every((own) => own.length === 0)) {
      const expected = 'predict some rows as their label';
      throw new DomainError({ op, arg: 'logits', expected, got: 'none predicted rightly' });
    }
    right.forEach((own, c) => {
      if (own.length > 0) patterns.set(meanOf(features, own), c * d);
    });
    const counts = Int32Array.from(right, (own) => own.length);
    return { patterns: float64Array(patterns, [classes, d]), counts: int32Array(counts) };
  },
  score: ({ features, logits }, fitted) => {
    const [patterns, counts] = [fitted.float64('patterns'), fitted.int32('counts')];
    const d = features.rowShape[0];
    return Float64Array.from({ length: features.count }, (_, i) => {
      const c = predicted(logits, i);
      if (counts[c] === 0) return Infinity;
      let sum = 0;
      for (let j = 0; j < d; j++) sum += features.data[i * d + j] * patterns[c * d + j];
      return -sum;
    });
  },
});

/** |w_a - w_b| of every two classes. */
function weightGaps({ data, count: d, rowShape: [classes] }: Rows): Float64Array {
  const squares = new Float64Array(classes * classes);
  for (let j = 0; j < d; j++) {
    const row = data.subarray(j * classes, (j + 1) * classes);
    for (let a = 0; a < classes; a++) {
      for (let b = 0; b < classes; b++) squares[a * classes + b] += (row[a] - row[b]) ** 2;
    }
  }
  return squares.map(Math.sqrt);
}

/**
 * Distance to the decision boundaries: -(mean over c other than the prediction p of (z_p - z_c) / |w_p - w_c|)
 * / |x - m|, with m the mean of the bank's features, or 0 on request. Classes whose weights equal those of p have no boundary
 * with it and are left out. 0 for a row on all boundaries, -Infinity for another one at m itself. Fit needs
 * features and head, score features; logits are by the head.
 * @param options.center m: 'mean' (default, as in the paper) or 'origin'.
 * @throws DomainError for a head without two different columns.
 * Reference: Liu, Qin, Fast Decision Boundary based Out-of-Distribution Detector, ICML 2024.
 */
export const fdbd = defineScorer({
  name: 'fdbd',
  fitNeeds: ['features', 'head'],
  scoreNeeds: ['features'],
  options: z.strictObject({
    center: z.enum(['mean', 'origin'], { error: 'be one of mean, origin' }).default('mean'),
  }),
  arrays: {
    ...HEAD_ARRAYS,
    center: { dtype: 'float64', shape: ['d'] },
    gaps: { dtype: 'float64', shape: ['classes', 'classes'] },
  },
  fit: (op, { features, head }, { center }) => {
    checkHead(op, head, features);
    const gaps = weightGaps(head.weight);
    const classes = head.bias.length;
    if (!gaps.some((gap) => gap > 0)) {
      const expected = 'have two different columns';
      throw new DomainError({ op, arg: 'head.weight', expected, got: `${classes} equal` });
    }
    const d = features.rowShape[0];
    const from = center === 'mean' ? meanOf(features) : new Float64Array(d);
    return {
      ...headArrays(head),
      center: float64Array(from, [d]),
      gaps: float64Array(gaps, [classes, classes]),
    };
  },
  score: async ({ features }, fitted) => {
    const [center, gaps] = [fitted.float64('center'), fitted.float64('gaps')];
    const [classes, d] = [fitted.shape('bias')[0], center.length];
    const logits = await headLogits(features, fitted);
    return Float64Array.from({ length: features.count }, (_, i) => {
      const start = i * classes;
      const top = indexOfTop(logits, start, classes);
      let [sum, boundaries] = [0, 0];
      for (let c = 0; c < classes; c++) {
        const gap = gaps[top * classes + c];
        if (gap === 0) continue;
        sum += (logits[start + top] - logits[start + c]) / gap;
        boundaries++;
      }
      if (sum === 0) return 0;
      let squares = 0;
      for (let j = 0; j < d; j++) squares += (features.data[i * d + j] - center[j]) ** 2;
      return -sum / boundaries / Math.sqrt(squares);
    });
  },
});

/**
 * Nearest-neighbour guidance: -E(x) G(x), with E = log sum_j exp(z_j) and G(x) the mean of the k largest
 * x.b_i E(b_i) over the bank, x and b_i scaled to length 1 (a zero row stays zero). Fit and score need
 * features and logits. The paper takes a bank of 1 % of the training rows. It supposes E > 0, as trained
 * networks have on their data.
 * @param options.k Default 100.
 * Numerics: exact products, rounded to float32. Cost: O(rows * bank * d) on the device.
 * @throws DomainError when k is larger than the bank.
 * Reference: Park, Jung, Teoh, Nearest Neighbor Guidance for Out-of-Distribution Detection, ICCV 2023.
 */
export const nnguide = defineScorer({
  name: 'nnguide',
  fitNeeds: ['features', 'logits'],
  scoreNeeds: ['features', 'logits'],
  options: z.strictObject({ k: count.default(100) }),
  arrays: { bank: { dtype: 'float32', shape: ['n', 'd'] } },
  fit: (op, { features, logits }, { k }) => {
    checkK(op, k, features.count, 'the number of rows in the bank');
    const energies = rowEnergies(logits.data, logits.rowShape[0]);
    const units = mapRows(unitRows(features), (row, out, i) => {
      for (let j = 0; j < row.length; j++) out[j] = row[j] * energies[i];
    });
    return { bank: float32Array(units.data, [features.count, features.rowShape[0]]) };
  },
  score: async ({ features, logits }, fitted, { k }) => {
    const energies = rowEnergies(logits.data, logits.rowShape[0]);
    const products = await mapBlocks(
      unitRows(features),
      k,
      k,
      (block) =>
        nearest(block, fitted.tensor('bank'), k, { metric: 'innerProduct', resident: true })
          .distances,
    );
    return energies.map((own, i) => {
      const guidance = products.subarray(i * k, (i + 1) * k).reduce((a, b) => a + b, 0) / k;
      return -own * guidance;
    });
  },
});
