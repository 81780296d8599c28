import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor3D } from '@tensorflow/tfjs';

/**
 * 1 - c |x|^2 of every row [B, n, 1] to float32 accuracy even where it cancels: squares and their sum
 * are carried with their rounding errors (Dekker 1971; Ogita, Rump & Oishi 2005, Dot2).
 */
export function complementOfSquares(rows: Tensor3D, c: number): Tensor {
  const op = tf.customGrad<Tensor>((...args) => {
    const [x, save] = args as [Tensor3D, tf.GradSaveFunc];
    save([x]);
    return {
      value: tf.tidy(() => compensatedGap(x, c)),
      gradFunc: (dy: Tensor, [saved]: Tensor[]) => tf.mul(tf.mul(saved, -2 * c), dy),
    };
  });
  return op(rows);
}

/**
 * 1 - c |x|^2 of every row, [n, 1], of rows x [n, d] and c [n, 1] or [1, 1]; as
 * {@link complementOfSquares}, for a curvature that is a tensor. Has no gradient of its own.
 */
export function gapOfRows(x: Tensor, c: Tensor): Tensor {
  return tf.tidy(() => {
    const [sum, sumRest] = compensatedSum(...twoProduct(x, x));
    const [product, productRest] = twoProduct(sum, c);
    const [gap, gapRest] = twoSum(tf.onesLike(product), tf.neg(product));
    return tf.add(gap, tf.sub(gapRest, tf.add(productRest, tf.mul(sumRest, c))));
  });
}

type Sum = readonly [Tensor, Tensor];

/** a + b and its rounding error (Knuth). */
function twoSum(a: Tensor, b: Tensor): Sum {
  const sum = tf.add(a, b);
  const part = tf.sub(sum, a);
  const error = tf.add(tf.sub(a, tf.sub(sum, part)), tf.sub(b, part));
  return [sum, error];
}

/** a b and its rounding error, by halves of 12 bits (Dekker). */
function twoProduct(a: Tensor, b: Tensor): Sum {
  const halves = (v: Tensor): Sum => {
    const scaled = tf.mul(v, 4097);
    const high = tf.sub(scaled, tf.sub(scaled, v));
    return [high, tf.sub(v, high)];
  };
  const [aHigh, aLow] = halves(a);
  const [bHigh, bLow] = halves(b);
  const product = tf.mul(a, b);
  const rest = tf.sub(tf.mul(aHigh, bHigh), product);
  const cross = tf.add(tf.mul(aHigh, bLow), tf.mul(aLow, bHigh));
  return [product, tf.add(tf.add(rest, cross), tf.mul(aLow, bLow))];
}

function compensatedGap(x: Tensor3D, c: number): Tensor {
  const rootHigh = Math.fround(Math.sqrt(c));
  const [product, productError] = twoProduct(x, tf.scalar(rootHigh));
  const scaleError = tf.mul(x, Math.sqrt(c) - rootHigh);
  const low = tf.add(productError, scaleError);
  const [square, squareError] = twoProduct(product, product);
  const errors = tf.add(squareError, tf.mul(tf.mul(product, 2), low));
  const [sum, rest] = compensatedSum(square, errors);
  const [gap, gapError] = twoSum(tf.onesLike(sum), tf.neg(sum));
  return tf.add(gap, tf.sub(gapError, rest));
}

/** Sum over the last axis, kept as [B, n, 1], by halving with the rounding error of every addition. */
function compensatedSum(values: Tensor, errors: Tensor): Sum {
  let sum: Tensor = values;
  let rest: Tensor = errors;
  const lead = values.shape.slice(0, -1);
  const begin = lead.map(() => 0);
  for (let d = values.shape[values.rank - 1]; d > 1; d = Math.ceil(d / 2)) {
    const half = Math.floor(d / 2);
    const part = (v: Tensor, from: number, size: number): Tensor =>
      v.slice([...begin, from], [...lead, size]);
    const [added, error] = twoSum(part(sum, 0, half), part(sum, half, half));
    let errorSum = tf.add(tf.add(part(rest, 0, half), part(rest, half, half)), error);
    let valueSum = added;
    if (d % 2 === 1) {
      valueSum = tf.concat([added, part(sum, d - 1, 1)], -1);
      errorSum = tf.concat([errorSum, part(rest, d - 1, 1)], -1);
    }
    sum = valueSum;
    rest = errorSum;
  }
  return [sum, rest];
}
