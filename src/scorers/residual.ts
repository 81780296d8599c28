import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import { DomainError } from '../errors.js';
import { CONSTANT_VARIANCE } from '../numerics.js';
import type { Rows } from '../util/rows.js';
import { indexOfTop } from '../util/softmax.js';
import { symmetricEigen } from '../util/symmetricEigen.js';
import { mapBlocks } from './blocks.js';
import { checkHead, HEAD_ARRAYS, headArrays, headLogits, rowEnergies } from './head.js';
import type { Fitted, FittedArrays } from './fitted.js';
import { float32Array, float64Array } from './fitted.js';
import type { HostHead, Inputs } from './inputs.js';
import { defineScorer } from './scorer.js';
import { centered, scatter } from './statistics.js';

const rule = "be 'auto' or an integer >= 1";
const options = z.strictObject({
  dimension: z
    .union([z.literal('auto'), z.number().int({ error: rule }).min(1, { error: rule })], {
      error: rule,
    })
    .default('auto'),
});

const RESIDUAL_ARRAYS = {
  origin: { dtype: 'float64', shape: ['d'] },
  complement: { dtype: 'float32', shape: ['d', 'r'] },
} as const;

/** The u with u . weight = -bias nearest to 0: there, all logits are 0. By eigenvalues in float64. */
function originOf({ weight, bias }: HostHead): Float64Array {
  const [d, classes] = [weight.count, bias.length];
  const isTall = d >= classes;
  const n = isTall ? classes : d;
  // u = -A (A^T A)^+ b = -(A A^T)^+ A b, with the smaller of the two products.
  const at = (row: number, c: number): number => weight.data[row * classes + c];
  const entry = (i: number, j: number): number => {
    let sum = 0;
    if (isTall) for (let l = 0; l < d; l++) sum += at(l, i) * at(l, j);
    else for (let c = 0; c < classes; c++) sum += at(i, c) * at(j, c);
    return sum;
  };
  const gram = new Float64Array(n * n);
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) gram[i * n + j] = entry(i, j);
  const target = isTall ? Float64Array.from(bias) : transform(weight, bias);
  const solved = pseudoSolve(gram, target);
  const u = isTall ? transform(weight, solved) : solved;
  return u.map((v) => -v);
}

/** weight . v for one value per class. */
function transform(weight: Rows, v: ArrayLike<number>): Float64Array {
  const classes = weight.rowShape[0];
  return Float64Array.from({ length: weight.count }, (_, j) => {
    let sum = 0;
    for (let c = 0; c < classes; c++) sum += weight.data[j * classes + c] * v[c];
    return sum;
  });
}

function pseudoSolve(matrix: Float64Array, target: Float64Array): Float64Array {
  const n = target.length;
  const { values, vectors } = symmetricEigen(matrix, n);
  const out = new Float64Array(n);
  for (let k = 0; k < n; k++) {
    if (!(values[k] > CONSTANT_VARIANCE * values[n - 1])) continue;
    const vector = vectors.subarray(k * n, (k + 1) * n);
    const share = vector.reduce((sum, v, i) => sum + v * target[i], 0) / values[k];
    for (let i = 0; i < n; i++) out[i] += share * vector[i];
  }
  return out;
}

/** Dimension of the principal space that ViM's authors take by default. */
function automaticDimension(d: number): number {
  if (d >= 2048) return 1000;
  return d >= 768 ? 512 : Math.max(1, Math.floor(d / 2));
}

function fitResidual(op: string, { features, head }: Inputs, asked: number | 'auto'): FittedArrays {
  checkHead(op, head, features);
  const d = features.rowShape[0];
  const dimension = asked === 'auto' ? automaticDimension(d) : asked;
  if (dimension >= d) {
    const expected = `be below the number of features, ${d}`;
    throw new DomainError({ op, arg: 'dimension', expected, got: `${dimension}` });
  }
  const origin = originOf(head);
  const spread = scatter(features, () => origin).map((v) => v / features.count);
  // Eigenvalues ascend: the first d - dimension vectors span what is left of the principal space.
  const { vectors } = symmetricEigen(spread, d);
  const r = d - dimension;
  const complement = new Float32Array(d * r);
  for (let k = 0; k < r; k++) {
    for (let j = 0; j < d; j++) complement[j * r + k] = vectors[k * d + j];
  }
  return { origin: float64Array(origin, [d]), complement: float32Array(complement, [d, r]) };
}

/** |(x - u) N| of every row. */
async function residuals(features: Rows, fitted: Fitted): Promise<Float64Array> {
  const shifted = centered(features, fitted.float64('origin'));
  const [, r] = fitted.shape('complement');
  const norms = await mapBlocks(shifted, 1, r, (block) =>
    tf.sqrt(tf.sum(tf.square(tf.matMul(block, fitted.tensor('complement'))), 1)),
  );
  return Float64Array.from(norms);
}

/**
 * Residual: |(x - u) N|, the length of what lies outside the principal space of the bank. u = -b W^+ is where
 * all logits are 0, N spans the eigenvectors of (1/n) sum (x_i - u)(x_i - u)^T beyond the `dimension` largest.
 * Fit needs features and head, score features.
 * @param options.dimension D, below the number of features d. Default 'auto': 1000 for d >= 2048, 512 for
 * d >= 768, else d / 2.
 * Numerics: eigenvectors in float64 on the host, O(n d^2 + d^3); scores in float32 on the device.
 * Reference: Wang, Li, Feng, Zhang, ViM: Out-of-Distribution with Virtual-logit Matching, CVPR 2022.
 */
export const residual = defineScorer({
  name: 'residual',
  fitNeeds: ['features', 'head'],
  scoreNeeds: ['features'],
  options,
  arrays: RESIDUAL_ARRAYS,
  fit: (op, bank, { dimension }) => fitResidual(op, bank, dimension),
  score: ({ features }, fitted) => residuals(features, fitted),
});

/**
 * Virtual-logit matching: alpha r(x) - log sum_j exp(z_j), with r of {@link residual}, logits z by the head
 * and alpha = (mean largest logit) / (mean r) of the bank. Needs and options as residual. Ranks are those of
 * the softmax probability of the virtual logit alpha r.
 * @throws DomainError when every bank row lies in the principal space, as r is 0 there.
 * Reference: Wang, Li, Feng, Zhang, ViM, CVPR 2022.
 */
export const vim = defineScorer({
  name: 'vim',
  fitNeeds: ['features', 'head'],
  scoreNeeds: ['features'],
  options,
  arrays: { ...RESIDUAL_ARRAYS, ...HEAD_ARRAYS, alpha: { dtype: 'float64', shape: [1] } },
  fit: async (op, bank, { dimension }, hold) => {
    const parts = { ...fitResidual(op, bank, dimension), ...headArrays(bank.head) };
    const held = hold(parts);
    const logits = await headLogits(bank.features, held);
    const classes = bank.head.bias.length;
    const left = (await residuals(bank.features, held)).reduce((a, b) => a + b, 0);
    if (!(left > 0)) {
      const expected = 'leave the principal space';
      const fix = 'Lower dimension.';
      throw new DomainError({ op, arg: 'features', expected, got: 'residuals of 0', fix });
    }
    let tops = 0;
    for (let i = 0; i < bank.count; i++) {
      tops += logits[i * classes + indexOfTop(logits, i * classes, classes)];
    }
    return { ...parts, alpha: float64Array(Float64Array.of(tops / left), [1]) };
  },
  score: async ({ features }, fitted) => {
    const alpha = fitted.float64('alpha')[0];
    const energies = rowEnergies(await headLogits(features, fitted), fitted.shape('bias')[0]);
    return (await residuals(features, fitted)).map((v, i) => alpha * v - energies[i]);
  },
});
