import { beforeAll, describe, expect, it } from 'vitest';
import { startBackend } from '../../../src/backends/start.js';
import { latentSpectrum } from '../../../src/metrics/index.js';
import {
  DenoisingAutoencoder,
  Irmae,
  Lorae,
  MaskedAutoencoder,
  NestedDropoutAutoencoder,
  VariationalAutoencoder,
} from '../../../src/models/index.js';
import { Rng } from '../../../src/util/rng.js';
import type { Rows } from '../../../src/util/rows.js';
import { ellipsoid, LINEAR, mean, meanSquare, principal, rowAt, rowsOf } from './toys.js';

beforeAll(async () => {
  await startBackend({ prefer: 'wasm' });
});

const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, value, i) => sum + value * b[i], 0);

describe('Lorae and Irmae', () => {
  const train = ellipsoid(256, [1.5, 1, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3], 1);
  const settings = { ...LINEAR, hidden: [16], latentDim: 8, epochs: 200, learningRate: 0.01 };

  it('toy: two directions in eight latents: two are left by the nuclear norm, few by linear layers', async () => {
    const fit = async (
      model: Lorae | Irmae,
    ): Promise<{ variances: Float64Array; error: number }> => {
      await model.fit(train);
      const { variances } = latentSpectrum(await model.encode(train));
      const error = meanSquare(await model.reconstruct(train), train);
      model.dispose();
      return { variances: variances.map((value) => value / variances[0]), error };
    };
    const plain = await fit(new Lorae({ ...settings, nuclearWeight: 0 }));
    const low = await fit(new Lorae({ ...settings, nuclearWeight: 0.03 }));
    const implicit = await fit(new Irmae({ ...settings, linearLayers: 8 }));
    // Rows have mean square 0.4 per feature.
    for (const { error } of [plain, low, implicit]) expect(error).toBeLessThan(0.01);
    expect(plain.variances[2]).toBeGreaterThan(0.01);
    expect(low.variances[1]).toBeGreaterThan(0.01);
    expect(low.variances[2]).toBeLessThan(1e-6);
    expect(implicit.variances[1]).toBeGreaterThan(0.01);
    expect(implicit.variances[2]).toBeLessThan(plain.variances[2] / 3);
  });

  it('toy: fine-tuned at the rank that was found, the same epochs reconstruct better', async () => {
    const make = (epochs: number, fineTuneEpochs: number): Lorae =>
      new Lorae({ ...settings, batchSize: 64, nuclearWeight: 0.1, epochs, fineTuneEpochs });
    const errors: number[] = [];
    for (const model of [make(100, 0), make(50, 50)]) {
      await model.fit(train);
      const { variances } = latentSpectrum(await model.encode(train));
      expect(variances[1]).toBeGreaterThan(0.01 * variances[0]);
      expect(variances[2]).toBeLessThan(1e-6 * variances[0]);
      errors.push(meanSquare(await model.reconstruct(train), train));
      model.dispose();
    }
    expect(errors[1]).toBeLessThan(errors[0] / 2);
  });

  it('fine-tuning: the map stays as it was cut, and its loss has no penalty', async () => {
    const quick = { ...settings, epochs: 3, fineTuneEpochs: 2, rankRatio: 1 };
    const model = await new Lorae(quick).fit(train);
    expect(model.history.map(({ stage }) => stage)).toEqual([
      ...['train', 'train', 'train'],
      ...['fineTune', 'fineTune'],
    ]);
    expect(Object.keys(model.history[0].parts)).toEqual(['reconstruction', 'nuclear']);
    expect(Object.keys(model.history[4].parts)).toEqual(['reconstruction']);
    // One singular value is left: latents on a line, in float32.
    const { variances } = latentSpectrum(await model.encode(train));
    expect(variances[1]).toBeLessThan(1e-10 * variances[0]);
    model.dispose();
    const short = await new Lorae({ ...quick, fineTuneEpochs: 1 }).fit(train);
    const longer = await new Lorae({ ...quick, fineTuneEpochs: 3 }).fit(train);
    const [a, b] = [await short.toArtifacts(), await longer.toArtifacts()];
    expect(a.arrays['linear.0.kernel'].data).toEqual(b.arrays['linear.0.kernel'].data);
    expect(a.arrays['encoder.1.kernel'].data).not.toEqual(b.arrays['encoder.1.kernel'].data);
    short.dispose();
    longer.dispose();
  });

  it('error: fine-tuning', () => {
    expect(() => new Lorae({ fineTuneEpochs: -1 })).toThrow(
      'Lorae: config.fineTuneEpochs must be an integer >= 0, got -1',
    );
    expect(() => new Lorae({ rankRatio: 1.5 })).toThrow(
      'Lorae: config.rankRatio must be a number in [0, 1], got 1.5',
    );
    expect(new Lorae().config).toMatchObject({ fineTuneEpochs: 0, rankRatio: 0.01 });
  });
});

describe('NestedDropoutAutoencoder', () => {
  it('toy: a linear one gives the principal components in order', async () => {
    const train = ellipsoid(512, [2, 1.4, 1, 0.5, 0.3, 0.2], 2);
    const model = await new NestedDropoutAutoencoder({ ...LINEAR, latentDim: 3 }).fit(train);
    const latents = await model.encode(train);
    const { values } = principal(train);
    for (let k = 1; k <= 3; k++) {
      const cut = { ...latents, data: latents.data.map((z, at) => (at % 3 < k ? z : 0)) };
      const error = 6 * meanSquare(await model.decode(cut), train);
      // What k principal components leave.
      const least = values.slice(k).reduce((sum, value) => sum + value, 0);
      expect(error).toBeLessThan(1.03 * least);
      expect(error).toBeGreaterThan(0.99 * least);
    }
    model.dispose();
  });
});

describe('VariationalAutoencoder', () => {
  const deviations = [2, 1, 0.2, 0.2];
  const train = ellipsoid(512, deviations, 3);
  const settings = { ...LINEAR, latentDim: 3, deviation: 0.5, epochs: 150, batchSize: 128 };

  it('toy: a linear one is probabilistic PCA: posterior variances s^2 / lambda, the rest is given up', async () => {
    const model = await new VariationalAutoencoder(settings).fit(train);
    const { variances } = await model.posterior(train);
    const found = [0, 1, 2]
      .map((j) => mean(variances.data.filter((_, at) => at % 3 === j)))
      .sort((a, b) => a - b);
    const { values } = principal(train);
    for (const k of [0, 1]) expect(Math.abs((found[k] * values[k]) / 0.25 - 1)).toBeLessThan(0.2);
    expect(found[2]).toBeGreaterThan(0.95);
    const parts = model.history[model.history.length - 1].parts;
    // KL of each direction is log(lambda / s^2) / 2 on average.
    const want = (Math.log(values[0] / 0.25) + Math.log(values[1] / 0.25)) / 2;
    expect(Math.abs(parts.divergence / want - 1)).toBeLessThan(0.1);
    model.dispose();
  });

  it('toy: beta 0 keeps every direction, a large beta none; samples spread as the rows do', async () => {
    const few = { ...settings, epochs: 50 };
    const close = await new VariationalAutoencoder({ ...few, beta: 0 }).fit(train);
    expect(meanSquare(await close.reconstruct(train), train)).toBeLessThan(0.04);
    close.dispose();
    const far = await new VariationalAutoencoder({ ...few, beta: 50 }).fit(train);
    const { variances } = await far.posterior(train);
    expect(Math.min(...variances.data)).toBeGreaterThan(0.5);
    far.dispose();
    const model = await new VariationalAutoencoder(settings).fit(train);
    const made = await model.sample(2000, { seed: 4 });
    const [first] = principal(made).values;
    // The decoder makes lambda - s^2 of each direction.
    expect(first / (principal(train).values[0] - 0.25)).toBeCloseTo(1, 0);
    expect(await model.sample(5, { seed: 4 })).toEqual(await model.sample(5, { seed: 4 }));
    await expect(model.sample(0)).rejects.toThrow('count must be an integer >= 1, got 0');
    model.dispose();
  });
});

describe('DenoisingAutoencoder', () => {
  it('toy: a linear one shrinks each direction by lambda / (lambda + s^2)', async () => {
    const train = ellipsoid(512, [2, 1, 0.5], 5);
    const settings = { ...LINEAR, latentDim: 3, deviation: 0.8 };
    const model = await new DenoisingAutoencoder(settings).fit(train);
    const { values, directions } = principal(train);
    const back = await model.reconstruct(train);
    directions.forEach((direction, k) => {
      let [product, squares] = [0, 0];
      for (let i = 0; i < train.count; i++) {
        const along = dot(rowAt(train, i), direction);
        product += dot(rowAt(back, i), direction) * along;
        squares += along ** 2;
      }
      expect(Math.abs(product / squares - values[k] / (values[k] + 0.64))).toBeLessThan(0.05);
    });
    model.dispose();
  });

  it('zeros: what was set to 0 is filled in from the other features', async () => {
    const rng = new Rng(6);
    const train = rowsOf(
      Array.from({ length: 256 }, () => {
        const t = rng.normal();
        return Array.from({ length: 4 }, () => t + 0.05 * rng.normal());
      }),
    );
    const settings = { ...LINEAR, latentDim: 1, corruption: 'zeros', fraction: 0.25 } as const;
    const model = await new DenoisingAutoencoder(settings).fit(train);
    const holed = { ...train, data: train.data.map((v, at) => (at % 4 === 1 ? 0 : v)) };
    const before = meanSquare(holed, train);
    expect(meanSquare(await model.reconstruct(holed), train)).toBeLessThan(0.2 * before);
    model.dispose();
  });
});

describe('MaskedAutoencoder', () => {
  const train = ellipsoid(512, [2, 1.5, 0.1, 0.1, 0.1, 0.1], 7);
  const test = ellipsoid(200, [2, 1.5, 0.1, 0.1, 0.1, 0.1], 8);
  const settings = { ...LINEAR, hidden: [32], latentDim: 4, epochs: 100 };

  /** Rows with feature j unknown. */
  const without = (x: Rows, j: number): Rows => ({
    ...x,
    data: x.data.map((_, at) => Number(at % 6 !== j)),
  });

  it('toy: a hidden feature is found from the others, twice as well as by its mean', async () => {
    const model = await new MaskedAutoencoder({ ...settings, maskRatio: 0.3 }).fit(train);
    for (const j of [0, 3]) {
      const filled = await model.impute(test, without(test, j));
      let [error, spread] = [0, 0];
      filled.data.forEach((value, at) => {
        if (at % 6 !== j) {
          expect(value).toBe(test.data[at]);
          return;
        }
        error += (value - test.data[at]) ** 2;
        spread += test.data[at] ** 2;
      });
      expect(error).toBeLessThan(0.5 * spread);
    }
    model.dispose();
  });

  it('patches of images are hidden as squares, and the rest is passed through', async () => {
    const images = { ...train, count: 96, rowShape: [4, 4, 2] };
    const model = new MaskedAutoencoder({ ...settings, patch: 2, epochs: 2 });
    await model.fit(images);
    const known = { ...images, data: new Float32Array(images.data.length).fill(1) };
    expect((await model.impute(images, known)).data).toEqual(images.data);
    model.dispose();
  });

  it('error: patches, masks', async () => {
    await expect(new MaskedAutoencoder({ patch: 6 }).fit(train)).rejects.toThrow(
      'config.patch must be small enough for two patches in rows of 6 elements, got 6',
    );
    const model = await new MaskedAutoencoder({ ...settings, epochs: 1 }).fit(train);
    const known = without(test, 0);
    known.data[7] = 0.5;
    await expect(model.impute(test, known)).rejects.toThrow(
      'known must be 0 or 1, got 0.5 at row 1',
    );
    await expect(model.impute(test, without(train, 0))).rejects.toThrow('as many rows as x, 200');
    model.dispose();
  });
});
