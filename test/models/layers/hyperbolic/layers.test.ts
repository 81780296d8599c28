import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { DomainError, ShapeError } from '../../../../src/errors.js';
import { LearntCurvature, Lorentz, PoincareBall } from '../../../../src/manifolds/index.js';
import type { Manifold } from '../../../../src/manifolds/index.js';
import {
  hyperbolicAttention,
  hyperbolicGraphConvolution,
  lorentzLinear,
  lorentzMlr,
  poincareLinear,
  poincareMlr,
  tangentLinear,
} from '../../../../src/models/layers/hyperbolic/index.js';
import { convert } from '../../../../src/ops/convert.js';
import * as lorentz from '../../../../src/ops/lorentz.js';
import * as poincare from '../../../../src/ops/poincare.js';
import { SparseMatrix } from '../../../../src/ops/sparseMatrix.js';
import { RiemannianAdam } from '../../../../src/optim/index.js';
import { dot, norm } from '../../../reference/vectors.js';
import { normalRows } from '../../../support/arbitraries.js';
import { expectClose } from '../../../support/compare.js';
import { expectNoLeak } from '../../../support/leaks.js';
import {
  describeMaps,
  hostValues,
  mapGradients,
  referenceGradients,
} from '../../../support/mapBackends.js';
import { TOLERANCES } from '../../../support/tolerances.js';

const LAW = TOLERANCES.mapLaw;

/** Textbook float64 forms. */
const column = (z: readonly (readonly number[])[], k: number): number[] => z.map((row) => row[k]);

function referencePoincareMlr(x: number[][], z: number[][], r: number[], c: number): number[] {
  const s = Math.sqrt(c);
  return x.flatMap((row) =>
    r.map((offset, k) => {
      const normal = column(z, k);
      const lambda = 2 / (1 - c * dot(row, row));
      const along = lambda * s * (dot(row, normal) / norm(normal)) * Math.cosh(2 * s * offset);
      const back = (lambda - 1) * Math.sinh(2 * s * offset);
      return ((2 * norm(normal)) / s) * Math.asinh(along - back);
    }),
  );
}

function referenceLorentzMlr(x: number[][], z: number[][], a: number[], c: number): number[] {
  const s = Math.sqrt(c);
  return x.flatMap((row) =>
    a.map((offset, k) => {
      const normal = column(z, k);
      const size = norm(normal);
      const time = Math.sqrt(1 / c + dot(row, row));
      const product =
        Math.cosh(s * offset) * dot(row, normal) - time * size * Math.sinh(s * offset);
      return (size / s) * Math.asinh((s * product) / size);
    }),
  );
}

const EDGES = { source: [0, 0, 1, 2, 2, 2, 4], target: [1, 2, 0, 0, 2, 3, 4] };

describeMaps('hyperbolic layers', ({ run, tolerance, backend, isSlow }) => {
  const isLong = backend === 'cpu' && tolerance === TOLERANCES.mapExact;
  const values = (body: () => tf.Tensor): Promise<number[]> => hostValues(run(() => tf.tidy(body)));
  const x = normalRows(4, 3, 1, 0.3);
  const z = normalRows(3, 2, 2);
  const offsets = [0.3, -0.8];

  it('reference: logits equal their textbook forms, and the linear ones as c -> 0', async () => {
    const t = (rows: number[][]): tf.Tensor => tf.tensor2d(rows);
    for (const c of [1, 0.4]) {
      expectClose(
        await values(() => poincareMlr(t(x), t(z), tf.tensor1d(offsets), c)),
        referencePoincareMlr(x, z, offsets, c),
        TOLERANCES.mapFloat32,
        4,
      );
      expectClose(
        await values(() => lorentzMlr(t(x), t(z), tf.tensor1d(offsets), c)),
        referenceLorentzMlr(x, z, offsets, c),
        TOLERANCES.mapFloat32,
        4,
      );
    }
    const flat = x.flatMap((row) =>
      offsets.map((a, k) => dot(row, column(z, k)) - a * norm(column(z, k))),
    );
    expectClose(await values(() => lorentzMlr(t(x), t(z), tf.tensor1d(offsets), 1e-8)), flat, LAW);
    expectClose(
      await values(() => poincareMlr(t(x), t(z), tf.tensor1d(offsets), 1e-8)),
      flat.map((v) => 4 * v),
      LAW,
      4,
    );
    const zero = await values(() => lorentzMlr(t(x), tf.zeros([3, 1]), tf.tensor1d([0.5])));
    expect(zero.map(Math.abs)).toEqual([0, 0, 0, 0]);
  });

  it('property: a logit is the distance to the hyperplane, by the other model', async () => {
    // Through the origin (offset 0) the foot point is the origin.
    const got = await values(() => lorentzMlr(tf.tensor2d(x), tf.tensor2d(z), tf.zeros([2]), 0.7));
    for (const k of [0, 1]) {
      const normal = column(z, k);
      const want = await values(() =>
        lorentz.hyperplaneDistance(tf.tensor2d(x), tf.zeros([3]), tf.tensor1d(normal), 0.7),
      );
      expectClose(
        got.filter((_, i) => i % 2 === k),
        want.map((d) => d * norm(normal)),
        LAW,
      );
    }
  });

  it('gradient: logits by points, normals, offsets and curvature', async () => {
    const rows = x.slice(0, 2);
    const cases = [
      [poincareMlr, referencePoincareMlr],
      [lorentzMlr, referenceLorentzMlr],
    ] as const;
    for (const [f, reference] of cases) {
      const args: [number[][], number[][], number[], number] = [rows, z, offsets, 0.6];
      const got = await run(() => mapGradients((p, q, r, c) => f(p, q, r, c), args));
      const want = referenceGradients(reference, args);
      got.forEach((part, i) => expectClose(part, want[i], TOLERANCES.gradient, 8));
      const atZero = await run(() =>
        mapGradients((p, q, r) => f(p, q, r), [[[0, 0, 0]], [[0], [0], [0]], [0]]),
      );
      for (const value of atZero.flat()) expect(value).toSatisfy(Number.isFinite);
    }
  });

  it('reference: linear layers', async () => {
    const weights = tf.tensor2d(normalRows(3, 2, 5));
    const bias = tf.tensor1d([0.2, -0.1]);
    const points = tf.tensor2d(x);
    const ball = new PoincareBall(0.6);
    // On the ball the Möbius product and sum.
    const got = await values(() => tangentLinear(ball, points, weights, bias));
    const want = await values(() =>
      poincare.add(poincare.matVec(weights, points, 0.6), poincare.expMap0(bias, 0.6), 0.6),
    );
    expectClose(got, want, LAW);
    // The same map on the hyperboloid; tangents of the ball are half as long for the same point.
    const onHyperboloid = await values(() =>
      convert(
        tangentLinear(
          new Lorentz(0.6),
          convert(points, 'ball', 'lorentz', 0.6),
          weights,
          tf.mul(2, bias),
        ),
        'lorentz',
        'ball',
        0.6,
      ),
    );
    expectClose(onHyperboloid, want, LAW);
    // Signed distances to coordinate hyperplanes are the logits.
    const y = run(() => tf.tidy(() => poincareLinear(points, weights, bias, 0.6)));
    const axis = await values(() =>
      poincareMlr(
        y,
        tf.tensor2d([
          [1, 0],
          [0, 1],
        ]),
        tf.zeros([2]),
        0.6,
      ),
    );
    const logits = await values(() => poincareMlr(points, weights, bias, 0.6));
    expectClose(
      axis,
      logits.map((v) => 2 * v),
      LAW,
      4,
    );
    const full = await values(() =>
      lorentzLinear(points, tf.concat([tf.ones([1, 2]), weights]), bias, 0.6),
    );
    const time = x.map((row) => Math.sqrt(1 / 0.6 + dot(row, row)));
    const w = await weights.array();
    expectClose(
      full,
      x.flatMap((row, i) => [0, 1].map((k) => time[i] + dot(row, column(w, k)) + [0.2, -0.1][k])),
      TOLERANCES.mapFloat32,
      4,
    );
    tf.dispose([weights, bias, points, y]);
  });

  const manifolds: [string, Manifold][] = [
    ['PoincareBall', new PoincareBall(0.7)],
    ['Lorentz', new Lorentz(0.7)],
  ];

  it.each(manifolds)(
    'property: attention on %s: uniform is the centroid, sharp the nearest, masks hide',
    async (_, manifold) => {
      const query = manifold.randomPoint([2, 3], 1, 0.5);
      const key = manifold.randomPoint([4, 3], 2, 0.5);
      const value = manifold.randomPoint([4, 2], 3, 0.5);
      const centre = await values(() => manifold.centroid(value));
      const uniform = await values(() =>
        hyperbolicAttention(manifold, query, key, value, { temperature: 1e6 }),
      );
      expectClose(uniform, [...centre, ...centre], LAW);
      const sharp = await values(() =>
        hyperbolicAttention(manifold, query, key, value, { temperature: 1e-3 }),
      );
      const d = await values(() => manifold.dist(tf.expandDims(query, 1), tf.expandDims(key, 0)));
      const nearest = [0, 1].map((i) => {
        const row = d.slice(4 * i, 4 * i + 4);
        return row.indexOf(Math.min(...row));
      });
      const all = await value.data();
      expectClose(
        sharp,
        nearest.flatMap((j) => [...all.slice(2 * j, 2 * j + 2)]),
        { ...LAW, absolute: 5e-3 },
      );
      const mask = tf.tensor1d([true, false, false, false], 'bool');
      const masked = await values(() => hyperbolicAttention(manifold, query, key, value, { mask }));
      expectClose(masked, [...all.slice(0, 2), ...all.slice(0, 2)], LAW);
      tf.dispose([query, key, value, mask]);
    },
  );

  it.each(manifolds)(
    'reference: graph convolution on %s, sparse and dense, in both aggregations',
    async (_, manifold) => {
      const sparse = SparseMatrix.fromEdges(EDGES, 5).normalised();
      const dense = Array.from({ length: 5 }, () => [0, 0, 0, 0, 0]);
      EDGES.source.forEach((from, e) => {
        const degree = EDGES.source.filter((v) => v === from).length;
        dense[from][EDGES.target[e]] += 1 / degree;
      });
      const points = manifold.randomPoint([5, 3], 4, 0.6);
      const weights = tf.tensor2d(normalRows(3, 2, 5));
      const bias = tf.tensor1d([0.1, -0.2]);
      for (const aggregation of ['tangent', 'centroid'] as const) {
        const layer = (adjacency: SparseMatrix | tf.Tensor): Promise<number[]> =>
          values(() =>
            hyperbolicGraphConvolution(manifold, points, adjacency, weights, {
              bias,
              aggregation,
              activation: (v) => tf.relu(v),
            }),
          );
        const got = await layer(sparse);
        expectClose(got, await layer(tf.tensor2d(dense)), LAW);
        // Node 4 sees itself only; node 3 nothing.
        const own = await values(() => {
          const mapped = tangentLinear(manifold, points, weights, bias);
          const origin = manifold.origin(2);
          return manifold.expMap(origin, tf.relu(manifold.logMap(origin, mapped)));
        });
        expectClose(got.slice(8), own.slice(8), LAW);
        expectClose(got.slice(6, 8), [0, 0], LAW);
      }
      tf.dispose([points, weights, bias]);
    },
  );

  it('gradient: of the sparse layer equals that of the dense one, curvature included', async () => {
    const c = new LearntCurvature(0.8);
    const manifold = new Lorentz(c);
    const sparse = SparseMatrix.fromEdges(EDGES, 5).normalised();
    const points = manifold.randomPoint([5, 3], 4, 0.6);
    const dense = run(() => sparse.times(tf.eye(5)));
    const weights = tf.variable(tf.tensor2d(normalRows(3, 2, 5)));
    const gradients = async (
      adjacency: SparseMatrix | tf.Tensor,
      aggregation: 'tangent' | 'centroid',
    ): Promise<number[][]> => {
      const { value, grads } = run(() =>
        tf.variableGrads(
          () =>
            tf
              .sum(
                tf.square(
                  hyperbolicGraphConvolution(manifold, points, adjacency, weights, { aggregation }),
                ),
              )
              .asScalar(),
          [weights, c.raw],
        ),
      );
      value.dispose();
      return Promise.all([weights, c.raw].map(({ name }) => hostValues(grads[name])));
    };
    for (const aggregation of ['tangent', 'centroid'] as const) {
      const [got, want] = [
        await gradients(sparse, aggregation),
        await gradients(dense, aggregation),
      ];
      got.forEach((part, i) => expectClose(part, want[i], LAW, 4));
      expect(Math.abs(got[1][0])).toBeGreaterThan(1e-3);
    }
    tf.dispose([points, dense, weights]);
    c.dispose();
  });

  it('property: trains a classifier of a two-block graph, layers and curvature together', async () => {
    const n = 12;
    const block = (i: number): number => (i < n / 2 ? 0 : 1);
    const pairs = Array.from({ length: n * n }, (_, p) => [Math.floor(p / n), p % n]).filter(
      ([i, j]) => block(i) === block(j) || i + j === n - 1,
    );
    const adjacency = SparseMatrix.fromEdges(
      { source: pairs.map(([i]) => i), target: pairs.map(([, j]) => j) },
      n,
    ).normalised();
    const c = new LearntCurvature(1);
    const manifold = new Lorentz(c);
    const features = tf.tidy(() => lorentz.expMap0(tf.tensor2d(normalRows(n, 4, 8, 0.5)), 1));
    const [w, normals, a] = tf.tidy(() => [
      tf.variable(tf.tensor2d(normalRows(4, 3, 1, 0.5))),
      tf.variable(tf.tensor2d(normalRows(3, 2, 2, 0.5))),
      tf.variable(tf.zeros([2])),
    ]);
    const labels = tf.tidy(() =>
      tf
        .oneHot(
          tf.tensor1d(
            Array.from({ length: n }, (_, i) => block(i)),
            'int32',
          ),
          2,
        )
        .toFloat(),
    );
    const logits = (): tf.Tensor =>
      lorentzMlr(
        hyperbolicGraphConvolution(manifold, features, adjacency, w, {
          activation: (v) => tf.tanh(v),
        }),
        normals,
        a,
        c.value(),
      );
    const loss = (): tf.Scalar => tf.losses.softmaxCrossEntropy(labels, logits()).asScalar();
    const optimizer = new RiemannianAdam({ learningRate: 0.05 });
    const [before] = await values(loss);
    for (let i = 0; i < (isLong ? 60 : isSlow ? 2 : 5); i++) {
      run(() => optimizer.minimize(loss, false, [w, normals, a, c.raw]));
    }
    const [after] = await values(loss);
    expect(after).toBeLessThan(isLong ? 0.1 : before);
    optimizer.dispose();
    tf.dispose([features, w, normals, a, labels]);
    c.dispose();
  });

  it('reference: sparse products, their gradient and transposes', async () => {
    const sparse = SparseMatrix.fromCsr(
      {
        offsets: [0, 3, 3, 4, 9],
        indices: [0, 2, 2, 4, 0, 1, 2, 3, 4],
        values: [1, 2, 3, 4, 5, 6, 7, 8, 9],
      },
      5,
    );
    const dense = [
      [1, 0, 5, 0, 0],
      [0, 0, 0, 0, 0],
      [0, 0, 0, 0, 4],
      [5, 6, 7, 8, 9],
    ];
    const rows = normalRows(5, 3, 9);
    const want = dense.flatMap((row) => [0, 1, 2].map((k) => dot(row, column(rows, k))));
    expectClose(await values(() => sparse.times(tf.tensor2d(rows))), want, TOLERANCES.product, 40);
    const [got] = await run(() => mapGradients((t) => sparse.times(t), [rows]));
    const [slope] = referenceGradients(
      (t) => dense.flatMap((row) => [0, 1, 2].map((k) => dot(row, column(t, k)))),
      [rows] as [number[][]],
    );
    expectClose(got, slope, TOLERANCES.gradient, 4);
    expect(sparse.transposed.transposed).toBe(sparse);
    const empty = run(() => tf.tidy(() => sparse.times(tf.zeros([5, 0]))));
    expect(empty.shape).toEqual([4, 0]);
    empty.dispose();
  });

  it('memory: nothing is left', async () => {
    const manifold = new PoincareBall(new LearntCurvature(1));
    await expectNoLeak(async () => {
      await values(() =>
        tangentLinear(manifold, tf.tensor2d(x), tf.tensor2d(z), tf.tensor1d(offsets)),
      );
      await values(() =>
        hyperbolicAttention(manifold, tf.tensor2d(x), tf.tensor2d(x), tf.tensor2d(x)),
      );
      await run(() =>
        mapGradients(
          (t) =>
            hyperbolicGraphConvolution(
              manifold,
              t,
              SparseMatrix.fromEdges({ source: [0, 1], target: [1, 0] }, 4),
              tf.tensor2d(z),
              { aggregation: 'centroid' },
            ),
          [x],
        ),
      );
    });
  });
});

describe('hyperbolic layer arguments', () => {
  it('error: shapes and indices are named', () => {
    const x = tf.zeros([2, 3]);
    expect(() => poincareMlr(x, tf.zeros([2, 2]), tf.zeros([2]))).toThrow(
      'poincareMlr: weights must be a matrix [features, out] for rows of shape [2, 3], got shape [2, 2].',
    );
    expect(() => lorentzMlr(x, tf.zeros([3, 2]), tf.zeros([3]))).toThrow(ShapeError);
    expect(() => lorentzMlr(x, tf.zeros([3, 2]), tf.zeros([2]), 0)).toThrow(DomainError);
    expect(() => tangentLinear(new Lorentz(), x, tf.zeros([3, 2]), tf.zeros([1]))).toThrow(
      'tangentLinear: bias must have shape [2], got [1].',
    );
    expect(() => hyperbolicAttention(new Lorentz(), x, x, tf.zeros([3, 2]))).toThrow(
      'hyperbolicAttention: value must have as many rows as key, 2, got shape [3, 2].',
    );
    expect(() => hyperbolicAttention(new Lorentz(), tf.zeros([3]), x, x)).toThrow(ShapeError);
    expect(() => hyperbolicGraphConvolution(new Lorentz(), x, tf.eye(3), tf.zeros([3, 1]))).toThrow(
      'hyperbolicGraphConvolution: adjacency must have shape [n, n] for points [n, d], which have shape [2, 3], got [3, 3].',
    );
    expect(() => SparseMatrix.fromEdges({ source: [2], target: [0] }, 2)).toThrow(
      'SparseMatrix: source must hold integers in [0, 2), got 2.',
    );
    expect(() => SparseMatrix.fromEdges({ source: [1], target: [] }, 2)).toThrow(ShapeError);
    expect(() => SparseMatrix.fromCsr({ offsets: [0, 2, 1], indices: [0] }, 2)).toThrow(
      DomainError,
    );
    expect(() => SparseMatrix.fromCsr({ offsets: [0, 1], indices: [0, 1] }, 2)).toThrow(ShapeError);
    expect(() =>
      SparseMatrix.fromEdges({ source: [1], target: [0] }, 2).times(x.transpose()),
    ).toThrow('SparseMatrix.times: x must have shape [2, features], got [3, 2].');
  });
});
