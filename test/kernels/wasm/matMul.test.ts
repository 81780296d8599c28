import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { convolutionSide } from '../../../src/kernels/wasm/convolution.js';
import { matMulSide } from '../../../src/kernels/wasm/matMul.js';
import { setThreads } from '../../../src/kernels/wasm/register.js';
import { expectNoLeak } from '../../support/leaks.js';
import { normals, startWasm, valuesOf } from './start.js';

/** Float64 product of one pair of matrices, and the sum of magnitudes that its error scales with. */
function referenceProduct(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  [m, k, n]: readonly [number, number, number],
  transposeA: boolean,
  transposeB: boolean,
): { value: number; magnitude: number }[] {
  return Array.from({ length: m * n }, (_, at) => {
    const [i, j] = [Math.floor(at / n), at % n];
    let value = 0;
    let magnitude = 0;
    for (let x = 0; x < k; x++) {
      const term = a[transposeA ? x * m + i : i * k + x] * b[transposeB ? j * k + x : x * n + j];
      value += term;
      magnitude += Math.abs(term);
    }
    return { value, magnitude };
  });
}

/** Blocks of 256 float32 terms: worst case 2^-24 a term of a block and of the sum of blocks. */
const relativeBound = (k: number): number => (Math.min(k, 256) + Math.ceil(k / 256) + 2) * 2 ** -24;

function expectProduct(
  got: readonly number[],
  want: readonly { value: number; magnitude: number }[],
  k: number,
): void {
  expect(got.length).toBe(want.length);
  want.forEach(({ value, magnitude }, i) => {
    if (!(Math.abs(got[i] - value) <= relativeBound(k) * magnitude)) {
      expect.fail(`element ${i}: got ${got[i]}, want ${value}`);
    }
  });
}

function product(
  a: Float32Array,
  b: Float32Array,
  [m, k, n]: readonly [number, number, number],
  transposeA: boolean,
  transposeB: boolean,
): tf.Tensor {
  return tf.tidy(() =>
    tf.matMul(
      tf.tensor2d(a, transposeA ? [k, m] : [m, k]),
      tf.tensor2d(b, transposeB ? [n, k] : [k, n]),
      transposeA,
      transposeB,
    ),
  );
}

const ORIENTATIONS = [
  [false, false],
  [true, false],
  [false, true],
  [true, true],
] as const;
const EDGES = [1, 2, 3, 4, 5, 7, 8, 9, 63, 64, 65, 257];

describe('matMul on wasm', () => {
  beforeAll(startWasm);
  afterEach(() => setThreads(undefined));

  it('equals a float64 product for all transpositions and sizes around the tiles', async () => {
    const size = fc.constantFrom(...EDGES);
    const cases = fc.tuple(size, size, size, fc.boolean(), fc.boolean(), fc.nat(2 ** 30));
    await fc.assert(
      fc.asyncProperty(cases, async ([m, k, n, transposeA, transposeB, seed]) => {
        const [a, b] = [normals(m * k, seed), normals(k * n, seed + 1)];
        const run = (): tf.Tensor => product(a, b, [m, k, n], transposeA, transposeB);
        const got = await valuesOf(matMulSide.during('ours', run));
        expectProduct(got, referenceProduct(a, b, [m, k, n], transposeA, transposeB), k);
      }),
      { seed: 7, numRuns: 80 },
    );
  });

  it('gives the same bits on one, two and three threads', async () => {
    for (const [transposeA, transposeB] of ORIENTATIONS) {
      const [a, b] = [normals(259 * 301, 1), normals(301 * 133, 2)];
      const results: number[][] = [];
      for (const threads of [1, 2, 3]) {
        setThreads(threads);
        const tensor = product(a, b, [259, 301, 133], transposeA, transposeB);
        results.push(await valuesOf(tensor));
      }
      expect(results[1]).toEqual(results[0]);
      expect(results[2]).toEqual(results[0]);
    }
  });

  it('broadcasts batches in every direction', async () => {
    // Which matrix of a and of b each matrix of the result is made of.
    const cases = [
      { a: [3], b: [3], pairs: ['00', '11', '22'] },
      { a: [3], b: [1], pairs: ['00', '10', '20'] },
      { a: [1], b: [3], pairs: ['00', '01', '02'] },
      { a: [], b: [3], pairs: ['00', '01', '02'] },
      { a: [3], b: [], pairs: ['00', '10', '20'] },
      { a: [2, 1], b: [3], pairs: ['00', '01', '02', '10', '11', '12'] },
      { a: [2, 3], b: [2, 1], pairs: ['00', '10', '20', '31', '41', '51'] },
    ];
    const [m, k, n] = [12, 33, 21];
    for (const { a, b, pairs } of cases) {
      for (const [transposeA, transposeB] of ORIENTATIONS) {
        const aShape = [...a, ...(transposeA ? [k, m] : [m, k])];
        const bShape = [...b, ...(transposeB ? [n, k] : [k, n])];
        const aValues = normals(tf.util.sizeFromShape(aShape), 3);
        const bValues = normals(tf.util.sizeFromShape(bShape), 4);
        const tensor = matMulSide.during('ours', () =>
          tf.tidy(() =>
            tf.matMul(
              tf.tensor(aValues, aShape),
              tf.tensor(bValues, bShape),
              transposeA,
              transposeB,
            ),
          ),
        );
        expect(tensor.shape).toEqual([...tf.broadcast_util.assertAndGetBroadcastShape(a, b), m, n]);
        const got = await valuesOf(tensor);
        pairs.forEach(([i, j], at) => {
          const left = aValues.subarray(Number(i) * m * k, (Number(i) + 1) * m * k);
          const right = bValues.subarray(Number(j) * k * n, (Number(j) + 1) * k * n);
          const want = referenceProduct(left, right, [m, k, n], transposeA, transposeB);
          expectProduct(got.slice(at * m * n, (at + 1) * m * n), want, k);
        });
      }
    }
  });

  it('applies bias and activation as tfjs does', async () => {
    const activations = ['linear', 'relu', 'relu6', 'elu', 'sigmoid', 'leakyrelu'] as const;
    for (const activation of activations) {
      const run = (): tf.Tensor =>
        tf.tidy(() =>
          tf.fused.matMul({
            a: tf.tensor2d(normals(130 * 100, 5), [130, 100]),
            b: tf.tensor2d(normals(100 * 131, 6), [100, 131]),
            bias: tf.tensor1d(normals(131, 7)),
            activation,
            leakyreluAlpha: 0.3,
          }),
        );
      const got = await valuesOf(matMulSide.during('ours', run));
      const want = await valuesOf(matMulSide.during('theirs', run));
      want.forEach((value, i) => {
        if (Math.abs(got[i] - value) > 1e-4) expect.fail(`${activation} ${i}: ${got[i]} ${value}`);
      });
      expect(got.length).toBe(want.length);
    }
  });

  it('takes a bias whose values were made in another shape, in both kernels', async () => {
    const made = tf.tensor2d(normals(5, 7), [1, 5]);
    const [bias, plain] = [made.reshape([5]), tf.tensor1d(await valuesOf(made.clone()))];
    const [x, filter] = [tf.ones([1, 4, 4, 2]), tf.ones([3, 3, 2, 5])] as [
      tf.Tensor4D,
      tf.Tensor4D,
    ];
    const product = (b: tf.Tensor): tf.Tensor =>
      tf.tidy(() =>
        tf.fused.matMul({ a: tf.ones([3, 4]), b: tf.ones([4, 5]), bias: b, activation: 'relu' }),
      );
    const convolution = (b: tf.Tensor): tf.Tensor =>
      tf.fused.conv2d({ x, filter, strides: 1, pad: 'same', bias: b });
    for (const run of [product, convolution]) {
      for (const side of ['ours', 'theirs'] as const) {
        const before = tf.memory().numTensors;
        const both = [bias, plain].map((b) =>
          matMulSide.during(side, () => convolutionSide.during(side, () => run(b))),
        );
        const [got, want] = await Promise.all(both.map((tensor) => valuesOf(tensor)));
        expect(got).toEqual(want);
        expect(tf.memory().numTensors).toBe(before);
      }
    }
    tf.dispose([made, bias, plain, x, filter]);
  });

  it('falls back to tfjs for prelu and small products', async () => {
    const run = (): tf.Tensor =>
      tf.tidy(() =>
        tf.fused.matMul({
          a: tf.tensor2d(normals(130 * 100, 5), [130, 100]),
          b: tf.tensor2d(normals(100 * 131, 6), [100, 131]),
          activation: 'prelu',
          preluActivationWeights: tf.fill([131], 0.2),
        }),
      );
    expect(await valuesOf(run())).toEqual(await valuesOf(matMulSide.during('theirs', run)));
    expect(await valuesOf(tf.matMul([[1, 2]], [[3], [4]]))).toEqual([11]);
  });

  it('gives zeros for an empty sum and an empty result for empty sides', async () => {
    const out = tf.matMul(tf.zeros([3, 0]), tf.zeros([0, 2]));
    expect(await valuesOf(out)).toEqual([0, 0, 0, 0, 0, 0]);
    const none = tf.matMul(tf.zeros([0, 4]), tf.zeros([4, 2]));
    expect(none.shape).toEqual([0, 2]);
    none.dispose();
  });

  it('lets NaN and infinity through to their own row only', async () => {
    const a = new Float32Array(70 * 64).fill(1);
    a[5 * 64 + 9] = NaN;
    a[6 * 64 + 9] = Infinity;
    const b = new Float32Array(64 * 65).fill(0.5);
    for (const transposeB of [false, true]) {
      const run = (): tf.Tensor => product(a, b, [70, 64, 65], false, transposeB);
      const got = await valuesOf(matMulSide.during('ours', run));
      got.forEach((value, i) => {
        const row = Math.floor(i / 65);
        expect(value).toBe(row === 5 ? NaN : row === 6 ? Infinity : 32);
      });
    }
  });

  it('has the gradients of the cpu backend', async () => {
    const run = async (backend: string): Promise<number[][]> => {
      await tf.setBackend(backend);
      const gradients = tf.tidy(() => {
        const f = tf.grads((a, b) => tf.sum(tf.square(tf.matMul(a, b))));
        const a = tf.tensor2d(normals(129 * 130, 8), [129, 130]);
        const b = tf.tensor2d(normals(130 * 66, 9, 0.1), [130, 66]);
        return f([a, b]);
      });
      return [await valuesOf(gradients[0]), await valuesOf(gradients[1])];
    };
    const want = await run('cpu');
    const got = await run('wasm');
    want.forEach((values, side) =>
      values.forEach((value, i) =>
        expect(Math.abs(got[side][i] - value)).toBeLessThan(1e-3 + 1e-4 * Math.abs(value)),
      ),
    );
  });

  it('cuts a product that is larger than a slab', async () => {
    const [m, k, n] = [50_000, 200, 9];
    for (const transposeA of [false, true]) {
      const a = normals(m * k, 10);
      const b = normals(k * n, 11);
      const got = await valuesOf(product(a, b, [m, k, n], transposeA, false));
      for (const i of [0, 1, 41_000, 45_321, 49_999]) {
        let want = 0;
        for (let x = 0; x < k; x++) want += a[transposeA ? x * m + i : i * k + x] * b[x * n + 4];
        expect(Math.abs(got[i * n + 4] - want)).toBeLessThan(1e-4);
      }
    }
  });

  it('leaves no tensors behind', async () => {
    await expectNoLeak(async () => {
      await valuesOf(product(normals(6400, 1), normals(6400, 2), [64, 100, 64], true, false));
    });
  });

  it('rejects shapes that do not fit', () => {
    expect(() => tf.matMul(tf.zeros([30, 40]), tf.zeros([30, 40]))).toThrow(/inner shapes/i);
  });
});
