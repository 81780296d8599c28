import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { startBackend } from '../../../src/backends/start.js';
import { binaryCrossEntropy } from '../../../src/models/autoencoder/index.js';
import type { TrainSnapshot } from '../../../src/train/index.js';
import type { Json } from '../../../src/util/artifacts.js';
import { Rng } from '../../../src/util/rng.js';
import { sliceRows, takeRows } from '../../../src/util/rows.js';
import { autoencoderChecks } from '../../support/autoencoderChecks.js';
import { blobImages, planeRows } from './toy.js';
import { PlainAutoencoder } from './plain.js';
import type { PlainConfig } from './plain.js';

const [train, other] = [planeRows(96, 1), planeRows(40, 2)];
const dense = { hidden: [12], latentDim: 2, epochs: 6, batchSize: 16, learningRate: 0.01 };
const [images, otherImages] = [blobImages(48, 1), blobImages(10, 2)];
const conv: PlainConfig = {
  ...{ architecture: 'conv' as const, channels: [4, 8], latentDim: 3, epochs: 4, batchSize: 16 },
  ...{ reconstructionLoss: 'bce' as const, learningRate: 0.01 },
};

/** The rows that are held for validation. */
function heldRows(seed: number, rows: number, count: number): Int32Array {
  const rng = new Rng(seed);
  for (const stream of [0, 1]) rng.fork(stream);
  return rng.fork(2).draw(rows, count).drawn;
}

describe('PlainAutoencoder, dense, wasm', () => {
  beforeAll(async () => {
    await startBackend({ prefer: 'wasm' });
  });

  autoencoderChecks({
    make: (config) => new PlainAutoencoder({ ...dense, ...config }),
    load: (artifacts) => PlainAutoencoder.fromArtifacts(artifacts),
    ...{ train, other },
  });

  it('golden: a plane is reconstructed by two latents, and the history says how', async () => {
    const epochs = 60;
    const model = await new PlainAutoencoder({ ...dense, epochs }).fit(train);
    const errors = await model.errors(other);
    expect(errors).toHaveLength(other.count);
    // Rows have variance 1 per feature.
    expect(errors.reduce((sum, e) => sum + e, 0) / errors.length).toBeLessThan(0.05);
    expect(model.history).toHaveLength(epochs);
    expect(model.history[0]).toMatchObject({ epoch: 1, stage: 'train' });
    expect(model.history[epochs - 1].loss).toBeLessThan(0.1 * model.history[0].loss);
    expect(model.history[3].parts.reconstruction).toBe(model.history[3].loss);
    model.dispose();
    expect(model.history).toEqual([]);
  });

  it('the history is saved with the model, whole after a resumed fit too', async () => {
    const snapshots: TrainSnapshot[] = [];
    const save = (snapshot: TrainSnapshot): Promise<void> => {
      snapshots.push(snapshot);
      return Promise.resolve();
    };
    const model = await new PlainAutoencoder(dense).fit(train, {
      checkpoint: { everySeconds: Infinity, everySteps: 8, save },
    });
    const { history } = model;
    expect(history).toHaveLength(6);
    const saved = await model.toArtifacts();
    const loaded = PlainAutoencoder.fromArtifacts(saved);
    expect(loaded.history).toEqual(history);
    // The second checkpoint lies within an epoch.
    const resumed = await new PlainAutoencoder(dense).fit(train, { resume: snapshots[1] });
    expect(resumed.history).toEqual(history);
    // A model that an earlier version saved has none.
    const fitted = { ...(saved.config.fitted as Record<string, Json>) };
    delete fitted.history;
    const old = PlainAutoencoder.fromArtifacts({ ...saved, config: { ...saved.config, fitted } });
    expect(old.history).toEqual([]);
    for (const each of [model, loaded, resumed, old]) each.dispose();
  });

  it('validation: the loss of rows that no step sees, without dropout; the best epoch is kept', async () => {
    const settings = {
      ...{ ...dense, dropout: 0.3, epochs: 12, learningRate: 0.1, standardize: false },
      ...{ validationFraction: 0.25, seed: 3 },
    };
    const drawn = heldRows(settings.seed, train.count, 24);
    const held = takeRows(train, drawn);
    const lossOf = async (model: PlainAutoencoder): Promise<number> => {
      const errors = await model.errors(held);
      return errors.reduce((sum, error) => sum + error, 0) / errors.length;
    };
    const last = await new PlainAutoencoder(settings).fit(train);
    const losses = last.history.map(({ validation }) => validation?.loss ?? NaN);
    expect(losses.at(-1)).toBeCloseTo(await lossOf(last), 5);
    const best = await new PlainAutoencoder({ ...settings, patience: 12 }).fit(train);
    expect(await lossOf(best)).toBeCloseTo(Math.min(...losses), 5);
    expect(Math.min(...losses)).toBeLessThan(losses[11]);
    // What no step sees leaves no trace in the weights.
    const changed = { ...train, data: train.data.slice() };
    const size = train.data.length / train.count;
    for (const row of drawn) changed.data.fill(0, row * size, (row + 1) * size);
    const same = await new PlainAutoencoder(settings).fit(changed);
    expect((await same.toArtifacts()).arrays).toEqual((await last.toArtifacts()).arrays);
    for (const model of [last, best, same]) model.dispose();
    const one = sliceRows(train, 0, 1);
    await expect(new PlainAutoencoder(settings).fit(one)).rejects.toThrow(
      'PlainAutoencoder.fit: x must have at least two rows to train on with validationFraction above 0, got 1 rows.',
    );
  });

  it('early stopping ends training, also without validation', async () => {
    const settings = { ...dense, epochs: 100, learningRate: 1e-12, patience: 2 };
    const model = await new PlainAutoencoder({ ...settings, optimizer: 'sgd' }).fit(train);
    expect(model.history.length).toBeLessThan(20);
    model.dispose();
  });

  it('decode undoes encode as reconstruct does, and refuses latents of another size', async () => {
    const model = await new PlainAutoencoder(dense).fit(train);
    const latents = await model.encode(other);
    expect(await model.decode(latents)).toEqual(await model.reconstruct(other));
    await expect(model.decode(other)).rejects.toThrow(
      'PlainAutoencoder.decode: latents must have rows of shape [2] (2 features)',
    );
    model.dispose();
  });

  it('error: what a model does not take is refused before anything is computed', async () => {
    const targets = { kind: 'class', values: new Int32Array(96), classes: 2 } as const;
    await expect(new PlainAutoencoder(dense).fit(train, { targets })).rejects.toThrow(
      'PlainAutoencoder.fit: options.targets must be left out: this model learns without targets, got 96 targets.',
    );
    const rows = [[1, 2, 3]] as never;
    await expect(new PlainAutoencoder(dense).fit(rows)).rejects.toThrow(
      'PlainAutoencoder.fit: x must be rows, { data: Float32Array, count: number, rowShape: number[] }, got an array.',
    );
    await expect(new PlainAutoencoder(dense).fit(train, { condition: other })).rejects.toThrow(
      'options.condition must be left out: this model has no condition, got 40 rows.',
    );
    const bce = new PlainAutoencoder({ ...dense, reconstructionLoss: 'bce' });
    await expect(bce.fit(train)).rejects.toThrow(
      "x must be in [0, 1] for reconstructionLoss 'bce'",
    );
    expect(() => new PlainAutoencoder({ reconstructionLoss: 'bce', standardize: true })).toThrow(
      "config.standardize must be false or 'auto' for reconstructionLoss 'bce'",
    );
    expect(() => new PlainAutoencoder({ architecture: 'conv', channels: [] })).toThrow(
      "config.channels must be one or more integers for architecture 'conv', got [].",
    );
    await expect(
      new PlainAutoencoder({ ...dense, architecture: 'conv' }).fit(train),
    ).rejects.toThrow(
      "PlainAutoencoder.fit: x must have rows of shape [height, width, channels] for architecture 'conv', got rows of shape [6].",
    );
  });
});

describe('PlainAutoencoder, convolutional', () => {
  for (const { name, available, detail } of inject('backends')) {
    const title = `${name}: learns images with cross-entropy`;
    it.skipIf(!available)(
      available ? title : `${title} (not on this machine: ${detail})`,
      async () => {
        await startBackend({ prefer: name });
        // Few steps where each takes long, on a software device.
        const [epochs, batchSize] = name === 'webgpu' ? [3, 48] : [12, 16];
        const model = await new PlainAutoencoder({ ...conv, epochs, batchSize }).fit(images);
        const rows = await model.reconstruct(otherImages);
        expect(rows.rowShape).toEqual([8, 8, 1]);
        expect(rows.data.every((value) => value >= 0 && value <= 1)).toBe(true);
        expect(model.history).toHaveLength(epochs);
        expect(model.history[epochs - 1].loss).toBeLessThan(model.history[0].loss);
        model.dispose();
      },
    );
  }
});

describe('PlainAutoencoder, convolutional, wasm', () => {
  beforeAll(async () => {
    await startBackend({ prefer: 'wasm' });
  });
  autoencoderChecks({
    make: (config) => new PlainAutoencoder({ ...conv, ...config }),
    load: (artifacts) => PlainAutoencoder.fromArtifacts(artifacts),
    ...{ train: images, other: otherImages },
  });
});

describe('binaryCrossEntropy', () => {
  beforeAll(async () => {
    await startBackend({ prefer: 'cpu' });
  });

  it('golden: log(1 + e^z) - z x, also where e^z overflows', async () => {
    const value = async (z: number, x: number): Promise<number> => {
      const loss = tf.tidy(() => binaryCrossEntropy(tf.tensor1d([z]), tf.tensor1d([x])));
      const [got] = await loss.data();
      loss.dispose();
      return got;
    };
    for (const [z, x] of [
      [0, 0.3],
      [1.5, 1],
      [-2, 0.25],
    ]) {
      expect(await value(z, x)).toBeCloseTo(Math.log1p(Math.exp(z)) - z * x, 6);
    }
    expect(await value(500, 1)).toBe(0);
    expect(await value(-500, 1)).toBe(500);
  });

  it('gradient: (sigmoid(z) - x) / n', async () => {
    const [z, x] = [tf.tensor1d([-3, 0.5]), tf.tensor1d([0.2, 1])];
    const slope = tf.grad((a: tf.Tensor) => binaryCrossEntropy(a, x))(z);
    const got = await slope.data();
    const sigmoid = (v: number): number => 1 / (1 + Math.exp(-v));
    expect(got[0]).toBeCloseTo((sigmoid(-3) - 0.2) / 2, 6);
    expect(got[1]).toBeCloseTo((sigmoid(0.5) - 1) / 2, 6);
    tf.dispose([z, x, slope]);
  });
});
