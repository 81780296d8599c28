import { beforeAll, describe, expect, it } from 'vitest';
import { startBackend } from '../../../src/backends/start.js';
import {
  ContractiveAutoencoder,
  Lorae,
  MaskedAutoencoder,
  VariationalAutoencoder,
  pullbackMetric,
} from '../../../src/models/index.js';
import { blobImages } from '../autoencoder/toy.js';
import { rowAt, rowsOf } from './toys.js';

beforeAll(async () => {
  await startBackend({ prefer: 'wasm' });
});

const images = blobImages(48, 1);
const conv = {
  architecture: 'conv',
  channels: [4, 8],
  latentDim: 2,
  epochs: 6,
  batchSize: 16,
  reconstructionLoss: 'bce',
  learningRate: 0.01,
  activation: 'tanh',
} as const;
const MODELS = {
  Lorae: () => new Lorae(conv),
  VariationalAutoencoder: () => new VariationalAutoencoder(conv),
  MaskedAutoencoder: () => new MaskedAutoencoder({ ...conv, patch: 2 }),
  ContractiveAutoencoder: () => new ContractiveAutoencoder(conv),
} as const;

describe('convolutional autoencoders with cross-entropy', () => {
  it.each(Object.keys(MODELS) as (keyof typeof MODELS)[])('%s learns images', async (name) => {
    const model = MODELS[name]();
    await model.fit(images);
    const { history } = model;
    expect(history[5].loss).toBeLessThan(history[0].loss);
    const back = await model.reconstruct(images);
    expect(back.rowShape).toEqual([8, 8, 1]);
    expect(back.data.every((value) => value >= 0 && value <= 1)).toBe(true);
    model.dispose();
  });

  it('reference: the pull-back metric passes the sigmoid of the output', async () => {
    const model = await new VariationalAutoencoder(conv).fit(images);
    const at = [0.3, -0.4];
    const { metric } = await pullbackMetric(model.chart(), rowsOf([at]));
    const step = 0.02;
    const ends = [
      [step, 0],
      [-step, 0],
      [0, step],
      [0, -step],
    ];
    const made = await model.decode(rowsOf(ends.map((d) => d.map((value, k) => value + at[k]))));
    const slopes = [0, 1].map((k) =>
      rowAt(made, 2 * k).map((value, f) => (value - rowAt(made, 2 * k + 1)[f]) / (2 * step)),
    );
    const want = slopes.flatMap((a) =>
      slopes.map((b) => a.reduce((sum, value, f) => sum + value * b[f], 0)),
    );
    const size = Math.max(...want);
    want.forEach((value, k) => {
      expect(Math.abs(metric.data[k] - value)).toBeLessThan(1e-2 * size);
    });
    model.dispose();
  });
});
