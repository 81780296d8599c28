import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { distanceMatching } from '../../../src/models/penalties/distanceMatching.js';
import { gaussianDivergence } from '../../../src/models/penalties/gaussianDivergence.js';
import { nuclearNorm, polarFactor } from '../../../src/models/penalties/nuclearNorm.js';
import { spanningTree, topologicalLoss } from '../../../src/models/penalties/topologicalLoss.js';
import { nestedDropout } from '../../../src/models/layers/nestedDropout.js';
import { unitSphere } from '../../../src/models/layers/unitSphere.js';
import { Rng } from '../../../src/util/rng.js';
import { describeOnBackends } from '../../neighbors/onBackends.js';
import * as reference from '../../reference/latentPenalties.js';
import { normalRows } from '../../support/arbitraries.js';
import type { Matrix } from '../../support/arbitraries.js';
import { expectClose } from '../../support/compare.js';
import { numericGradient, rowsOf } from '../../support/gradcheck.js';
import { expectNoLeak } from '../../support/leaks.js';
import { TOLERANCES } from '../../support/tolerances.js';

interface Case {
  readonly name: string;
  readonly loss: (x: tf.Tensor2D) => tf.Scalar;
  readonly want: (x: number[][]) => number;
  readonly at: Matrix;
}

const wanted = reference.distances(normalRows(9, 4, 5));
const logs = normalRows(4, 3, 7);
const means = normalRows(4, 3, 8);

const CASES: readonly Case[] = [
  ...[
    [5, 5],
    [4, 7],
    [7, 3],
    [1, 4],
    [1, 1],
  ].map(([m, n], i) => ({
    name: `nuclearNorm ${m} x ${n}`,
    loss: nuclearNorm,
    want: reference.nuclearNorm,
    at: normalRows(m, n, 30 + i),
  })),
  {
    name: 'gaussianDivergence by means',
    loss: (x) => gaussianDivergence(x, tf.tensor2d(logs)),
    want: (x) => reference.gaussianDivergence(x, logs),
    at: means,
  },
  {
    name: 'gaussianDivergence by log-variances',
    loss: (x) => gaussianDivergence(tf.tensor2d(means), x),
    want: (x) => reference.gaussianDivergence(means, x),
    at: logs,
  },
  {
    name: 'distanceMatching',
    loss: (x) => distanceMatching(x, tf.tensor2d(wanted)),
    want: (x) => reference.stress(x, wanted),
    at: normalRows(9, 2, 3),
  },
  {
    name: 'topologicalLoss',
    loss: (x) => topologicalLoss(x, tf.tensor2d(wanted)),
    want: (x) => reference.topologicalLoss(x, wanted),
    at: normalRows(9, 2, 4),
  },
  {
    name: 'unitSphere',
    loss: (x) => tf.sum(tf.mul(unitSphere(x), tf.tensor2d(means))).asScalar(),
    want: (x) => {
      const units = x.map((row) => row.map((value) => value / Math.hypot(...row)));
      return units.flat().reduce((sum, value, i) => sum + value * means.flat()[i], 0);
    },
    at: normalRows(4, 3, 9),
  },
];

describeOnBackends('penalties', () => {
  it.each(CASES)('gradient: $name, value and slope', async ({ loss, want, at }) => {
    const x = tf.tensor2d(at);
    const { value, grad } = tf.valueAndGrad((t: tf.Tensor) => loss(t as tf.Tensor2D))(x);
    expectClose(await value.data(), [want(at)], TOLERANCES.generated);
    const d = at[0].length;
    const slope = numericGradient((flat) => want(rowsOf(flat, d)), at.flat());
    expectClose(await grad.data(), slope, TOLERANCES.gradient);
    tf.dispose([x, value, grad]);
  });

  it('memory: values and gradients leave nothing behind', async () => {
    await expectNoLeak(() => {
      for (const { loss, at } of CASES.slice(3)) {
        tf.tidy(() => {
          tf.valueAndGrad((t: tf.Tensor) => loss(t as tf.Tensor2D))(tf.tensor2d(at));
        });
      }
    });
  });

  it('edge: the polar factor of singular values over four orders is orthogonal', async () => {
    const q = polarFactor(tf.tensor2d(normalRows(6, 6, 40)));
    const values = [1, 0.3, 1e-1, 1e-2, 1e-3, 3e-4];
    const m = tf.tidy(() => tf.mul<tf.Tensor2D>(q, tf.tensor2d([values])));
    const norm = nuclearNorm(m);
    const total = values.reduce((sum, value) => sum + value, 0);
    expectClose(await norm.data(), [total], { ...TOLERANCES.generated, relative: 1e-4 });
    const polar = polarFactor(m);
    const gap = tf.tidy(() => tf.max(tf.abs(tf.sub(polar, q))));
    expect((await gap.data())[0]).toBeLessThan(1e-2);
    tf.dispose([q, m, norm, polar, gap]);
  });

  it('edge: a zero matrix has norm 0 and gradient 0, a matrix of rank 1 little beside its direction', async () => {
    const zero = tf.zeros([3, 4]);
    const none = tf.valueAndGrad((t: tf.Tensor) => nuclearNorm(t))(zero);
    expect(Array.from(await none.grad.data())).toEqual(new Array(12).fill(0));
    expect((await none.value.data())[0]).toBe(0);
    const outer = tf.tensor2d(
      [3, 4].flatMap((a) => [0.6 * a, 0.8 * a]),
      [2, 2],
    );
    const one = tf.valueAndGrad((t: tf.Tensor) => nuclearNorm(t))(outer);
    expectClose(await one.value.data(), [5], TOLERANCES.generated);
    const want = [0.36, 0.48, 0.48, 0.64];
    expectClose(await one.grad.data(), want, { ...TOLERANCES.gradient, absolute: 3e-2 });
    tf.dispose([zero, none.value, none.grad, outer, one.value, one.grad]);
  });

  it('edge: unit rows of zero, tiny and huge rows; their gradients', async () => {
    const rows = tf.tensor2d([0, 0, 3e-30, 4e-30, 3e30, 4e30], [3, 2]);
    const units = unitSphere(rows);
    expectClose(await units.data(), [1, 0, 0.6, 0.8, 0.6, 0.8], TOLERANCES.distance);
    const slope = tf.grad((t: tf.Tensor) => tf.sum(tf.slice(unitSphere(t), [0, 0], [1, 2])))(rows);
    expect(Array.from(await slope.data()).slice(0, 2)).toEqual([0, 0]);
    tf.dispose([rows, units, slope]);
  });

  it('property: the gradient of unit rows is orthogonal to them', async () => {
    const [rows, weights] = [
      tf.tensor2d(normalRows(20, 5, 50)),
      tf.tensor2d(normalRows(20, 5, 51)),
    ];
    const along = tf.tidy(() => {
      const slope = tf.grad((t: tf.Tensor) => tf.sum(tf.mul(unitSphere(t), weights)))(rows);
      return tf.max(tf.abs(tf.sum(tf.mul(slope, unitSphere(rows)), 1)));
    });
    expect((await along.data())[0]).toBeLessThan(1e-6);
    tf.dispose([rows, weights, along]);
  });

  it.each([1, 2, 3, 5, 8, 17, 33])('reference: spanning tree of %i points', async (n) => {
    const lengths = reference
      .distances(normalRows(n, 3, 60 + n))
      .map((row) => row.map(Math.fround));
    const input = tf.tensor2d(lengths);
    const tree = spanningTree(input);
    const want = new Array(n * n).fill(0);
    for (const [i, j] of reference.kruskal(lengths)) want[i * n + j] = want[j * n + i] = 1;
    expect(Array.from(await tree.data())).toEqual(want);
    tf.dispose([input, tree]);
  });

  it('edge: equal lengths make a tree without cycles', async () => {
    const lengths = [0, 1, 1, 2, 2, 2, 5].map((a, i, all) =>
      all.map((b, j) => (i === j ? 0 : Math.abs(a - b))),
    );
    const [input, equal] = [tf.tensor2d(lengths), tf.ones<tf.Rank.R2>([6, 6])];
    const trees = [spanningTree(input), spanningTree(equal)];
    const sums = await Promise.all(
      trees.map(async (tree) =>
        (await tree.data<'float32'>()).reduce((sum, value) => sum + value, 0),
      ),
    );
    expect(sums).toEqual([2 * 6, 2 * 5]);
    tf.dispose([input, equal, ...trees]);
  });

  it('property: nested dropout keeps prefixes, all lengths equally often', async () => {
    const [b, d] = [2000, 4];
    const kept = nestedDropout(tf.ones([b, d]), new Rng(1));
    const lengths = rowsOf(Array.from(await kept.data()), d).map((row) => {
      const length = row.includes(0) ? row.indexOf(0) : d;
      expect(row).toEqual(Array.from({ length: d }, (_, j) => Number(j < length)));
      return length;
    });
    for (let k = 1; k <= d; k++) {
      const share = lengths.filter((length) => length === k).length / b;
      // Four standard deviations of a share of 1/4.
      expect(Math.abs(share - 1 / d)).toBeLessThan(4 * Math.sqrt(3 / 16 / b));
    }
    kept.dispose();
  });
});

it('error: shapes and settings that do not go together', () => {
  expect(() => nuclearNorm(tf.zeros([2]))).toThrow('nuclearNorm: matrix must have rank 2');
  expect(() => gaussianDivergence(tf.zeros([2, 3]), tf.zeros([2, 2]))).toThrow(
    'logVariances must have the shape [b, d] of the means, [2, 3], got [2, 2]',
  );
  expect(() => distanceMatching(tf.zeros([2, 3]), tf.zeros([3, 3]))).toThrow(
    'distances must have shape [2, 2], got [3, 3]',
  );
  expect(() => topologicalLoss(tf.zeros([2, 3]), tf.zeros([3, 3]))).toThrow('topologicalLoss');
  expect(() => unitSphere(tf.zeros([3]))).toThrow('rows must have shape [b, d], got [3]');
  expect(() => nestedDropout(tf.zeros([3]), new Rng(1))).toThrow('latents must have shape [b, d]');
  expect(() => nestedDropout(tf.zeros([3, 1]), new Rng(1), 0)).toThrow('keep must lie in (0, 1]');
});
