import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import '../../../src/kernels/cpu/register.js';
import { linearMap } from '../../../src/models/layers/layer.js';
import type { Parameters, WeightLayer } from '../../../src/models/layers/layer.js';
import { createParameters, disposeParameters } from '../../../src/models/layers/parameters.js';
import {
  directionSpecs,
  normalisedWeights,
  powerSteps,
  spectralLayers,
  spectralNorm,
} from '../../../src/models/layers/spectral.js';
import type { SpectralLayer } from '../../../src/models/layers/spectral.js';
import { parameterSpecs } from '../../../src/models/layers/layer.js';
import { Rng } from '../../../src/util/rng.js';
import { sizeOf } from '../../../src/util/shape.js';
import { symmetricEigen } from '../../../src/util/symmetricEigen.js';
import { numericGradient } from '../../support/gradcheck.js';
import { expectNoLeak } from '../../support/leaks.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const then = 'linear' as const;
const [small, large] = [[2, 3, 2] as const, [4, 5, 1] as const];
const LAYERS: Record<string, WeightLayer> = {
  dense: { kind: 'dense', in: 7, out: 4, then },
  conv: { kind: 'conv', in: large, out: small, filter: 3, then },
  convTranspose: { kind: 'convTranspose', in: small, out: large, filter: 4, then },
};

/** The layer's matrix is linear in its kernel: one matrix of zeros and ones per entry of the kernel. */
async function matricesOf(layer: WeightLayer): Promise<{ rows: number; basis: Float64Array[] }> {
  const [{ shape }] = parameterSpecs('p', [layer]);
  const size = typeof layer.in === 'number' ? [layer.in] : [...layer.in];
  const rows = sizeOf(size);
  const basis: Float64Array[] = [];
  for (let k = 0; k < sizeOf(shape); k++) {
    const out = tf.tidy(() => {
      const kernel = Float32Array.from({ length: sizeOf(shape) }, (_, i) => (i === k ? 1 : 0));
      const inputs = tf.eye(rows).reshape([rows, ...size]);
      return linearMap(layer, inputs, tf.tensor(kernel, [...shape]));
    });
    basis.push(Float64Array.from(await out.data()));
    out.dispose();
  }
  return { rows, basis };
}

/** Largest singular value in float64, from the eigenvalues of M M^T. */
function largestSingular(
  { rows, basis }: { rows: number; basis: Float64Array[] },
  kernel: readonly number[],
): number {
  const columns = basis[0].length / rows;
  const matrix = new Float64Array(rows * columns);
  basis.forEach((one, k) => one.forEach((value, i) => (matrix[i] += kernel[k] * value)));
  const gram = new Float64Array(rows * rows);
  for (let a = 0; a < rows; a++) {
    for (let b = 0; b < rows; b++) {
      for (let j = 0; j < columns; j++) {
        gram[a * rows + b] += matrix[a * columns + j] * matrix[b * columns + j];
      }
    }
  }
  return Math.sqrt(symmetricEigen(gram, rows).values[rows - 1]);
}

async function withLayer(
  layer: WeightLayer,
  use: (layers: SpectralLayer[], parameters: Parameters, kernel: number[]) => Promise<void>,
): Promise<void> {
  const layers = spectralLayers('p', [layer]);
  const specs = [...parameterSpecs('p', [layer]), ...directionSpecs(layers)];
  const parameters = createParameters(specs, new Rng(5));
  await use(layers, parameters, Array.from(await parameters['p.0.kernel'].data()));
  disposeParameters(parameters);
}

describe('spectral normalisation', () => {
  for (const [name, layer] of Object.entries(LAYERS)) {
    it(`reference: ${name}: power iteration finds the norm of the layer's whole matrix`, async () => {
      const matrices = await matricesOf(layer);
      await withLayer(layer, async (layers, parameters, kernel) => {
        powerSteps(layers, parameters, 100);
        const [{ kernel: at, direction }] = layers;
        const sigma = tf.tidy(() => spectralNorm(layer, parameters[at], parameters[direction]));
        const [got] = await sigma.data();
        sigma.dispose();
        const want = largestSingular(matrices, kernel);
        expect(Math.abs(got - want) / want).toBeLessThan(1e-3);
        const normed = tf.tidy(() => normalisedWeights(layers, parameters)[at].clone());
        const scaled = Array.from(await normed.data());
        normed.dispose();
        expect(Math.abs(largestSingular(matrices, scaled) - 1)).toBeLessThan(1e-3);
      });
    });

    it(`gradient: ${name}: through W / sigma as float64 differences of the whole matrix`, async () => {
      const matrices = await matricesOf(layer);
      await withLayer(layer, async (layers, parameters, kernel) => {
        powerSteps(layers, parameters, 300);
        const rng = new Rng(9);
        const weights = kernel.map(() => rng.normal());
        const loss = (): tf.Scalar => {
          const normed = normalisedWeights(layers, parameters)['p.0.kernel'];
          return tf.sum(tf.mul(normed, tf.tensor(weights, normed.shape)));
        };
        const { value, grads } = tf.variableGrads(loss, [parameters['p.0.kernel']]);
        const [slope] = Object.values(grads);
        const got = Array.from(await slope.data());
        tf.dispose([value, slope]);
        const want = numericGradient((at) => {
          const sigma = largestSingular(matrices, at);
          return at.reduce((sum, w, i) => sum + (w * weights[i]) / sigma, 0);
        }, kernel);
        got.forEach((g, i) => expect(Math.abs(g - want[i])).toBeLessThan(2e-3));
      });
    });
  }

  it('is not the norm of the kernel reshaped to a matrix', async () => {
    // One 4x4 filter of ones: as a 16 x 1 matrix its norm is 4, as a map its windows overlap.
    const layer: WeightLayer = {
      kind: 'convTranspose',
      in: [8, 8, 1],
      out: [16, 16, 1],
      filter: 4,
      then,
    };
    await withLayer(layer, async (layers, parameters) => {
      const kernel = parameters['p.0.kernel'];
      tf.tidy(() => kernel.assign(tf.ones([4, 4, 1, 1])));
      powerSteps(layers, parameters, 100);
      const sigma = tf.tidy(() => spectralNorm(layer, kernel, parameters[layers[0].direction]));
      const [got] = await sigma.data();
      sigma.dispose();
      expect(got).toBeGreaterThan(6);
      expect(got).toBeLessThan(8);
    });
  });

  it('edge: a layer of zeros stays zero, with finite gradients and its direction kept', async () => {
    await withLayer(LAYERS.dense, async (layers, parameters) => {
      const kernel = parameters['p.0.kernel'];
      tf.tidy(() => kernel.assign(tf.zerosLike(kernel)));
      const before = Array.from(await parameters['p.0.direction'].data());
      powerSteps(layers, parameters, 3);
      expect(Array.from(await parameters['p.0.direction'].data())).toEqual(before);
      const { value, grads } = tf.variableGrads(
        () => tf.sum(normalisedWeights(layers, parameters)['p.0.kernel']),
        [kernel],
      );
      expect((await value.data())[0]).toBe(0);
      for (const slope of Object.values(grads)) {
        expect((await slope.data()).every(Number.isFinite)).toBe(true);
      }
      tf.dispose([value, ...Object.values(grads)]);
    });
  });

  it('memory: steps leave nothing', async () => {
    await withLayer(LAYERS.convTranspose, async (layers, parameters) => {
      await expectNoLeak(() => powerSteps(layers, parameters, 2));
      expect(parameters['p.0.direction'].trainable).toBe(false);
    });
  });
});
