import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { DataError, UnsupportedError } from '../../../src/errors.js';
import {
  adjointMap,
  linearMap,
  parameterSpecs,
  runLayers,
} from '../../../src/models/layers/layer.js';
import type { Layer, Parameters, WeightLayer } from '../../../src/models/layers/layer.js';
import {
  createParameters,
  disposeParameters,
  loadParameters,
  saveParameters,
} from '../../../src/models/layers/parameters.js';
import { requireKernels } from '../../../src/models/layers/requireKernels.js';
import { Rng } from '../../../src/util/rng.js';
import { sizeOf } from '../../../src/util/shape.js';
import { expectNoLeak } from '../../support/leaks.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const dense: Layer = { kind: 'dense', in: 2, out: 2, then: 'leakyRelu' };

/** Run a chain with given values for kernel and bias of layer 0. */
async function withValues(
  layer: Layer,
  values: { readonly kernel: tf.Tensor; readonly bias: tf.Tensor },
  x: tf.Tensor,
): Promise<number[]> {
  const parameters: Parameters = {
    'p.0.kernel': tf.variable(values.kernel),
    'p.0.bias': tf.variable(values.bias),
  };
  const out = tf.tidy(() => runLayers('p', [layer], parameters, x));
  const result = Array.from(await out.data());
  tf.dispose([out, x, values.kernel, values.bias]);
  disposeParameters(parameters);
  return result;
}

describe('runLayers', () => {
  it('golden: dense is x W + b, then leakyRelu of slope 0.01', async () => {
    const kernel = tf.tensor2d([1, 2, 3, 4], [2, 2]);
    const got = await withValues(dense, { kernel, bias: tf.tensor1d([0, -20]) }, tf.ones([1, 2]));
    expect(got[0]).toBe(4);
    expect(got[1]).toBeCloseTo(-0.14, 6);
  });

  it('property: convTranspose is the adjoint of conv: <conv(x), y> = <x, convTranspose(y)>', async () => {
    const [a, b] = [[5, 7, 2] as const, [3, 4, 3] as const];
    const rng = new Rng(2);
    const draw = (shape: number[]): tf.Tensor =>
      tf.tensor(
        Float32Array.from({ length: sizeOf(shape) }, () => rng.normal()),
        shape,
      );
    // A transposed filter has its channels as output, input: the same array serves both.
    const kernel = draw([3, 3, 2, 3]);
    const [x, y] = [draw([1, ...a]), draw([1, ...b])];
    const [xs, ys] = [Array.from(await x.data()), Array.from(await y.data())];
    const down = await withValues(
      { kind: 'conv', in: a, out: b, then: 'linear' },
      { kernel: kernel.clone(), bias: tf.zeros([3]) },
      x,
    );
    const up = await withValues(
      { kind: 'convTranspose', in: b, out: a, then: 'linear' },
      { kernel, bias: tf.zeros([2]) },
      y,
    );
    const dot = (u: number[], v: number[]): number => u.reduce((sum, z, i) => sum + z * v[i], 0);
    expect(down).toHaveLength(3 * 4 * 3);
    expect(up).toHaveLength(5 * 7 * 2);
    expect(dot(down, ys)).toBeCloseTo(dot(xs, up), 3);
  });

  it('property: adjointMap is the adjoint of linearMap, for every kind, filter and stride', async () => {
    const rng = new Rng(3);
    const draw = (shape: readonly number[]): tf.Tensor =>
      tf.tensor(
        Float32Array.from({ length: sizeOf(shape) }, () => rng.normal()),
        [...shape],
      );
    const [small, large] = [[4, 5, 3] as const, [7, 9, 2] as const];
    const strides = { filter: 4, stride: 2, then: 'linear' } as const;
    const layers: WeightLayer[] = [
      { kind: 'dense', in: 5, out: 3, then: 'linear' },
      { kind: 'conv', in: large, out: small, ...strides },
      { kind: 'convTranspose', in: small, out: large, ...strides },
      { kind: 'conv', in: large, out: [7, 9, 4], filter: 3, stride: 1, then: 'linear' },
    ];
    for (const layer of layers) {
      const [{ shape }] = parameterSpecs('p', [layer]);
      const sizes = (side: number | readonly number[]): number[] =>
        typeof side === 'number' ? [1, side] : [1, ...side];
      const [kernel, x, y] = [draw(shape), draw(sizes(layer.in)), draw(sizes(layer.out))];
      const forward = tf.tidy(() => tf.sum(tf.mul(linearMap(layer, x, kernel), y)));
      const back = tf.tidy(() => tf.sum(tf.mul(x, adjointMap(layer, y, kernel))));
      expect((await forward.data())[0]).toBeCloseTo((await back.data())[0], 3);
      tf.dispose([kernel, x, y, forward, back]);
    }
  });

  it('a layer may have no bias, another slope, and tanh or sigmoid', async () => {
    const kernel = tf.tensor2d([-1], [1, 1]);
    const run = async (rest: Pick<WeightLayer, 'then' | 'slope'>): Promise<number> => {
      const layer: Layer = { kind: 'dense', in: 1, out: 1, bias: false, ...rest };
      const out = tf.tidy(() => runLayers('p', [layer], { 'p.0.kernel': kernel }, tf.ones([1, 1])));
      const [value] = await out.data<'float32'>();
      out.dispose();
      return value;
    };
    expect(await run({ then: 'leakyRelu', slope: 0.25 })).toBe(-0.25);
    expect(await run({ then: 'tanh' })).toBeCloseTo(Math.tanh(-1), 6);
    expect(await run({ then: 'sigmoid' })).toBeCloseTo(1 / (1 + Math.E), 6);
    expect(
      parameterSpecs('p', [{ kind: 'dense', in: 1, out: 1, then: 'linear', bias: false }]),
    ).toHaveLength(1);
    kernel.dispose();
  });

  it('dropout scales what it keeps, is seeded, and does nothing without noise', async () => {
    const layers: Layer[] = [{ kind: 'dropout', rate: 0.25 }];
    const x = tf.ones([100, 100]);
    const run = (rng?: Rng): tf.Tensor => runLayers('p', layers, {}, x, rng);
    const [a, b] = [run(new Rng(1)), run(new Rng(1))];
    const values = await a.data<'float32'>();
    expect([...new Set(values)].sort((p, q) => p - q)).toEqual([0, Math.fround(4 / 3)]);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(Math.abs(mean - 1)).toBeLessThan(0.02);
    expect(await b.data()).toEqual(values);
    expect(run()).toBe(x);
    tf.dispose([x, a, b]);
  });
});

describe('parameters', () => {
  const specs = parameterSpecs('p', [dense, { kind: 'reshape', out: [2, 1] }]);

  it('specs name every weight, and only layers with weights have any', () => {
    expect(specs.map(({ name, shape }) => [name, shape])).toEqual([
      ['p.0.kernel', [2, 2]],
      ['p.0.bias', [2]],
    ]);
  });

  it('save and load give the same bits; memory: nothing is left', async () => {
    await expectNoLeak(async () => {
      const made = createParameters(specs, new Rng(1));
      const saved = await saveParameters(made);
      const loaded = loadParameters('load', specs, saved);
      expect(await saveParameters(loaded)).toEqual(saved);
      disposeParameters(made);
      disposeParameters(loaded);
    });
  });

  it('error: a missing or misshapen array is named and nothing is allocated', async () => {
    const data = new Float32Array(4);
    const kernel = { dtype: 'float32', shape: [2, 2], data } as const;
    await expectNoLeak(() => {
      expect(() => loadParameters('load', specs, {})).toThrow(DataError);
      expect(() => loadParameters('load', specs, { 'p.0.kernel': kernel })).toThrow(
        "load: array 'p.0.bias' must be there (float32 [2]), got nothing.",
      );
      const bad = { 'p.0.kernel': { ...kernel, shape: [4, 1] } };
      expect(() => loadParameters('load', specs, bad)).toThrow(
        'must be float32 [2, 2], got float32 [4, 1]',
      );
    });
  });
});

describe('requireKernels', () => {
  it('passes for what the backend has and names what it lacks', () => {
    expect(() => requireKernels('op', 'arg', ['Conv2D'], 'Fix.')).not.toThrow();
    const lacking = (): void => requireKernels('op', 'arg', ['Conv2D', 'NoSuchKernel'], 'Fix.');
    expect(lacking).toThrow(UnsupportedError);
    expect(lacking).toThrow(
      "op: arg must run on a backend that has the kernel NoSuchKernel, got backend 'cpu', which lacks it. Fix.",
    );
  });
});
