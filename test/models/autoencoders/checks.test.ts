import { beforeAll, describe } from 'vitest';
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
import type { Artifacts } from '../../../src/util/artifacts.js';
import type { Rows, Targets } from '../../../src/util/rows.js';
import { autoencoderChecks } from '../../support/autoencoderChecks.js';
import type { AutoencoderCase, CheckedAutoencoder } from '../../support/autoencoderChecks.js';
import { planeRows } from '../autoencoder/toy.js';

beforeAll(async () => {
  await startBackend({ prefer: 'wasm' });
});

const [train, other] = [planeRows(32, 1), planeRows(16, 2)];
const quick = { hidden: [6], latentDim: 2, epochs: 2, batchSize: 16, learningRate: 0.01 };

/** A class over the shared base; its settings are checked by its schema. */
interface ModelClass {
  new (config?: never): CheckedAutoencoder;
  fromArtifacts(artifacts: Artifacts): CheckedAutoencoder;
}

function caseOf(
  Model: ModelClass,
  settings: object = {},
  more: Partial<AutoencoderCase> = {},
): AutoencoderCase {
  return {
    make: (config) => new Model({ ...quick, ...settings, ...config } as never),
    load: (artifacts) => Model.fromArtifacts(artifacts),
    ...{ train, other },
    ...more,
  };
}

const few = { learnsFromOneRow: false } as const;
const CASES: readonly (readonly [string, AutoencoderCase])[] = [
  ['Lorae', caseOf(Lorae)],
  ['Lorae, fine-tuned', caseOf(Lorae, { fineTuneEpochs: 1 })],
  ['Irmae', caseOf(Irmae, { linearLayers: 2 })],
  ['VariationalAutoencoder', caseOf(VariationalAutoencoder)],
  ['DenoisingAutoencoder', caseOf(DenoisingAutoencoder)],
  ['MaskedAutoencoder', caseOf(MaskedAutoencoder)],
  ['NestedDropoutAutoencoder', caseOf(NestedDropoutAutoencoder)],
  ['HypersphericalAutoencoder', caseOf(HypersphericalAutoencoder)],
  ['ContractiveAutoencoder', caseOf(ContractiveAutoencoder)],
  ['DistanceMatchingAutoencoder', caseOf(DistanceMatchingAutoencoder, { neighbors: 8 }, few)],
  ['TopologicalAutoencoder', caseOf(TopologicalAutoencoder, {}, few)],
  ['DiffusionNet', caseOf(DiffusionNet, {}, few)],
];

describe.each(CASES)('%s', (_, test) => {
  autoencoderChecks(test);
});

/** Classes by the sign of the first feature. */
function signs(x: Rows): Targets {
  const size = x.rowShape[0];
  const values = Int32Array.from({ length: x.count }, (_, i) => Number(x.data[i * size] > 0));
  return { kind: 'class', values, classes: 2 };
}

/** The second feature as a condition. */
function second({ data, count, rowShape: [size] }: Rows): Rows {
  const values = Float32Array.from({ length: count }, (_, i) => data[i * size + 1]);
  return { data: values, count, rowShape: [1] };
}

class WithTargets extends SupervisedAutoencoder {
  override fit(x: Rows, options: object = {}): Promise<this> {
    return super.fit(x, { targets: signs(x), ...options });
  }
}

class WithCondition extends ConditionalAutoencoder {
  override fit(x: Rows, options: object = {}): Promise<this> {
    return super.fit(x, { condition: second(x), ...options });
  }

  override encode(x: Rows, options: object = {}): Promise<Rows> {
    return super.encode(x, { condition: second(x), ...options });
  }

  override reconstruct(x: Rows, options: object = {}): Promise<Rows> {
    return super.reconstruct(x, { condition: second(x), ...options });
  }
}

describe('SupervisedAutoencoder', () => {
  autoencoderChecks({
    ...caseOf(WithTargets),
    // A loaded model is only passed rows.
    load: (artifacts) => SupervisedAutoencoder.fromArtifacts(artifacts),
  });
});

describe('ConditionalAutoencoder', () => {
  autoencoderChecks({
    ...caseOf(WithCondition),
    load: (artifacts) => {
      const model = ConditionalAutoencoder.fromArtifacts(artifacts);
      const withCondition = (x: Rows, options: object = {}): object => ({
        condition: second(x),
        ...options,
      });
      return {
        config: model.config,
        get fitted() {
          return model.fitted;
        },
        fit: (x, options) => model.fit(x, withCondition(x, options)),
        encode: (x, options) => model.encode(x, withCondition(x, options)),
        reconstruct: (x, options) => model.reconstruct(x, withCondition(x, options)),
        toArtifacts: () => model.toArtifacts(),
        dispose: () => model.dispose(),
      };
    },
  });
});
