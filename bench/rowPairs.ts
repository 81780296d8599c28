import * as tf from '@tensorflow/tfjs';
import { assertClose } from './check.js';
import type { HostRows } from './data.js';
import type { Subject } from './harness.js';

/** Cases that compute something of the rows of two matrices, pair by pair. */
export type PairBody = (x: tf.Tensor2D, y: tf.Tensor2D) => tf.Tensor;

export interface PairSides {
  readonly x: tf.Tensor2D;
  readonly y: tf.Tensor2D;
}

/** What the first values of a result should be. */
export interface Wanted {
  readonly values: ArrayLike<number>;
  readonly bound: number;
  readonly floor?: number;
}

/** A subject that does all rows at once and waits for the result. */
export function pairSubject(
  { x, y }: PairSides,
  name: string,
  isOurs: boolean,
  body: PairBody,
  { values, bound, floor }: Wanted,
): Subject {
  return {
    name,
    isOurs,
    mayShorten: false,
    isWhole: true,
    run: async () => {
      const result = tf.tidy(() => body(x, y));
      await result.data();
      result.dispose();
    },
    check: async () => {
      const result = tf.tidy(() => body(x, y).reshape([-1]).slice([0], [values.length]));
      assertClose(await result.data(), values, bound, floor);
      result.dispose();
    },
  };
}

export type Row = readonly number[];

export const rowOf = ({ data, d }: HostRows, i: number): number[] => [
  ...data.subarray(i * d, (i + 1) * d),
];

export const dot = (a: Row, b: Row): number => a.reduce((sum, v, f) => sum + v * b[f], 0);

/** Möbius sum in float64, as Ungar writes it. */
export function mobiusSum(x: Row, y: Row): number[] {
  const [xy, xx, yy] = [dot(x, y), dot(x, x), dot(y, y)];
  return x.map((v, f) => ((1 + 2 * xy + yy) * v + (1 - xx) * y[f]) / (1 + 2 * xy + xx * yy));
}
