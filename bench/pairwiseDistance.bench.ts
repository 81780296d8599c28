import * as tf from '@tensorflow/tfjs';
import { withComposedForms } from '../src/ops/dispatch.js';
import { pairwiseDistance } from '../src/ops/pairwiseDistance.js';
import type { PairwiseDistanceOptions } from '../src/ops/pairwiseDistance.js';
import { CHECKED_ROWS, assertClose } from './check.js';
import { expandedSquares, firstRows, tensorOf, uniformRows } from './data.js';
import type { HostRows } from './data.js';
import type { BenchCase, PreparedCase, Subject } from './harness.js';

interface Shape {
  readonly n: number;
  readonly m: number;
  readonly d: number;
  readonly fast?: true;
}

/** Smallest work first. */
const SHAPES: readonly Shape[] = [
  { n: 256, m: 2048, d: 2 },
  { n: 256, m: 4096, d: 32, fast: true },
  { n: 1024, m: 4096, d: 128, fast: true },
  { n: 512, m: 4096, d: 784 },
  { n: 2048, m: 8192, d: 128 },
];

/** float64 squared distances of the first rows. */
function truth(x: HostRows, y: HostRows, rows: number): Float64Array {
  const out = new Float64Array(rows * y.rows);
  for (let at = 0; at < out.length; at++) {
    const [i, j] = [Math.floor(at / y.rows), at % y.rows];
    for (let f = 0; f < x.d; f++) out[at] += (x.data[i * x.d + f] - y.data[j * y.d + f]) ** 2;
  }
  return out;
}

type Body = (rows: tf.Tensor2D) => tf.Tensor;

/** Waits through one element: reading the whole matrix back would be timed with it. */
function subject(
  name: string,
  x: HostRows,
  want: Float64Array,
  tolerance: number,
  body: Body,
  mayShorten: boolean,
): Subject & { readonly dispose: () => void } {
  const parts = new Map<number, tf.Tensor2D>();
  const part = (items: number): tf.Tensor2D => {
    const made = parts.get(items) ?? tensorOf(firstRows(x, items));
    parts.set(items, made);
    return made;
  };
  return {
    name,
    isOurs: !mayShorten,
    mayShorten,
    run: async (items) => {
      const rows = part(items);
      const result = tf.tidy(() => body(rows));
      const corner = result.slice([0, 0], [1, 1]);
      await corner.data();
      tf.dispose([result, corner]);
    },
    check: async () => {
      const rows = part(CHECKED_ROWS);
      const result = tf.tidy(() => body(rows));
      const values = await result.data();
      result.dispose();
      assertClose(values, want, tolerance, tolerance < 1e-5 ? 0 : x.d);
    },
    dispose: () => {
      for (const tensor of parts.values()) tensor.dispose();
    },
  };
}

function prepare({ n, m, d }: Shape): PreparedCase {
  const [x, y] = [uniformRows(n, d, 1), uniformRows(m, d, 2)];
  const want = truth(x, y, CHECKED_ROWS);
  const points = tensorOf(y);
  const ours = (mode: PairwiseDistanceOptions['mode']): Body => {
    const options = { metric: 'sqeuclidean', mode: mode ?? 'exact' } as const;
    return (rows) => pairwiseDistance(rows, points, options);
  };
  const subjects = [
    subject('tfjs-latent exact', x, want, 16 * 2 ** -23, ours('exact'), false),
    // The expansion cancels: its error is relative to the norms, not to the distance.
    subject('tfjs-latent fast', x, want, 1e-5, ours('fast'), false),
    subject(
      'composed form',
      x,
      want,
      16 * 2 ** -23,
      (rows) => withComposedForms(() => ours('exact')(rows)),
      true,
    ),
    subject('tfjs matMul expansion', x, want, 1e-5, (rows) => expandedSquares(rows, points), true),
  ];
  return {
    subjects,
    dispose: () => {
      for (const each of subjects) each.dispose();
      points.dispose();
    },
  };
}

/** All distances, held as a matrix. */
export function pairwiseCases(): BenchCase[] {
  return SHAPES.map((shape) => ({
    suite: 'pairwiseDistance',
    name: `sqeuclidean n=${shape.n} m=${shape.m} d=${shape.d}`,
    items: shape.n,
    flops: 2 * shape.m * shape.d,
    bytes: 4 * (shape.d * (shape.n + shape.m) + shape.n * shape.m),
    fast: shape.fast ?? false,
    prepare: () => prepare(shape),
  }));
}
