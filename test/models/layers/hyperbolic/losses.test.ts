import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { DomainError, ShapeError } from '../../../../src/errors.js';
import { LearntCurvature, Lorentz } from '../../../../src/manifolds/index.js';
import {
  entailmentLoss,
  hybridContrastive,
  lsvmPlusPlus,
  ncutLoss,
} from '../../../../src/models/layers/hyperbolic/index.js';
import * as lorentz from '../../../../src/ops/lorentz.js';
import { SparseMatrix } from '../../../../src/ops/sparseMatrix.js';
import { RiemannianAdam } from '../../../../src/optim/index.js';
import { dot, norm, scaled } from '../../../reference/vectors.js';
import * as stereographic from '../../../reference/stereographic.js';
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

function infoNce(logits: number[][]): number {
  const sums = (rows: number[][]): number =>
    rows.reduce(
      (sum, row, i) => sum + Math.log(row.reduce((s, v) => s + Math.exp(v), 0)) - row[i],
      0,
    );
  const turned = logits.map((_, j) => logits.map((row) => row[j]));
  return (sums(logits) + sums(turned)) / (2 * logits.length);
}

function referenceHybrid(
  first: number[][],
  second: number[][],
  c: number,
  lambda: number,
  temperature: number,
  clip: number,
): number {
  const cosines = first.map((p) => second.map((q) => dot(p, q) / norm(p) / norm(q) / temperature));
  const inBall = (row: number[]): number[] =>
    stereographic.expMap(
      row.map(() => 0),
      scaled(row, Math.min(1, clip / norm(row))),
      -c,
    );
  const distances = first.map((p) =>
    second.map((q) => -stereographic.dist(inBall(p), inBall(q), -c) / temperature),
  );
  return (1 - lambda) * infoNce(cosines) + lambda * infoNce(distances);
}

function referenceLsvm(x: number[][], labels: number[], z: number[], a: number, c: number): number {
  const s = Math.sqrt(c);
  const hinges = x.map((row, i) => {
    const time = Math.sqrt(1 / c + dot(row, row));
    const product = Math.cosh(s * a) * dot(row, z) - time * norm(z) * Math.sinh(s * a);
    return Math.max(0, Math.asinh(1) - Math.asinh(labels[i] * s * product));
  });
  return dot(z, z) / 2 + 2 * hinges.reduce((sum, v) => sum + v, 0);
}

describeMaps('hyperbolic losses', ({ run, tolerance, backend, isSlow }) => {
  const isLong = backend === 'cpu' && tolerance === TOLERANCES.mapExact;
  const values = (body: () => tf.Tensor): Promise<number[]> => hostValues(run(() => tf.tidy(body)));
  const [x, y] = [normalRows(4, 3, 1), normalRows(4, 3, 2)];

  it('reference: hybrid contrast, from all cosine to all hyperbolic, and its gradient', async () => {
    for (const lambda of [0, 0.3, 1]) {
      const options = { c: 0.5, lambda, temperature: 0.5, clip: 1.2 };
      const got = await values(() => hybridContrastive(tf.tensor2d(x), tf.tensor2d(y), options));
      expectClose(got, [referenceHybrid(x, y, 0.5, lambda, 0.5, 1.2)], LAW);
      if (isSlow && lambda < 1) continue;
      const gradients = await run(() =>
        mapGradients((p, q) => hybridContrastive(p, q, options), [x, y]),
      );
      const want = referenceGradients((p, q) => referenceHybrid(p, q, 0.5, lambda, 0.5, 1.2), [
        x,
        y,
      ] as [number[][], number[][]]);
      gradients.forEach((part, i) => expectClose(part, want[i], TOLERANCES.gradient));
    }
  });

  it('reference: the support vector machine and its gradient, by the curvature too', async () => {
    const labels = [1, -1, 1, -1];
    const args: [number[], number, number] = [[0.5, -0.3, 0.8], 0.2, 0.7];
    const loss = (z: tf.Tensor, a: tf.Tensor, c: tf.Tensor): tf.Tensor =>
      lsvmPlusPlus(tf.tensor2d(x), tf.tensor1d(labels), z, a, { c, strength: 2 });
    const got = await values(() =>
      loss(tf.tensor1d(args[0]), tf.scalar(args[1]), tf.scalar(args[2])),
    );
    expectClose(got, [referenceLsvm(x, labels, ...args)], LAW);
    const gradients = await run(() => mapGradients(loss, args));
    const want = referenceGradients((z, a, c) => referenceLsvm(x, labels, z, a, c), args);
    gradients.forEach((part, i) => expectClose(part, want[i], TOLERANCES.gradient, 4));
  });

  it('property: the machine separates what a geodesic separates', async () => {
    // Two branches, far out: at radius 8 in opposite directions, with a little spread.
    const rows = normalRows(20, 2, 3, 0.3).map((row, i) => [
      i % 2 === 0 ? 8 + row[0] : -8 + row[0],
      row[1],
    ]);
    const labels = rows.map(([first]) => Math.sign(first));
    const [points, y1, z, a] = tf.tidy(() => [
      lorentz.expMap0(tf.tensor2d(rows)),
      tf.tensor1d(labels),
      tf.variable(tf.tensor1d([0.1, 0.5])),
      tf.variable(tf.scalar(0.5)),
    ]);
    const optimizer = new RiemannianAdam({ learningRate: 0.05 });
    const loss = (): tf.Scalar => lsvmPlusPlus(points, y1, z, a);
    const [before] = await values(loss);
    for (let i = 0; i < (isLong ? 100 : 3); i++) {
      run(() => optimizer.minimize(loss, false, [z as tf.Variable, a as tf.Variable]));
    }
    const [after] = await values(loss);
    expect(after).toBeLessThan(isLong ? 0.2 : before);
    tf.dispose([points, y1, z, a]);
    optimizer.dispose();
  });

  it('property: entailment: 0 down the ray, angle less aperture elsewhere', async () => {
    const general = tf.tensor2d([[0.5, 0]]);
    const below = await values(() => entailmentLoss(general, tf.tensor2d([[4, 0]])));
    expect(below).toEqual([0]);
    const beside = await values(() => entailmentLoss(general, tf.tensor2d([[0, 4]])));
    const want = await values(() =>
      tf.sub(lorentz.exteriorAngle(general, [[0, 4]]), lorentz.halfAperture(general)),
    );
    expectClose(beside, want, LAW);
    expect(want[0]).toBeGreaterThan(0.5);
    general.dispose();
  });

  it('property: entailment trains: violations of general-special pairs go to 0', async () => {
    const c = new LearntCurvature(1);
    const manifold = new Lorentz(c);
    const [general, special] = tf.tidy(() => [
      tf.variable(manifold.randomPoint([6, 3], 1, 1)),
      tf.variable(manifold.randomPoint([6, 3], 2, 1)),
    ]);
    const optimizer = new RiemannianAdam({
      learningRate: 0.05,
      manifolds: [
        [general, manifold],
        [special, manifold],
      ],
    });
    const loss = (): tf.Scalar => entailmentLoss(general, special, c.value());
    const [before] = await values(loss);
    for (let i = 0; i < (isLong ? 150 : 3); i++) {
      run(() => optimizer.minimize(loss, false, [general, special, c.raw]));
    }
    const [after] = await values(loss);
    if (isLong) expect(after).toBe(0);
    else expect(after).toBeLessThan(before);
    tf.dispose([general, special]);
    optimizer.dispose();
    c.dispose();
  });

  it('reference: the cut of two blocks is that of the definition, hard and soft', async () => {
    // Two triangles joined by one edge.
    const pairs = [
      [0, 1],
      [0, 2],
      [1, 2],
      [3, 4],
      [3, 5],
      [4, 5],
      [2, 3],
    ];
    const edges = [...pairs, ...pairs.map(([i, j]) => [j, i])];
    const sparse = SparseMatrix.fromEdges(
      { source: edges.map(([i]) => i), target: edges.map(([, j]) => j) },
      6,
    );
    const hard = tf.tensor2d([0, 0, 0, 1, 1, 1].map((k) => (k === 0 ? [1, 0] : [0, 1])));
    expectClose(await values(() => ncutLoss(hard, sparse)), [2 / 7], LAW);
    const dense = run(() => sparse.times(tf.eye(6)));
    expectClose(await values(() => ncutLoss(hard, dense)), [2 / 7], LAW);
    const worse = tf.tensor2d([0, 1, 0, 1, 0, 1].map((k) => (k === 0 ? [1, 0] : [0, 1])));
    const [cut] = await values(() => ncutLoss(worse, sparse));
    expect(cut).toBeGreaterThan(1);
    const empty = await values(() =>
      ncutLoss(tf.tensor2d(Array.from({ length: 6 }, () => [1, 0])), sparse),
    );
    expectClose(empty, [0], LAW);
    const [slope] = await run(() =>
      mapGradients((s) => ncutLoss(s, sparse), [Array.from({ length: 6 }, () => [1, 0])]),
    );
    for (const value of slope) expect(value).toSatisfy(Number.isFinite);
    tf.dispose([hard, dense, worse]);
  });

  it('memory: nothing is left', async () => {
    await expectNoLeak(async () => {
      await values(() => hybridContrastive(tf.tensor2d(x), tf.tensor2d(y)));
      await run(() => mapGradients((p, q) => entailmentLoss(p, q), [x, y]));
      await run(() => mapGradients((p, q) => hybridContrastive(p, q), [x, y]));
    });
  });
});

describe('hyperbolic loss arguments', () => {
  it('error: shapes and options are named', () => {
    const [x, y] = [tf.zeros([2, 3]), tf.zeros([3, 3])];
    expect(() => hybridContrastive(x, y)).toThrow(
      'hybridContrastive: second must have the shape of the other, [2, 3], rank 2, got [3, 3].',
    );
    expect(() => hybridContrastive(x, x, { lambda: 2 })).toThrow(DomainError);
    expect(() => hybridContrastive(x, x, { temperature: 0 })).toThrow(DomainError);
    expect(() => entailmentLoss(x, y)).toThrow(ShapeError);
    expect(() => entailmentLoss(x, x, 1, 0)).toThrow(DomainError);
    expect(() => lsvmPlusPlus(x, tf.zeros([2]), tf.zeros([2]), tf.scalar(0))).toThrow(
      'lsvmPlusPlus: z must have shape [3], got [2].',
    );
    expect(() =>
      lsvmPlusPlus(x, tf.zeros([2]), tf.zeros([3]), tf.scalar(0), { strength: 0 }),
    ).toThrow(DomainError);
    expect(() => ncutLoss(x, tf.eye(3))).toThrow(ShapeError);
  });
});
