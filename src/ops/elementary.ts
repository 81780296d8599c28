import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';

/**
 * Elementary functions composed of tfjs ops that keep their relative accuracy near 0, where the
 * shaders of tfjs lose it.
 */

/** c[0] + v (c[1] + v (c[2] + ...)). */
function polynomial(v: Tensor, coefficients: readonly number[]): Tensor {
  return coefficients.reduceRight<Tensor>((tail, c) => tf.add(tf.mul(tail, v), c), tf.zerosLike(v));
}

/** -1, 0 or 1; NaN stays. tfjs's own sign gives 0 for small values on wasm. */
export function signOf(v: Tensor): Tensor {
  return tf.tidy(() => {
    const ones = tf.onesLike(v);
    const positive = tf.where(tf.greater(v, 0), ones, v);
    return tf.where(tf.less(v, 0), tf.neg(ones), positive);
  });
}

/** ln(1 + v); near 0 as 2 artanh(v / (2 + v)) by its series. */
export function log1p(v: Tensor): Tensor {
  return tf.tidy(() => {
    const z = tf.div(v, tf.add(v, 2));
    const odd = [1, 1 / 3, 1 / 5, 1 / 7, 1 / 9, 1 / 11, 1 / 13];
    const near = tf.mul(tf.mul(z, 2), polynomial(tf.square(z), odd));
    return tf.where(tf.less(tf.abs(v), 0.4), near, tf.log(tf.add(v, 1)));
  });
}

/** Area hyperbolic sine. */
export function asinh(v: Tensor): Tensor {
  return tf.tidy(() => {
    const size = tf.abs(v);
    const squared = tf.square(size);
    const excess = tf.div(squared, tf.add(tf.sqrt(tf.add(squared, 1)), 1));
    // Above 1e4 the root is the argument itself, and its square may overflow.
    const large = tf.add(tf.log(size), Math.LN2);
    const value = tf.where(tf.greater(size, 1e4), large, log1p(tf.add(size, excess)));
    return tf.where(tf.less(v, 0), tf.neg(value), value);
  });
}

/** asin(v) / v for v^2 <= 1/4: the coefficients (2k)! / (4^k (k!)^2 (2k + 1)) of its series. */
const ASIN_SERIES = ((): number[] => {
  const series: number[] = [];
  let central = 1;
  for (let k = 0; k < 14; k++) {
    series.push(central / (2 * k + 1));
    central *= (2 * k + 1) / (2 * k + 2);
  }
  return series;
})();

/** Arc sine; beyond 1/2 by the half angle, so that it stays accurate near 1. NaN outside [-1, 1]. */
export function asin(v: Tensor): Tensor {
  return tf.tidy(() => {
    const size = tf.abs(v);
    const isLarge = tf.greater(size, 0.5);
    const half = tf.sqrt(tf.mul(tf.sub(1, size), 0.5));
    const argument = tf.where(isLarge, half, size);
    const near = tf.mul(argument, polynomial(tf.square(argument), ASIN_SERIES));
    const value = tf.where(isLarge, tf.sub(Math.PI / 2, tf.mul(near, 2)), near);
    return tf.where(tf.less(v, 0), tf.neg(value), value);
  });
}

/** A condition or constant computed of x, through which no gradient flows. */
export function detached(x: Tensor, compute: (x: Tensor) => Tensor): Tensor {
  const op = tf.customGrad<Tensor>((...args) => {
    const [value] = args as [Tensor];
    const { shape } = value;
    return { value: compute(value), gradFunc: () => tf.zeros(shape) };
  });
  return op(x);
}

/** Square root whose gradient at 0 is 0 instead of infinite. */
export function safeSqrt(v: Tensor): Tensor {
  const op = tf.customGrad<Tensor>((...args) => {
    const [x, save] = args as [Tensor, tf.GradSaveFunc];
    const root = tf.sqrt(x);
    save([root]);
    return {
      value: root,
      gradFunc: (dy: Tensor, [saved]: Tensor[]) => {
        const positive = tf.greater(saved, 0);
        const safe = tf.where(positive, saved, tf.onesLike(saved));
        return tf.where(positive, tf.div(tf.mul(dy, 0.5), safe), tf.zerosLike(dy));
      },
    };
  });
  return op(v);
}
