import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, it } from 'vitest';
import { addMissingGradients } from '../../src/ops/missingGradients.js';
import { expectClose } from '../support/compare.js';
import { numericGradient } from '../support/gradcheck.js';
import { expectNoLeak } from '../support/leaks.js';
import { describeBackends } from '../support/onBackends.js';
import { TOLERANCES } from '../support/tolerances.js';

type Map = (x: tf.Tensor) => tf.Tensor;
const weights = (n: number): number[] => Array.from({ length: n }, (_, k) => Math.cos(k + 1));

/** The weighted sum of a map. */
const summed =
  (f: Map): Map =>
  (x) => {
    const value = f(x).flatten();
    return tf.sum(tf.mul(value, tf.tensor1d(weights(value.size))));
  };

async function gradientOf(loss: Map, x: number[], shape: number[]): Promise<number[]> {
  const gradient = tf.tidy(() => tf.grad(loss)(tf.tensor(x, shape)));
  const values = [...(await gradient.data())];
  gradient.dispose();
  return values;
}

/** Gradient of the weighted sum of a map, and of the sum of squares of that gradient. */
async function gradients(f: Map, x: number[], shape: number[]): Promise<[number[], number[]]> {
  const first = tf.grad(summed(f));
  return [
    await gradientOf(summed(f), x, shape),
    await gradientOf((at) => tf.sum(tf.square(first(at))), x, shape),
  ];
}

/** float64: sums of squares of the k largest of every row, largest first, weighted. */
function topSquares(x: readonly number[], width: number, k: number): number {
  let at = 0;
  let sum = 0;
  for (let row = 0; row < x.length; row += width) {
    const sorted = x.slice(row, row + width).sort((a, b) => b - a);
    for (const value of sorted.slice(0, k)) sum += Math.cos(++at) * value ** 2;
  }
  return sum;
}

describeBackends('gradients that tfjs lacks', () => {
  beforeAll(() => addMissingGradients());

  const X = [3, -1, 2.5, 0.5, -2, 1, 4, 1.5];

  it.each([
    [1, [2, 4]],
    [3, [2, 4]],
    [4, [2, 4]],
    [2, [2, 2, 2]],
    [5, [8]],
  ])('gradient: topk with k = %i on %j, first and second order', async (k, shape) => {
    const width = shape[shape.length - 1];
    const [first, second] = await gradients((x) => tf.square(tf.topk(x, k).values), X, shape);
    const want = numericGradient((x) => topSquares(x, width, k), X);
    expectClose(first, want, TOLERANCES.gradient);
    // The loss is a sum of c x^2 over the entries taken, so the second is that of (2 c x)^2.
    const slope = (i: number): number => (X[i] === 0 ? 0 : want[i] / X[i]);
    expectClose(
      second,
      X.map((x, i) => 2 * slope(i) ** 2 * x),
      TOLERANCES.gradient,
      8,
    );
  });

  it('edge: at a tie the lower index is taken, as topk does', async () => {
    const first = await gradientOf(
      summed((x) => tf.topk(x, 2).values),
      [1, 5, 5, 5],
      [4],
    );
    expectClose(first, [0, ...weights(2), 0], TOLERANCES.gradient);
  });

  it('edge: k = 0 gives zeros', async () => {
    const loss = summed((x) => tf.concat([tf.topk(x, 0).values, tf.mul(x, 0)]));
    const first = await gradientOf(loss, [1, 2], [2]);
    expect(first.map(Math.abs)).toEqual([0, 0]);
  });

  it.each([
    [
      [
        [0, 1],
        [2, 0],
        [0, 1],
      ],
      [4, 2],
    ],
    [
      [[1], [1], [0]],
      [4, 2],
    ],
    [
      [[[1, 0, 1]], [[0, 1, 1]]],
      [2, 2, 2],
    ],
  ])('gradient: gatherND at %j of %j, places taken twice too', async (indices, shape) => {
    const f: Map = (x) => tf.square(tf.gatherND(x, tf.tensor(indices, undefined, 'int32')));
    const [first, second] = await gradients(f, X, shape);
    const flat = (indices as unknown[]).flat(Infinity) as number[];
    const depth = shapeOf(indices).at(-1) ?? 0;
    const width = shape.slice(depth).reduce((product, n) => product * n, 1);
    const loss = (x: readonly number[]): number => {
      let at = 0;
      let sum = 0;
      for (let i = 0; i < flat.length; i += depth) {
        const index = flat
          .slice(i, i + depth)
          .reduce((place, n, axis) => place * shape[axis] + n, 0);
        for (let j = 0; j < width; j++) sum += Math.cos(++at) * x[index * width + j] ** 2;
      }
      return sum;
    };
    const want = numericGradient(loss, X);
    expectClose(first, want, TOLERANCES.gradient);
    const slopes = X.map((x, i) => want[i] / x);
    expectClose(
      second,
      X.map((x, i) => 2 * slopes[i] ** 2 * x),
      TOLERANCES.gradient,
      8,
    );
  });

  it('property: a gradient that is there stays', () => {
    const before = [tf.getGradient('TopK'), tf.getGradient('GatherNd')];
    addMissingGradients();
    expect([tf.getGradient('TopK'), tf.getGradient('GatherNd')]).toEqual(before);
  });

  it('memory: nothing is left but what the forward pass leaves', async () => {
    await expectNoLeak(async () => {
      await gradients((x) => tf.square(tf.topk(x, 2).values), X, [2, 4]);
    });
    const f: Map = (x) => tf.gatherND(x, tf.tensor2d([[1], [1]], [2, 1], 'int32'));
    const buffers = async (body: () => unknown): Promise<number> => {
      const before = tf.memory().numDataBuffers;
      await body();
      return tf.memory().numDataBuffers - before;
    };
    // tfjs's own GatherNd leaves two buffers behind on webgpu.
    const forward = await buffers(() => tf.tidy(() => void f(tf.tensor2d(X, [2, 4]))));
    const { numTensors } = tf.memory();
    expect(await buffers(() => gradients((x) => tf.square(f(x)), X, [2, 4]))).toBe(2 * forward);
    expect(tf.memory().numTensors).toBe(numTensors);
  });
});

function shapeOf(value: unknown): number[] {
  return Array.isArray(value) ? [value.length, ...shapeOf(value[0])] : [];
}
