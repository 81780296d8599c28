import { beforeAll, describe, expect, inject, it } from 'vitest';
import { startBackend } from '../../../src/backends/start.js';
import {
  ConditionalAutoencoder,
  ContractiveAutoencoder,
  DenoisingAutoencoder,
  DiffusionNet,
  DistanceMatchingAutoencoder,
  HypersphericalAutoencoder,
  Irmae,
  Lorae,
  MaskedAutoencoder,
  NestedDropoutAutoencoder,
  SupervisedAutoencoder,
  TopologicalAutoencoder,
  VariationalAutoencoder,
} from '../../../src/models/index.js';
import type { AutoencoderFitOptions } from '../../../src/models/index.js';
import { blobs } from '../sage/toy.js';

const { x, targets } = blobs(24, 1);
const settings = { hidden: [5], latentDim: 2, epochs: 2, batchSize: 12, learningRate: 0.01 };
const MODELS = {
  Lorae: () => new Lorae(settings),
  'Lorae, fine-tuned': () => new Lorae({ ...settings, fineTuneEpochs: 1, rankRatio: 1 }),
  Irmae: () => new Irmae(settings),
  VariationalAutoencoder: () => new VariationalAutoencoder(settings),
  DenoisingAutoencoder: () => new DenoisingAutoencoder(settings),
  MaskedAutoencoder: () => new MaskedAutoencoder(settings),
  NestedDropoutAutoencoder: () => new NestedDropoutAutoencoder(settings),
  HypersphericalAutoencoder: () => new HypersphericalAutoencoder(settings),
  ContractiveAutoencoder: () => new ContractiveAutoencoder(settings),
  DistanceMatchingAutoencoder: () =>
    new DistanceMatchingAutoencoder({ ...settings, distances: 'diffusion' }),
  TopologicalAutoencoder: () => new TopologicalAutoencoder(settings),
  DiffusionNet: () => new DiffusionNet({ ...settings, batchSize: 24, bandwidth: 10 }),
  SupervisedAutoencoder: () => new SupervisedAutoencoder(settings),
  ConditionalAutoencoder: () => new ConditionalAutoencoder({ ...settings, consistencyWeight: 1 }),
} as const;
type Name = keyof typeof MODELS;
const OPTIONS: Partial<Record<Name, AutoencoderFitOptions>> = {
  SupervisedAutoencoder: { targets },
  ConditionalAutoencoder: { condition: x },
};

/** Loss of the last epoch of a model. */
async function lastLoss(name: Name): Promise<number> {
  const model = MODELS[name]();
  await model.fit(x, OPTIONS[name]);
  const { loss } = model.history[model.history.length - 1];
  model.dispose();
  return loss;
}

/** Losses on the cpu backend, which the others are compared with. */
const wanted = new Map<Name, number>();

describe('autoencoders train alike on all backends', () => {
  beforeAll(async () => {
    await startBackend({ prefer: 'cpu' });
    for (const name of Object.keys(MODELS) as Name[]) wanted.set(name, await lastLoss(name));
  });

  for (const { name: backend, available, detail } of inject('backends')) {
    if (backend === 'cpu') continue;
    const title = available ? backend : `${backend} (not on this machine: ${detail})`;
    describe.skipIf(!available)(title, () => {
      beforeAll(async () => {
        await startBackend({ prefer: backend });
      });

      it.each(Object.keys(MODELS) as Name[])('%s: the loss after two epochs', async (name) => {
        const [got, want] = [await lastLoss(name), wanted.get(name) ?? NaN];
        // Rounding of some hundreds of float32 operations, through four steps.
        expect(Math.abs(got / want - 1)).toBeLessThan(1e-3);
      });
    });
  }
});
