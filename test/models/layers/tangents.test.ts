import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { parameterSpecs } from '../../../src/models/layers/layer.js';
import type { Layer } from '../../../src/models/layers/layer.js';
import { createParameters, disposeParameters } from '../../../src/models/layers/parameters.js';
import { runLayers } from '../../../src/models/layers/layer.js';
import { linearise } from '../../../src/models/layers/tangents.js';
import { jacobianPenalty } from '../../../src/models/penalties/jacobianPenalty.js';
import { Rng } from '../../../src/util/rng.js';
import { describeOnBackends } from '../../neighbors/onBackends.js';
import { numericJacobian } from '../../reference/latentPenalties.js';
import { normalRows } from '../../support/arbitraries.js';
import { expectClose } from '../../support/compare.js';
import { numericGradient } from '../../support/gradcheck.js';
import { expectNoLeak } from '../../support/leaks.js';
import { TOLERANCES } from '../../support/tolerances.js';

const DENSE: readonly Layer[] = [
  { kind: 'dense', in: 4, out: 5, then: 'tanh' },
  { kind: 'dropout', rate: 0.5 },
  { kind: 'dense', in: 5, out: 4, then: 'leakyRelu', slope: 0.2 },
  { kind: 'dense', in: 4, out: 3, then: 'sigmoid' },
  { kind: 'dense', in: 3, out: 2, then: 'linear', bias: false },
];

/** The chain in float64, for one row; weights in the order of the specs. */
function denseReference(weights: readonly (readonly number[])[], x: readonly number[]): number[] {
  let [row, at] = [[...x], 0];
  for (const layer of DENSE) {
    if (layer.kind !== 'dense') continue;
    const kernel = weights[at++];
    const bias = layer.bias === false ? undefined : weights[at++];
    row = Array.from({ length: layer.out }, (_, j) => {
      const sum = row.reduce((total, value, i) => total + value * kernel[i * layer.out + j], 0);
      const linear = sum + (bias?.[j] ?? 0);
      if (layer.then === 'tanh') return Math.tanh(linear);
      if (layer.then === 'sigmoid') return 1 / (1 + Math.exp(-linear));
      return layer.then === 'leakyRelu' && linear < 0 ? 0.2 * linear : linear;
    });
  }
  return row;
}

const specs = parameterSpecs('net', DENSE);

/** Weights with biases that are not zero. */
function denseWeights(): number[][] {
  const rng = new Rng(3);
  return specs.map(({ shape }) =>
    Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => Math.fround(rng.normal() / 2)),
  );
}

/** Mean over rows of the squared entries of the Jacobian. */
function penaltyReference(weights: readonly (readonly number[])[], rows: number[][]): number {
  const squares = rows.flatMap((x) =>
    numericJacobian((at) => denseReference(weights, at), x)
      .flat()
      .map((value) => value ** 2),
  );
  return squares.reduce((sum, value) => sum + value, 0) / rows.length;
}

const rows = normalRows(3, 4, 2);
const weights = denseWeights();

const weightTensors = (): Record<string, tf.Tensor> =>
  Object.fromEntries(
    specs.map(({ name, shape }, i) => [name, tf.tensor(weights[i], [...shape])] as const),
  );

describeOnBackends('linearise', () => {
  it('reference: pushed and pulled vectors of a dense chain against central differences', async () => {
    const made = tf.tidy(() => {
      const chain = { prefix: 'net', layers: DENSE, weights: weightTensors() };
      const { value, push, pull } = linearise(chain, tf.tensor2d(rows));
      const [v, w] = [tf.tensor2d(normalRows(3, 4, 5)), tf.tensor2d(normalRows(3, 2, 6))];
      return [value, push(v), pull(w)];
    });
    const [value, pushed, pulled] = await Promise.all(made.map((t) => t.data<'float32'>()));
    tf.dispose(made);
    rows.forEach((x, i) => {
      const jacobian = numericJacobian((at) => denseReference(weights, at), x);
      const [v, w] = [normalRows(3, 4, 5)[i], normalRows(3, 2, 6)[i]];
      const wantPush = jacobian.map((row) => row.reduce((sum, slope, j) => sum + slope * v[j], 0));
      const wantPull = x.map((_, j) => jacobian.reduce((sum, row, k) => sum + row[j] * w[k], 0));
      const { gradient } = TOLERANCES;
      expectClose(value.subarray(2 * i, 2 * i + 2), denseReference(weights, x), gradient);
      expectClose(pushed.subarray(2 * i, 2 * i + 2), wantPush, gradient);
      expectClose(pulled.subarray(4 * i, 4 * i + 4), wantPull, gradient);
    });
  });

  it('gradient: of the Jacobian penalty by a kernel, against differences of differences', async () => {
    const all = weightTensors();
    const { name, shape } = specs[0];
    const penalty = (kernel: tf.Tensor): tf.Scalar =>
      jacobianPenalty(
        { prefix: 'net', layers: DENSE, weights: { ...all, [name]: kernel } },
        tf.tensor2d(rows),
      );
    const { value, grad } = tf.valueAndGrad(penalty)(tf.tensor(weights[0], [...shape]));
    expectClose(await value.data(), [penaltyReference(weights, rows)], TOLERANCES.gradient);
    const want = numericGradient(
      (first) => penaltyReference([first, ...weights.slice(1)], rows),
      weights[0],
      1e-4,
    );
    expectClose(await grad.data(), want, TOLERANCES.gradient);
    tf.dispose([value, grad, all]);
  });

  it('property: push and pull are adjoint in a convolutional chain, and random probes are unbiased', async () => {
    const layers: readonly Layer[] = [
      { kind: 'conv', in: [4, 4, 1], out: [2, 2, 3], then: 'tanh' },
      { kind: 'reshape', out: [12] },
      { kind: 'dense', in: 12, out: 4, then: 'linear' },
      { kind: 'reshape', out: [1, 1, 4] },
      { kind: 'convTranspose', in: [1, 1, 4], out: [2, 2, 1], then: 'relu' },
    ];
    const parameters = createParameters(parameterSpecs('net', layers), new Rng(4));
    const chain = { prefix: 'net', layers, weights: parameters };
    const made = tf.tidy(() => {
      const x = tf.tensor(normalRows(2, 16, 7).flat(), [2, 4, 4, 1]);
      const v = tf.tensor(normalRows(2, 16, 8).flat(), [2, 4, 4, 1]);
      const w = tf.tensor(normalRows(2, 4, 9).flat(), [2, 2, 2, 1]);
      const { value, push, pull } = linearise(chain, x);
      const exact = jacobianPenalty(chain, x);
      const random = jacobianPenalty(chain, x, { probes: 400, rng: new Rng(5) });
      const gap = tf.max(tf.abs(tf.sub(value, runLayers('net', layers, parameters, x))));
      return [tf.sum(tf.mul(push(v), w)), tf.sum(tf.mul(v, pull(w))), exact, random, gap];
    });
    const [pushed, pulled, exact, random, gap] = await Promise.all(
      made.map(async (t) => (await t.data())[0]),
    );
    expect(pushed).toBeCloseTo(pulled, 4);
    expect(Math.abs(random / exact - 1)).toBeLessThan(0.2);
    expect(gap).toBeLessThan(1e-6);
    tf.dispose(made);
    disposeParameters(parameters);
  });

  it('memory: a penalty leaves nothing behind', async () => {
    const layers: readonly Layer[] = [{ kind: 'dense', in: 4, out: 2, then: 'tanh' }];
    const parameters = createParameters(parameterSpecs('net', layers), new Rng(4));
    await expectNoLeak(() => {
      tf.tidy(() => {
        jacobianPenalty({ prefix: 'net', layers, weights: parameters }, tf.tensor2d(rows));
      });
    });
    disposeParameters(parameters);
  });
});

it('error: probes and generator', () => {
  const chain = { prefix: 'net', layers: DENSE, weights: {} };
  expect(() => jacobianPenalty(chain, tf.zeros([1, 4]), { probes: 0 })).toThrow(
    "jacobianPenalty: probes must be 'exact' or an integer >= 1, got 0.",
  );
  expect(() => jacobianPenalty(chain, tf.zeros([1, 4]), { probes: 2 })).toThrow(
    'rng must be given with random probes, got none',
  );
});
