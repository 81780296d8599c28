import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DomainError, DtypeError, ShapeError } from '../../src/errors.js';
import { checkCurvature } from '../../src/ops/applyRows.js';
import { rowMap } from '../../src/ops/rowMap.js';
import { RowGraph } from '../../src/specs/rowProgram/graph.js';
import { normalRows, PROPERTY } from '../support/arbitraries.js';
import type { Matrix } from '../support/arbitraries.js';
import { describeOp, kernelNameOf, kernelsRun } from '../support/backends.js';
import { expectClose } from '../support/compare.js';
import { numericGradient, rowsOf, weightedSum } from '../support/gradcheck.js';
import { expectNoLeak } from '../support/leaks.js';
import { ROW_PROGRAMS } from '../support/rowPrograms.js';
import type { RowProgramCase } from '../support/rowPrograms.js';
import { TOLERANCES } from '../support/tolerances.js';

/** Rows well inside the unit ball. */
const ballRows = (n: number, d: number, seed: number): Matrix =>
  normalRows(n, d, seed, 0.3 / Math.sqrt(d));

const MOBIUS = ROW_PROGRAMS[0];

describeOp('rowMap', ({ backend, form, run }) => {
  const apply = (
    { program }: RowProgramCase,
    x: tf.TensorLike | tf.Tensor,
    y: tf.TensorLike | tf.Tensor,
    c: tf.TensorLike | tf.Tensor,
  ): tf.Tensor => run(() => rowMap(program, { rows: { x, y }, scalars: { c } })[0]);

  const valuesOf = async (tensor: tf.Tensor): Promise<number[]> => {
    const values = [...(await tensor.data())];
    tensor.dispose();
    return values;
  };

  it('runs the form that the test names', async () => {
    const x = tf.tensor2d(ballRows(4, 3, 1));
    const names = await kernelsRun(() => apply(MOBIUS, x, x, 1));
    expect(names.includes(kernelNameOf('rowMap'))).toBe(form === 'kernel');
    x.dispose();
  });

  describe.each(ROW_PROGRAMS.map((entry) => [entry.name, entry] as const))('%s', (_, entry) => {
    it('reference: the oracle, sizes round the tiles', async () => {
      for (const [n, d] of [
        [1, 1],
        [5, 2],
        [33, 3],
        [64, 16],
        [257, 7],
        [9, 65],
        [3, 300],
      ]) {
        const [x, y] = [ballRows(n, d, n), ballRows(n, d, n + 1)];
        const c = x.map((_row, i) => Math.fround(0.25 + (i % 7) / 7));
        const want = x.flatMap((row, i) => entry.reference(row, y[i], c[i]));
        expectClose(await valuesOf(apply(entry, x, y, c)), want, TOLERANCES.rowMap, 1);
      }
    });

    it('property: one row and one scalar stand for all', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 1, max: 9 }),
          fc.integer({ min: 1, max: 9 }),
          fc.integer({ min: 0, max: 2 ** 31 - 1 }),
          async (n, d, seed) => {
            const [x, [y]] = [ballRows(n, d, seed), ballRows(1, d, seed + 1)];
            const narrow = await valuesOf(apply(entry, x, y, 0.7));
            const wide = await valuesOf(
              apply(
                entry,
                x,
                x.map(() => y),
                x.map(() => 0.7),
              ),
            );
            expect(narrow).toEqual(wide);
          },
        ),
        { ...PROPERTY, numRuns: backend === 'webgpu' ? 5 : PROPERTY.numRuns },
      );
    });

    it('gradient: equals central differences of the oracle, by rows and by the scalar', async () => {
      const [n, d, c] = [3, 4, 0.8];
      const [x, y] = [ballRows(n, d, 5), ballRows(n, d, 6)];
      const outputs = entry.reference(x[0], y[0], c).length;
      const weights = normalRows(1, n * outputs, 7)[0];
      const oracle = (a: Matrix, b: Matrix, at: number): number =>
        weightedSum(
          a.flatMap((row, i) => entry.reference(row, b[i], at)),
          weights,
        );
      const got = run(() =>
        tf.tidy(() => {
          const f = (s: tf.Tensor, t: tf.Tensor, at: tf.Tensor): tf.Scalar => {
            const out = rowMap(entry.program, {
              rows: { x: s, y: t },
              scalars: { c: at },
            });
            return tf.sum(tf.mul(out[0].reshape([-1]), tf.tensor1d(weights)));
          };
          return tf.grads(f)([tf.tensor2d(x), tf.tensor2d(y), tf.scalar(c)]);
        }),
      );
      const flat = (rows: Matrix): number[] => rows.flat();
      const want = [
        numericGradient((v) => oracle(rowsOf(v, d), y, c), flat(x)),
        numericGradient((v) => oracle(x, rowsOf(v, d), c), flat(y)),
        numericGradient(([v]) => oracle(x, y, v), [c]),
      ];
      for (const [i, gradient] of got.entries()) {
        expectClose(await valuesOf(gradient), want[i], TOLERANCES.rowMapGradient, 1);
      }
    });

    it('edge: no rows, and rows of no features', async () => {
      const none = apply(entry, tf.zeros([0, 3]), tf.zeros([0, 3]), 1);
      expect(none.shape[0]).toBe(0);
      const narrow = apply(entry, tf.zeros([2, 0]), tf.zeros([2, 0]), 1);
      expect(narrow.shape[0]).toBe(2);
      expect((await valuesOf(narrow)).every((value) => value === 0)).toBe(true);
    });
  });

  it('gradient: to second order, equal to differences of the first', async () => {
    const [x, y] = [ballRows(2, 3, 11), ballRows(2, 3, 12)];
    const first = (at: tf.Tensor): tf.Tensor =>
      tf.grad((z) => {
        const out = rowMap(MOBIUS.program, { rows: { x: z, y }, scalars: { c: 1 } });
        return tf.sum(tf.square(out[0]));
      })(at);
    const second = run(() => tf.tidy(() => tf.grad((z) => tf.sum(first(z)))(tf.tensor2d(x))));
    const f = (flat: readonly number[]): number =>
      rowsOf(flat, 3).reduce(
        (sum, row, i) => sum + MOBIUS.reference(row, y[i], 1).reduce((s, v) => s + v * v, 0),
        0,
      );
    const firstSum = (flat: readonly number[]): number =>
      numericGradient(f, flat, 1e-4).reduce((a, b) => a + b, 0);
    const want = numericGradient(firstSum, x.flat(), 1e-4);
    expectClose(await valuesOf(second), want, TOLERANCES.rowMapGradient, 10);
  });

  it('edge: lengths outside the range of squares, zero vectors, NaN and infinity', async () => {
    const entry = ROW_PROGRAMS[2];
    const x = [
      [3e30, 4e30],
      [3e-30, 4e-30],
      [0, 0],
      [NaN, 1],
    ];
    const got = await valuesOf(apply(entry, x, x, 1));
    expectClose(got.slice(0, 4), [0.6, 0.8, 0.6, 0.8], TOLERANCES.rowMap);
    expect(got.slice(4, 6)).toEqual([0, 0]);
    expect(got.slice(6).every(Number.isNaN)).toBe(true);
  });

  it('edge: 1 - c |x|^2 keeps its digits at the rim of the ball', async () => {
    const g = new RowGraph();
    const program = g.program([g.gap(g.scalar('c'), g.row('x'))]);
    const x = [
      [0.6, 0.79999],
      [1 - 2 ** -24, 0],
      [0.99999, 2e-4],
    ].map((row) => row.map(Math.fround));
    const got = run(() => rowMap(program, { rows: { x }, scalars: { c: 1 } })[0]);
    const want = x.map(([a, b]) => 1 - a * a - b * b);
    expectClose(await valuesOf(got), want, TOLERANCES.rowMap);
  });

  it('property: the same bits at every run', async () => {
    const [x, y] = [ballRows(65, 9, 3), ballRows(65, 9, 4)];
    const first = await valuesOf(apply(MOBIUS, x, y, 1));
    expect(await valuesOf(apply(MOBIUS, x, y, 1))).toEqual(first);
  });

  it('reference: leading dimensions broadcast', async () => {
    const x = tf.tensor3d([ballRows(3, 2, 1), ballRows(3, 2, 2)]);
    const y = tf.tensor2d(ballRows(3, 2, 3));
    const c = tf.tensor2d([[0.5], [1]]);
    const out = apply(MOBIUS, x, y, c);
    expect(out.shape).toEqual([2, 3, 2]);
    const [rows, others] = [rowsOf([...(await x.data())], 2), rowsOf([...(await y.data())], 2)];
    const want = rows.flatMap((row, i) => MOBIUS.reference(row, others[i % 3], i < 3 ? 0.5 : 1));
    expectClose(await valuesOf(out), want, TOLERANCES.rowMap);
    tf.dispose([x, y, c]);
  });

  it('memory: neither values nor gradients leak', async () => {
    const x = tf.tensor2d(ballRows(5, 3, 1));
    await valuesOf(apply(MOBIUS, x, x, 1));
    await expectNoLeak(async () => {
      await valuesOf(apply(MOBIUS, x, x, 1));
      const gradient = run(() =>
        tf.grad((z: tf.Tensor) =>
          tf.sum(rowMap(MOBIUS.program, { rows: { x: z, y: x }, scalars: { c: 1 } })[0]),
        )(x),
      );
      await valuesOf(gradient);
    });
    x.dispose();
  });

  it('error: features, rows, types and curvature, by their words', () => {
    const call = (x: tf.TensorLike | tf.Tensor, y: tf.TensorLike): (() => void) => {
      return () => void apply(MOBIUS, x, y, 1);
    };
    expect(call([[1, 2]], [[1, 2, 3]])).toThrow(ShapeError);
    expect(call([[1, 2]], [[1, 2, 3]])).toThrow(
      'rowMap: y must have as many features (last dimension) as x, which has shape [1, 2], got shape [1, 3].',
    );
    expect(call([[1], [2]], [[1], [2], [3]])).toThrow(
      'rowMap: y must have rows that broadcast with [2], got rows [3].',
    );
    expect(call(1, [[1]])).toThrow(
      'rowMap: x must have shape [..., features], rank 1 or more, got a scalar.',
    );
    const integers = tf.tensor2d([[1]], undefined, 'int32');
    expect(call(integers, [[1]])).toThrow(DtypeError);
    integers.dispose();
    expect(() => checkCurvature('test', -1)).toThrow(DomainError);
    expect(() => checkCurvature('test', 0)).toThrow(
      'test: c must be a finite number above 0, got 0.',
    );
  });
});
