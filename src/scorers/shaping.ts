import { z } from 'zod';
import { DomainError } from '../errors.js';
import { quantile } from '../metrics/summary.js';
import type { Rows } from '../util/rows.js';
import { mapRows } from './blocks.js';
import type { Fitted } from './fitted.js';
import { float64Array } from './fitted.js';
import { checkHead, HEAD_ARRAYS, headArrays, headLogits, rowEnergies } from './head.js';
import { defineScorer, percentile } from './scorer.js';

async function headEnergies(
  rows: Rows,
  fitted: Fitted,
  factors?: Float64Array,
): Promise<Float64Array> {
  const logits = await headLogits(rows, fitted, factors);
  return rowEnergies(logits, fitted.shape('bias')[0]).map((v) => -v);
}

/**
 * Rectified activations: the energy -log sum_j exp(z_j) of the logits of min(x, c), with c a percentile of
 * all features of the bank together. Fit needs features and head, score features.
 * @param options.percentile In [0, 100), by linear interpolation. Default 90.
 * `fittedValues('threshold')` tells c. Sorting the bank's features takes one float64 copy of them.
 * Reference: Sun, Guo, Li, ReAct: Out-of-distribution Detection With Rectified Activations, NeurIPS 2021,
 * section 3.
 */
export const react = defineScorer({
  name: 'react',
  fitNeeds: ['features', 'head'],
  scoreNeeds: ['features'],
  options: z.strictObject({ percentile: percentile.default(90) }),
  arrays: { ...HEAD_ARRAYS, threshold: { dtype: 'float64', shape: [1] } },
  fit: (op, { features, head }, options) => {
    checkHead(op, head, features);
    const threshold = quantile(features.data, options.percentile / 100);
    return { ...headArrays(head), threshold: float64Array(Float64Array.of(threshold), [1]) };
  },
  score: async ({ features }, fitted) => {
    const threshold = fitted.float64('threshold')[0];
    const clipped = mapRows(features, (row, out) => {
      for (let j = 0; j < row.length; j++) out[j] = Math.min(row[j], threshold);
    });
    return await headEnergies(clipped, fitted);
  },
});

/** Features kept of d: all but the given percentage, one at least. */
function keptCount(d: number, cut: number): number {
  return Math.max(1, d - Math.round((d * cut) / 100));
}

/** Largest quotient of sums whose exponential is finite, rounded down. */
const MOST_EXPONENT = 700;

/** @throws DomainError where exp(sum / sum of the kept) could overflow: it is at most exp(d / kept). */
function checkKept(op: string, d: number, cut: number): void {
  const kept = keptCount(d, cut);
  if (d / kept <= MOST_EXPONENT) return;
  const expected = `keep at least 1 in ${MOST_EXPONENT} of the ${d} features`;
  throw new DomainError({ op, arg: 'percentile', expected, got: `${cut}, which keeps ${kept}` });
}

/** @throws DomainError for a negative feature: the sums of these methods are of rectified ones. */
function checkRectified(op: string, { data, rowShape: [d] }: Rows): void {
  const at = data.findIndex((v) => v < 0);
  if (at < 0) return;
  throw new DomainError({
    op,
    arg: 'features',
    expected: 'be >= 0, as after a ReLU',
    got: `${data[at]} at row ${Math.floor(at / d)}, feature ${at % d}`,
  });
}

interface Pruned {
  /** The rows with all but their largest features set to 0. */
  readonly rows: Rows;
  /** 1 at each feature that was kept. */
  readonly marks: Uint8Array;
  /** Sum of each row before. */
  readonly total: Float64Array;
  /** Sum of each row's kept features. */
  readonly top: Float64Array;
}

/** Keep the `kept` largest features of every row, ties to the lower index. */
function prune(rows: Rows, kept: number): Pruned {
  const [total, top] = [new Float64Array(rows.count), new Float64Array(rows.count)];
  const marks = new Uint8Array(rows.data.length);
  const pruned = mapRows(rows, (row, out, i) => {
    const sorted = row.slice().sort();
    const least = sorted[row.length - kept];
    let ties = kept - sorted.filter((v) => v > least).length;
    row.forEach((v, j) => {
      total[i] += v;
      if (v < least || (v === least && ties-- <= 0)) return;
      marks[i * row.length + j] = 1;
      out[j] = v;
      top[i] += v;
    });
  });
  return { rows: pruned, marks, total, top };
}

/** exp(total / top), 1 for a row of zeros. */
function scales(total: Float64Array, top: Float64Array): Float64Array {
  return total.map((sum, i) => (sum === 0 ? 1 : Math.exp(sum / top[i])));
}

const VARIANTS = ['prune', 'binarize', 'scale'] as const;

/**
 * Activation shaping: the energy of the logits of x with all but its largest features set to 0, and then
 * 'prune' (ASH-P): the kept ones as they are; 'binarize' (ASH-B): all kept ones set to (sum of all) / (number
 * kept); 'scale' (ASH-S): the kept ones times exp((sum of all) / (sum of the kept)). Fit needs the head only,
 * score features, which must be >= 0. A row of zeros stays one.
 * @param options.percentile Share that is cut, in [0, 100). Default 90. @param options.variant Default
 * 'scale'.
 * @throws DomainError for a negative feature.
 * Reference: Djurisic, Bozanic, Ashok, Liu, Extremely Simple Activation Shaping for Out-of-Distribution
 * Detection, ICLR 2023.
 */
export const ash = defineScorer({
  name: 'ash',
  fitNeeds: ['head'],
  scoreNeeds: ['features'],
  options: z.strictObject({
    percentile: percentile.default(90),
    variant: z.enum(VARIANTS, { error: `be one of ${VARIANTS.join(', ')}` }).default('scale'),
  }),
  arrays: HEAD_ARRAYS,
  fit: (op, { head }, options) => {
    checkKept(op, head.weight.count, options.percentile);
    return headArrays(head);
  },
  score: async ({ features }, fitted, options) => {
    checkRectified('ash.score', features);
    const kept = keptCount(features.rowShape[0], options.percentile);
    const { rows, marks, total, top } = prune(features, kept);
    if (options.variant === 'prune') return await headEnergies(rows, fitted);
    if (options.variant === 'scale') {
      return await headEnergies(rows, fitted, scales(total, top));
    }
    const binary = mapRows(rows, (row, out, i) => {
      for (let j = 0; j < row.length; j++) out[j] = (marks[i * row.length + j] * total[i]) / kept;
    });
    return await headEnergies(binary, fitted);
  },
});

/**
 * SCALE: the energy of the logits of x exp((sum of all features) / (sum of the largest ones)); nothing is set
 * to 0. Needs and conditions as {@link ash}.
 * @param options.percentile Share that the largest ones leave out, in [0, 100). Default 85.
 * Reference: Xu, Chen, Franchi, Yao, Scaling for Training Time and Post-hoc Out-of-distribution Detection
 * Enhancement, ICLR 2024.
 */
export const scale = defineScorer({
  name: 'scale',
  fitNeeds: ['head'],
  scoreNeeds: ['features'],
  options: z.strictObject({ percentile: percentile.default(85) }),
  arrays: HEAD_ARRAYS,
  fit: (op, { head }, options) => {
    checkKept(op, head.weight.count, options.percentile);
    return headArrays(head);
  },
  score: async ({ features }, fitted, options) => {
    checkRectified('scale.score', features);
    const { total, top } = prune(features, keptCount(features.rowShape[0], options.percentile));
    return await headEnergies(features, fitted, scales(total, top));
  },
});
