import { beforeAll, describe } from 'vitest';
import { startBackend } from '../../../src/backends/start.js';
import { Sage } from '../../../src/models/index.js';
import type { SageConfigInput } from '../../../src/models/index.js';
import type { Artifacts } from '../../../src/util/artifacts.js';
import type { Rows, Targets } from '../../../src/util/rows.js';
import { autoencoderChecks } from '../../support/autoencoderChecks.js';
import type { CheckedAutoencoder, CheckedFitOptions } from '../../support/autoencoderChecks.js';
import { blobs, QUICK } from './toy.js';

/** Sage as an autoencoder: its targets are the classes of the toy's rows, in order. */
function adapted(sage: Sage, targets: Targets): CheckedAutoencoder {
  return {
    config: sage.config,
    get fitted() {
      return sage.fitted;
    },
    fit: (x: Rows, options?: CheckedFitOptions) =>
      sage.fit(x, { ...targets, values: targets.values.slice(0, x.count) } as Targets, options),
    encode: (x, options) => sage.encode(x, options),
    reconstruct: (x, options) => sage.reconstruct(x, options),
    toArtifacts: () => sage.toArtifacts(),
    dispose: () => sage.dispose(),
  };
}

describe('Sage as an autoencoder', () => {
  beforeAll(async () => {
    await startBackend({ prefer: 'wasm' });
  });
  const [train, other] = [blobs(150, 1), blobs(120, 2)];
  autoencoderChecks({
    make: (config) =>
      adapted(new Sage({ ...QUICK, ...(config as SageConfigInput) }), train.targets),
    load: (artifacts: Artifacts) => adapted(Sage.fromArtifacts(artifacts), train.targets),
    ...{ train: train.x, other: other.x },
    learnsFromOneRow: false,
    fitReturnsOther: true,
  });
});
