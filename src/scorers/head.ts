import * as tf from '@tensorflow/tfjs';
import { ShapeError } from '../errors.js';
import type { Rows } from '../util/rows.js';
import { logSumExp } from '../util/softmax.js';
import { mapBlocks } from './blocks.js';
import type { Fitted, FittedArrays } from './fitted.js';
import { float32Array } from './fitted.js';
import type { HostHead } from './inputs.js';

export const HEAD_ARRAYS = {
  weight: { dtype: 'float32', shape: ['d', 'classes'] },
  bias: { dtype: 'float32', shape: ['classes'] },
} as const;

export function headArrays({ weight, bias }: HostHead): FittedArrays {
  const [d, classes] = [weight.count, bias.length];
  return { weight: float32Array(weight.data, [d, classes]), bias: float32Array(bias, [classes]) };
}

/** @throws ShapeError unless the head takes rows of these features. */
export function checkHead(op: string, { weight }: HostHead, features: Rows): void {
  const d = features.rowShape[0];
  if (weight.count === d) return;
  const expected = `have one row for each of the ${d} columns of features`;
  throw new ShapeError({ op, arg: 'head.weight', expected, got: `${weight.count} rows` });
}

/** factor_i * (x_i . weight) + bias of every row: the product on the device, the rest in float64. */
export async function headLogits(
  rows: Rows,
  fitted: Fitted,
  factors?: Float64Array,
): Promise<Float64Array> {
  const bias = fitted.float32('bias');
  const classes = bias.length;
  const products = await mapBlocks(rows, classes, classes, (block) =>
    tf.matMul(block, fitted.tensor('weight')),
  );
  return Float64Array.from(products, (v, s) => {
    const factor = factors === undefined ? 1 : factors[Math.floor(s / classes)];
    return v * factor + bias[s % classes];
  });
}

/** log sum_j exp(z_j) of every row. */
export function rowEnergies(logits: ArrayLike<number>, classes: number): Float64Array {
  return Float64Array.from({ length: logits.length / classes }, (_, i) =>
    logSumExp(logits, i * classes, classes),
  );
}
