import * as tf from '@tensorflow/tfjs';
import { withComposedForms } from '../src/ops/dispatch.js';
import { lorentz, poincare } from '../src/ops/geometry.js';
import { CHECKED_ROWS } from './check.js';
import { mappedRows, tensorOf } from './data.js';
import type { BenchCase, PreparedCase, Subject } from './harness.js';
import { dot, mobiusSum, pairSubject, rowOf } from './rowPairs.js';
import type { PairBody, Row } from './rowPairs.js';

const SHAPES = [
  { n: 100_000, d: 5, fast: false },
  { n: 20_000, d: 32, fast: true },
  { n: 20_000, d: 128, fast: false },
] as const;

/** A map of the library, the same map as a script writes it with tfjs, and float64. */
interface Map {
  readonly name: string;
  readonly ours: PairBody;
  readonly plain: PairBody;
  readonly reference: (x: Row, y: Row) => number[];
  /** Floating-point operations of a feature. */
  readonly flops: number;
  readonly isRow: boolean;
}

const total = (v: tf.Tensor): tf.Tensor => tf.sum(v, 1, true);

/** Möbius sum with the usual clamp. */
const mobius = (x: tf.Tensor, y: tf.Tensor): tf.Tensor => {
  const [xy, xx, yy] = [total(tf.mul(x, y)), total(tf.square(x)), total(tf.square(y))];
  const both = tf.add(1, tf.mul(2, xy));
  const top = tf.add(tf.mul(tf.add(both, yy), x), tf.mul(tf.sub(1, xx), y));
  return tf.div(top, tf.maximum(tf.add(both, tf.mul(xx, yy)), 1e-15));
};

const plainLength = (v: tf.Tensor): tf.Tensor => tf.maximum(tf.sqrt(total(tf.square(v))), 1e-15);

const MAPS: readonly Map[] = [
  {
    name: 'poincare.expMap',
    ours: (x, v) => poincare.expMap(x, v),
    plain: (x, v) => {
      const length = plainLength(v);
      const lambda = tf.div(2, tf.sub(1, total(tf.square(x))));
      const reach = tf.tanh(tf.mul(tf.mul(0.5, lambda), length));
      return mobius(x, tf.mul(tf.div(reach, length), v));
    },
    reference: (x, v) => {
      const length = Math.sqrt(dot(v, v));
      const reach = Math.tanh(length / (1 - dot(x, x)));
      return mobiusSum(
        x,
        v.map((value) => (reach * value) / length),
      );
    },
    flops: 16,
    isRow: true,
  },
  {
    name: 'poincare.dist',
    ours: (x, y) => poincare.dist(x, y),
    plain: (x, y) => {
      const gaps = tf.mul(tf.sub(1, total(tf.square(x))), tf.sub(1, total(tf.square(y))));
      const ratio = tf.div(total(tf.square(tf.sub(x, y))), gaps);
      return tf.acosh(tf.add(1, tf.mul(2, ratio))).reshape([-1]);
    },
    reference: (x, y) => {
      const difference = x.map((v, f) => v - y[f]);
      const ratio = dot(difference, difference) / ((1 - dot(x, x)) * (1 - dot(y, y)));
      return [Math.acosh(1 + 2 * ratio)];
    },
    flops: 7,
    isRow: false,
  },
  {
    name: 'lorentz.expMap',
    ours: (x, v) => lorentz.expMap(x, v),
    plain: (x, v) => {
      const time = tf.sqrt(tf.add(1, total(tf.square(x))));
      const first = tf.div(total(tf.mul(x, v)), time);
      const squares = tf.maximum(tf.sub(total(tf.square(v)), tf.square(first)), 1e-15);
      const length = tf.sqrt(squares);
      return tf.add(tf.mul(tf.cosh(length), x), tf.mul(tf.div(tf.sinh(length), length), v));
    },
    reference: (x, v) => {
      const time = dot(x, v) / Math.sqrt(1 + dot(x, x));
      const length = Math.sqrt(dot(v, v) - time * time);
      return x.map((p, f) => Math.cosh(length) * p + (Math.sinh(length) / length) * v[f]);
    },
    flops: 10,
    isRow: true,
  },
  {
    name: 'lorentz.logMap',
    ours: (x, y) => lorentz.logMap(x, y),
    plain: (x, y) => {
      const times = [x, y].map((v) => tf.sqrt(tf.add(1, total(tf.square(v)))));
      const cosine = tf.maximum(tf.sub(tf.mul(times[0], times[1]), total(tf.mul(x, y))), 1 + 1e-7);
      const scale = tf.div(tf.acosh(cosine), tf.sqrt(tf.sub(tf.square(cosine), 1)));
      return tf.mul(scale, tf.sub(y, tf.mul(cosine, x)));
    },
    reference: (x, y) => {
      const cosine = Math.sqrt((1 + dot(x, x)) * (1 + dot(y, y))) - dot(x, y);
      const scale = Math.acosh(cosine) / Math.sqrt(cosine * cosine - 1);
      return x.map((p, f) => scale * (y[f] - cosine * p));
    },
    flops: 12,
    isRow: true,
  },
];

function prepare(map: Map, n: number, d: number): PreparedCase {
  const scale = 0.7 / Math.sqrt(d);
  const [xRows, yRows] = [1, 2].map((seed) => mappedRows(n, d, seed, (u) => u * scale));
  const want = Array.from({ length: CHECKED_ROWS }, (_, i) =>
    map.reference(rowOf(xRows, i), rowOf(yRows, i)),
  ).flat();
  const [x, y] = [tensorOf(xRows), tensorOf(yRows)];
  const wanted = { values: want, bound: 1e-3, floor: 1 };
  const subject = (name: string, isOurs: boolean, body: PairBody): Subject =>
    pairSubject({ x, y }, name, isOurs, body, wanted);
  return {
    subjects: [
      subject('tfjs-latent', true, map.ours),
      subject('same forms of tfjs ops', false, (a, b) => withComposedForms(() => map.ours(a, b))),
      subject('usual forms of tfjs ops', false, map.plain),
    ],
    dispose: () => {
      tf.dispose([x, y]);
    },
  };
}

/**
 * Fused hyperbolic maps against the same forms composed of tfjs ops, and against the usual forms with
 * their clamps, which are shorter and lose the digits that the stable ones keep.
 */
export function hyperbolicCases(): BenchCase[] {
  return MAPS.flatMap((map) =>
    SHAPES.map(({ n, d, fast }) => ({
      suite: 'hyperbolic',
      name: `${map.name} n=${n} d=${d}`,
      items: n,
      flops: map.flops * d,
      bytes: 4 * (2 * n * d + (map.isRow ? n * d : n)),
      fast,
      prepare: () => prepare(map, n, d),
    })),
  );
}
