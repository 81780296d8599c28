import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { movedCenters, sageLoss } from '../../../src/models/sage/losses.js';
import type { LossWeights } from '../../../src/models/sage/losses.js';
import { Rng } from '../../../src/util/rng.js';
import { expectClose } from '../../support/compare.js';
import { numericGradient } from '../../support/gradcheck.js';
import { expectNoLeak } from '../../support/leaks.js';
import { TOLERANCES } from '../../support/tolerances.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const [ROWS, CLASSES, D, FEATURES] = [4, 3, 2, 5];
const rng = new Rng(11);
const normals = (count: number): number[] =>
  Array.from({ length: count }, () => Math.fround(rng.normal()));
const labels = [0, 2, 1, 2];
const oneHot = labels.flatMap((label) =>
  Array.from({ length: CLASSES }, (_, j) => Number(j === label)),
);
const x = normals(ROWS * FEATURES);
const centers = normals(CLASSES * D);
const targets = normals(ROWS);

/** Output, latents and reconstruction in one vector: what the loss is differentiated by. */
const point = normals(ROWS * CLASSES + ROWS * D + ROWS * FEATURES);

function split(values: readonly number[], outputs: number): [number[], number[], number[]] {
  const [a, b] = [ROWS * outputs, ROWS * outputs + ROWS * D];
  return [values.slice(0, a), values.slice(a, b), values.slice(b, b + ROWS * FEATURES)];
}

/** The loss from its definition, float64. */
function reference(values: readonly number[], weights: LossWeights, isClass: boolean): number {
  const outputs = isClass ? CLASSES : 1;
  const [output, latents, reconstruction] = split(values, outputs);
  let task = 0;
  let center = 0;
  for (let i = 0; i < ROWS; i++) {
    if (isClass) {
      const row = output.slice(i * CLASSES, (i + 1) * CLASSES);
      const sum = row.reduce((total, z) => total + Math.exp(z), 0);
      task += (Math.log(sum) - row[labels[i]]) / ROWS;
    } else task += (output[i] - targets[i]) ** 2 / ROWS;
    for (let j = 0; j < D; j++) {
      center += (latents[i * D + j] - centers[labels[i] * D + j]) ** 2 / ROWS;
    }
  }
  const errors = reconstruction.reduce((sum, value, i) => sum + (value - x[i]) ** 2, 0);
  const reconstructed = errors / (ROWS * FEATURES);
  return (
    weights.task * task +
    weights.reconstruction * reconstructed +
    (isClass ? weights.center * center : 0)
  );
}

/** Total of the loss under test. */
function loss(
  output: tf.Tensor,
  latents: tf.Tensor,
  reconstruction: tf.Tensor,
  weights: LossWeights,
  isClass: boolean,
): tf.Scalar {
  const truth = isClass
    ? {
        x: tf.tensor2d(x, [ROWS, FEATURES]),
        y: tf.tensor2d(oneHot, [ROWS, CLASSES]),
        task: 'classification' as const,
        centers: tf.tensor2d(centers, [CLASSES, D]),
      }
    : {
        x: tf.tensor2d(x, [ROWS, FEATURES]),
        y: tf.tensor2d(targets, [ROWS, 1]),
        task: 'regression' as const,
      };
  return sageLoss({ output, latents, reconstruction }, truth, weights).total;
}

const WEIGHTS: readonly LossWeights[] = [
  { task: 1, reconstruction: 0, center: 0 },
  { task: 0, reconstruction: 2, center: 0 },
  { task: 0, reconstruction: 0, center: 0.5 },
  { task: 1, reconstruction: 3, center: 0.1 },
];

describe('sageLoss', () => {
  it.each(WEIGHTS)('reference: value and gradient of classification with %o', async (weights) => {
    const shapes = [
      [ROWS, CLASSES],
      [ROWS, D],
      [ROWS, FEATURES],
    ];
    const inputs = split(point, CLASSES).map((values, i) => tf.tensor(values, shapes[i]));
    const { value, grads } = tf.valueAndGrads((a: tf.Tensor, b: tf.Tensor, c: tf.Tensor) =>
      // The zeros connect parts that have no weight, which tfjs would refuse.
      tf.addN([
        loss(a, b, c, weights, true),
        ...[a, b, c].map((t) => tf.mul(tf.sum(t), 0).asScalar()),
      ]),
    )(inputs);
    const want = numericGradient((values) => reference(values, weights, true), point);
    expect((await value.data())[0]).toBeCloseTo(reference(point, weights, true), 5);
    const got = (await Promise.all(grads.map((grad) => grad.data()))).flatMap((g) => [...g]);
    expectClose(got, want, TOLERANCES.gradient);
    tf.dispose([...inputs, value, ...grads]);
  });

  it('reference: value and gradient of regression', async () => {
    const weights = { task: 2, reconstruction: 1, center: 0 };
    const shapes = [
      [ROWS, 1],
      [ROWS, D],
      [ROWS, FEATURES],
    ];
    const inputs = split(point, 1).map((values, i) => tf.tensor(values, shapes[i]));
    const [output, latents, reconstruction] = inputs;
    const { value, grads } = tf.valueAndGrads((a: tf.Tensor, c: tf.Tensor) =>
      loss(a, latents, c, weights, false),
    )([output, reconstruction]);
    expect((await value.data())[0]).toBeCloseTo(reference(point, weights, false), 5);
    const want = split(
      numericGradient((values) => reference(values, weights, false), point),
      1,
    );
    expectClose(await grads[0].data(), want[0], TOLERANCES.gradient);
    expectClose(await grads[1].data(), want[2], TOLERANCES.gradient);
    tf.dispose([...inputs, value, ...grads]);
  });

  it('edge: logits of 1e4 give a finite loss and gradient', async () => {
    const weights = { task: 1, reconstruction: 0, center: 0 };
    const zeros = [tf.zeros([ROWS, D]), tf.zeros([ROWS, FEATURES])];
    const logits = tf.tensor2d([1e4, 0, -1e4, 0, 1e4, 0, 1e4, 0, 0, 5, 5, 5], [ROWS, CLASSES]);
    const { value, grad } = tf.valueAndGrad((z: tf.Tensor) =>
      loss(z, zeros[0], zeros[1], weights, true),
    )(logits);
    expect(Number.isFinite((await value.data())[0])).toBe(true);
    expect([...(await grad.data())].every(Number.isFinite)).toBe(true);
    tf.dispose([...zeros, logits, value, grad]);
  });

  it('only parts with a weight are there', () => {
    const names = tf.tidy(() => {
      const [output, latents] = [tf.zeros([ROWS, 1]), tf.zeros([ROWS, D])];
      const truth = { x: latents, y: output, task: 'regression' as const };
      const weights = { task: 1, reconstruction: 1, center: 1 };
      return Object.keys(sageLoss({ output, latents }, truth, weights).parts);
    });
    expect(names).toEqual(['task']);
  });

  it('memory: value and gradient leave nothing behind', async () => {
    await expectNoLeak(() => {
      const z = tf.zeros([ROWS, CLASSES]);
      const rest = [tf.zeros([ROWS, D]), tf.zeros([ROWS, FEATURES])];
      const result = tf.tidy(() =>
        tf.valueAndGrad((a: tf.Tensor) => loss(a, rest[0], rest[1], WEIGHTS[0], true))(z),
      );
      tf.dispose([z, ...rest, result.value, result.grad]);
    });
  });
});

describe('movedCenters', () => {
  it('golden: a centre moves towards the mean of its rows, one without rows stays', async () => {
    const latents = tf.tensor2d([2, 0, 4, 0], [2, 2]);
    const y = tf.tensor2d([1, 0, 1, 0], [2, 2]);
    const before = tf.tensor2d([0, 0, 7, 7], [2, 2]);
    const after = movedCenters(latents, y, before);
    // 0 + 0.5 (2 + 4) / (1 + 2) = 1.
    expect([...(await after.data())]).toEqual([1, 0, 7, 7]);
    tf.dispose([latents, y, before, after]);
  });
});
