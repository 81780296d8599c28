import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { withTheirElementwise } from '../../../src/kernels/wasm/elementwise.js';
import { kernelsRun } from '../../support/backends.js';
import { expectNoLeak } from '../../support/leaks.js';
import { normals, startWasm, valuesOf } from './start.js';

const LENGTHS = [1, 2, 3, 4, 5, 15, 16, 17, 63, 64, 65, 257];
const length = fc.constantFrom(...LENGTHS);
const slope = (x: number, alpha: number): number => (x > 0 ? 1 : alpha);

describe('elementwise kernels on wasm', () => {
  beforeAll(startWasm);

  it('leakyRelu and its derivative follow their definitions for all lengths', async () => {
    await fc.assert(
      fc.asyncProperty(length, fc.nat(2 ** 30), async (size, seed) => {
        const values = normals(size, seed);
        values[size - 1] = 0;
        const x = tf.tensor1d(values);
        const weights = tf.tensor1d(normals(size, seed + 1));
        const f = (t: tf.Tensor): tf.Tensor => tf.sum(tf.mul(tf.leakyRelu(t, 0.25), weights));
        const [out, gradient] = tf.tidy(() => [tf.leakyRelu(x, 0.25), tf.grad(f)(x)]);
        const w = Array.from(await weights.data());
        tf.dispose([x, weights]);
        // A quarter is exact.
        const wanted = Array.from(values, (v) => v * slope(v, 0.25) + 0);
        expect((await valuesOf(out)).map((v) => v + 0)).toEqual(wanted);
        expect(await valuesOf(gradient)).toEqual(w.map((v, i) => v * slope(values[i], 0.25)));
      }),
      { seed: 5, numRuns: 30 },
    );
  });

  it('relu and leakyRelu have derivatives of first and second order', async () => {
    const values = normals(65, 3);
    for (const alpha of [0, 0.3]) {
      const f = (t: tf.Tensor): tf.Tensor => (alpha === 0 ? tf.relu(t) : tf.leakyRelu(t, alpha));
      const cubed = (t: tf.Tensor): tf.Tensor => tf.sum(tf.pow(f(tf.square(t).sub(0.5)), 3));
      const [first, second] = tf.tidy((): tf.Tensor[] => {
        const x = tf.tensor1d(values);
        const once = tf.grad(cubed);
        return [once(x), tf.grad((t: tf.Tensor) => tf.sum(tf.square(once(t))))(x)];
      });
      const [got, gotTwice] = [await valuesOf(first), await valuesOf(second)];
      values.forEach((x, i) => {
        const s = x * x - 0.5;
        const [value, d] = [s * slope(s, alpha), slope(s, alpha)];
        const want = 6 * x * value ** 2 * d;
        const change = 6 * value ** 2 * d + 24 * x * x * value * d * d;
        const scale = 1 + Math.abs(x) ** 5;
        expect(Math.abs(got[i] - want)).toBeLessThan(1e-5 * scale);
        expect(Math.abs(gotTwice[i] - 2 * want * change)).toBeLessThan(1e-4 * scale ** 2);
      });
    }
  });

  it('lets NaN through and keeps infinities', async () => {
    const x = tf.tensor1d([NaN, Infinity, -Infinity, 1, NaN]);
    const [out, gradient] = tf.tidy(() => [
      tf.leakyRelu(x, 0.5),
      tf.grad((t: tf.Tensor) => tf.leakyRelu(t, 0.5))(x),
    ]);
    x.dispose();
    expect(await valuesOf(out)).toEqual([NaN, Infinity, -Infinity, 1, NaN]);
    expect(await valuesOf(gradient)).toEqual([0.5, 1, 0.5, 1, 0.5]);
  });

  it('add a vector to rows from either side, and any other shapes as tfjs does', async () => {
    const cases: [number[], number[]][] = [
      [[7, 5], [5]],
      [[16], [3, 2, 16]],
      [
        [4, 3, 17],
        [1, 1, 17],
      ],
      [
        [4, 3, 17],
        [3, 17],
      ],
      [
        [4, 1],
        [4, 3],
      ],
      [[1, 6], [6]],
      [[3, 4], []],
      [[5, 1], [1]],
    ];
    for (const [a, b] of cases) {
      const x = tf.tensor(normals(tf.util.sizeFromShape(a), 1), a);
      const y = tf.tensor(normals(tf.util.sizeFromShape(b), 2), b);
      const got = tf.add(x, y);
      const want = withTheirElementwise(() => tf.add(x, y));
      expect(got.shape).toEqual(want.shape);
      expect(await valuesOf(got)).toEqual(await valuesOf(want));
      tf.dispose([x, y]);
    }
    const whole = tf.add(tf.tensor2d([1, 2, 3, 4], [2, 2], 'int32'), tf.tensor1d([1, 2], 'int32'));
    expect(whole.dtype).toBe('int32');
    expect(await valuesOf(whole)).toEqual([2, 4, 4, 6]);
  });

  it('sum over any axes, closer to the float64 sum than 2^-24 of the magnitudes a block', async () => {
    const shapes = fc.tuple(length, fc.constantFrom(1, 2, 5, 33), length);
    const axes = fc.constantFrom<number[]>([0], [1], [2], [0, 1], [1, 2], [0, 2], [0, 1, 2], [-1]);
    await fc.assert(
      fc.asyncProperty(shapes, axes, fc.boolean(), async (shape, axis, keepDims) => {
        const values = normals(tf.util.sizeFromShape(shape), 9);
        const x = tf.tensor(values, shape);
        const got = tf.sum(x, axis, keepDims);
        const reduced = axis.map((i) => (i + 3) % 3);
        const keys = new Map<string, { value: number; magnitude: number }>();
        values.forEach((value, at) => {
          const place = [
            Math.floor(at / (shape[1] * shape[2])),
            Math.floor(at / shape[2]) % shape[1],
            at % shape[2],
          ];
          const key = place.filter((_, i) => !reduced.includes(i)).join();
          const sum = keys.get(key) ?? { value: 0, magnitude: 0 };
          keys.set(key, {
            value: sum.value + value,
            magnitude: sum.magnitude + Math.abs(value),
          });
        });
        const shapeWanted = shape.flatMap((size, i) =>
          reduced.includes(i) ? (keepDims ? [1] : []) : [size],
        );
        expect(got.shape).toEqual(shapeWanted);
        x.dispose();
        const sums = await valuesOf(got);
        [...keys.values()].forEach(({ value, magnitude }, i) => {
          expect(Math.abs(sums[i] - value)).toBeLessThanOrEqual(258 * 2 ** -24 * magnitude);
        });
      }),
      { seed: 6, numRuns: 40 },
    );
  });

  it('sum a million values without losing digits, and nothing to zero', async () => {
    const values = Float32Array.from({ length: 2 ** 20 }, (_, i) => 1 + (i % 7) / 8);
    const exact = values.reduce((total, value) => total + value, 0);
    const [all, columns] = tf.tidy((): tf.Tensor[] => {
      const x = tf.tensor1d(values);
      return [tf.sum(x), tf.sum(tf.reshape(x, [2 ** 15, 32]), 0)];
    });
    expect(await valuesOf(all)).toEqual([Math.fround(exact)]);
    expect((await valuesOf(columns)).reduce((total, value) => total + value, 0)).toBe(exact);
    expect(await valuesOf(tf.sum(tf.zeros([0, 3]), 0))).toEqual([0, 0, 0]);
    expect(await valuesOf(tf.sum(tf.tensor1d([1, 2], 'int32')))).toEqual([3]);
  });

  it('a copy shares its values and outlives what it was made of', async () => {
    const x = tf.tensor1d([1, 2, 3]);
    const copy = tf.clone(x);
    const variable = tf.variable(x);
    x.dispose();
    variable.assign(tf.tidy(() => tf.add(variable, 1)));
    expect(await valuesOf(copy)).toEqual([1, 2, 3]);
    expect(Array.from(await variable.data())).toEqual([2, 3, 4]);
    variable.dispose();
    expect(await valuesOf(tf.clone(tf.tensor1d(['a', 'b'], 'string')))).toEqual(['a', 'b']);
  });

  it('our derivative runs on wasm only', async () => {
    const x = tf.tensor1d([1, -1]);
    const gradient = (): tf.Tensor => tf.tidy(() => tf.grad((t: tf.Tensor) => tf.relu(t))(x));
    expect(await kernelsRun(gradient)).toContain('LatentLeakyReluGradient');
    await tf.setBackend('cpu');
    const onCpu = tf.tensor1d([1, -1]);
    const names = await kernelsRun(() => tf.grad((t: tf.Tensor) => tf.relu(t))(onCpu));
    expect(names).not.toContain('LatentLeakyReluGradient');
    await tf.setBackend('wasm');
    tf.dispose([x, onCpu]);
  });

  it('leave no tensors behind', async () => {
    await expectNoLeak(() => {
      tf.tidy(() => {
        const x = tf.tensor2d(normals(60, 1), [6, 10]);
        tf.grad((t: tf.Tensor) => tf.leakyRelu(tf.add(t, tf.ones([10])), 0.1).sum([0]))(x);
        tf.clone(x);
      });
    });
  });
});
