import * as tf from '@tensorflow/tfjs';
import { withComposedForms } from '../src/ops/dispatch.js';
import { rowDistance } from '../src/ops/rowDistance.js';
import { CHECKED_ROWS } from './check.js';
import { tensorOf, uniformRows } from './data.js';
import type { BenchCase, PreparedCase, Subject } from './harness.js';
import { pairSubject } from './rowPairs.js';
import type { PairBody } from './rowPairs.js';

const SHAPES = [
  { n: 20_000, d: 32, fast: true },
  { n: 20_000, d: 128, fast: false },
] as const;

function prepare(n: number, d: number): PreparedCase {
  const [xRows, yRows] = [uniformRows(n, d, 1), uniformRows(n, d, 2)];
  const want = Float64Array.from({ length: CHECKED_ROWS }, (_, i) => {
    let sum = 0;
    for (let f = i * d; f < (i + 1) * d; f++) sum += (xRows.data[f] - yRows.data[f]) ** 2;
    return Math.sqrt(sum);
  });
  const [x, y] = [tensorOf(xRows), tensorOf(yRows)];
  const wanted = { values: want, bound: 16 * 2 ** -23 };
  const subject = (name: string, isOurs: boolean, body: PairBody): Subject =>
    pairSubject({ x, y }, name, isOurs, body, wanted);
  return {
    subjects: [
      subject('tfjs-latent', true, (a, b) => rowDistance(a, b)),
      subject('composed form', true, (a, b) => withComposedForms(() => rowDistance(a, b))),
      subject('tfjs sub, square, sum, sqrt', false, (a, b) =>
        tf.sqrt(tf.sum(tf.square(tf.sub(a, b)), 1)),
      ),
    ],
    dispose: () => {
      tf.dispose([x, y]);
    },
  };
}

/** Distances of paired rows: bound by memory. */
export function rowCases(): BenchCase[] {
  return SHAPES.map(({ n, d, fast }) => ({
    suite: 'rowDistance',
    name: `euclidean n=${n} d=${d}`,
    items: n,
    flops: 3 * d,
    bytes: 4 * (2 * n * d + n),
    fast,
    prepare: () => prepare(n, d),
  }));
}
