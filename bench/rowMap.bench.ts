import * as tf from '@tensorflow/tfjs';
import { withComposedForms } from '../src/ops/dispatch.js';
import { rowMap } from '../src/ops/rowMap.js';
import { RowGraph } from '../src/specs/rowProgram/graph.js';
import { CHECKED_ROWS } from './check.js';
import { tensorOf, uniformRows } from './data.js';
import type { BenchCase, PreparedCase, Subject } from './harness.js';
import { mobiusSum, pairSubject, rowOf } from './rowPairs.js';
import type { PairBody, Row } from './rowPairs.js';

const SHAPES = [
  { n: 100_000, d: 5, fast: false },
  { n: 20_000, d: 32, fast: true },
  { n: 20_000, d: 128, fast: false },
] as const;

/** Möbius addition in difference form: three reductions, then the map. */
const MOBIUS = (() => {
  const g = new RowGraph();
  const [x, y, c] = [g.row('x'), g.row('y'), g.scalar('c')];
  const [alpha, beta, both] = [g.gap(c, x), g.gap(c, y), g.add(x, y)];
  const size = g.mul(c, g.dot(both, both));
  const top = g.add(g.mul(alpha, both), g.mul(size, x));
  return g.program([g.div(top, g.add(g.mul(alpha, beta), size))]);
})();

/** The same map as a script writes it with tfjs, without care for digits. */
const plain: PairBody = (x, y) => {
  const both = tf.add(x, y);
  const lengths = (v: tf.Tensor): tf.Tensor => tf.sum(tf.square(v), 1, true);
  const [alpha, beta] = [tf.sub(1, lengths(x)), tf.sub(1, lengths(y))];
  const size = lengths(both);
  const top = tf.add(tf.mul(alpha, both), tf.mul(size, x));
  return tf.div(top, tf.add(tf.mul(alpha, beta), size));
};

/** Derivative by x of the total of the sum, by central differences. */
function slopeOf(x: Row, y: Row): number[] {
  const step = 1e-5;
  const total = (f: number, by: number): number =>
    mobiusSum(x.with(f, x[f] + by), y).reduce((a, b) => a + b, 0);
  return x.map((_, f) => (total(f, step) - total(f, -step)) / (2 * step));
}

function prepare(n: number, d: number): PreparedCase {
  const [xRows, yRows] = [uniformRows(n, d, 1), uniformRows(n, d, 2)];
  const scale = 0.7 / Math.sqrt(d);
  for (const { data } of [xRows, yRows]) data.forEach((v, i) => (data[i] = v * scale));
  const checked = Array.from({ length: CHECKED_ROWS }, (_, i) => i);
  const sums = checked.flatMap((i) => mobiusSum(rowOf(xRows, i), rowOf(yRows, i)));
  const slopes = checked.flatMap((i) => slopeOf(rowOf(xRows, i), rowOf(yRows, i)));
  const [x, y] = [tensorOf(xRows), tensorOf(yRows)];
  const subject = (name: string, isOurs: boolean, body: PairBody, values: Row): Subject =>
    pairSubject({ x, y }, name, isOurs, body, { values, bound: 1e-3, floor: 1 });
  const ours: PairBody = (a, b) => rowMap(MOBIUS, { rows: { x: a, y: b }, scalars: { c: 1 } })[0];
  const gradient =
    (body: PairBody): PairBody =>
    (a, b) =>
      tf.grad((v) => tf.sum(body(v as tf.Tensor2D, b)))(a);
  return {
    subjects: [
      subject('tfjs-latent', true, ours, sums),
      subject('composed form', true, (a, b) => withComposedForms(() => ours(a, b)), sums),
      subject('tfjs ops', false, plain, sums),
      subject('tfjs-latent, gradient', true, gradient(ours), slopes),
      subject('tfjs ops, gradient', false, gradient(plain), slopes),
    ],
    dispose: () => {
      tf.dispose([x, y]);
    },
  };
}

/** A fused map of rows against the same map in tfjs ops: bound by memory. */
export function rowMapCases(): BenchCase[] {
  return SHAPES.map(({ n, d, fast }) => ({
    suite: 'rowMap',
    name: `Möbius sum n=${n} d=${d}`,
    items: n,
    flops: 13 * d,
    bytes: 4 * 3 * n * d,
    fast,
    prepare: () => prepare(n, d),
  }));
}
