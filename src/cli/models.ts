import { DataError, DomainError } from '../errors.js';
import {
  ConditionalAutoencoder,
  ContractiveAutoencoder,
  DenoisingAutoencoder,
  DiffusionNet,
  DistanceMatchingAutoencoder,
  HypersphericalAutoencoder,
  Irmae,
  LeastVolume,
  Lorae,
  MaskedAutoencoder,
  NestedDropoutAutoencoder,
  Sage,
  SupervisedAutoencoder,
  TopologicalAutoencoder,
  VariationalAutoencoder,
} from '../models/index.js';
import type { AutoencoderFitOptions, PassOptions } from '../models/index.js';
import type { Artifacts } from '../util/artifacts.js';
import type { Rows } from '../util/rows.js';
import { MODEL_NAMES } from './modelNames.js';
import type { ModelName } from './modelNames.js';
import type { Settings } from './settings.js';

/** What commands need of an autoencoder; every class over the shared base has it. */
export interface AutoencoderModel {
  readonly config: { readonly latentDim: number; readonly seed: number };
  fit(x: Rows, options?: AutoencoderFitOptions): Promise<unknown>;
  encode(x: Rows, options?: PassOptions): Promise<Rows>;
  decode(latents: Rows, options?: PassOptions): Promise<Rows>;
  reconstruct(x: Rows, options?: PassOptions): Promise<Rows>;
  errors(x: Rows, options?: PassOptions): Promise<Float32Array>;
  /** Class or value of every row, by models that learn targets. */
  predict?(x: Rows, options?: PassOptions): Promise<Int32Array | Float32Array>;
  toArtifacts(): Promise<Artifacts>;
  dispose(): void;
}

/** Made from settings, or brought back from a run folder. */
interface Entry<Model> {
  /** Name in saved files. */
  readonly saved: string;
  /** @throws DomainError by the model's own schema, which checks every key and value. */
  create(settings: Settings): Model;
  load(artifacts: Artifacts): Model;
}

interface SageEntry extends Entry<Sage> {
  readonly kind: 'sage';
}

export interface AutoencoderEntry extends Entry<AutoencoderModel> {
  readonly kind: 'autoencoder';
  /** Whether fit takes the targets of the data. */
  readonly targets: 'none' | 'optional' | 'required';
  /** Latents have length 1, and the decoder knows no others. */
  readonly onSphere?: boolean;
  /** Whether fit, and all passes over rows, take a condition. */
  readonly conditioned: boolean;
}

/** A model as the command line sees it. */
export type ModelEntry = SageEntry | AutoencoderEntry;

const MODELS: Readonly<Record<ModelName, ModelEntry>> = {
  sage: {
    kind: 'sage',
    saved: 'sage',
    create: (settings) => new Sage(settings),
    load: (artifacts) => Sage.fromArtifacts(artifacts),
  },
  'least-volume': autoencoder('leastVolume', LeastVolume),
  lorae: autoencoder('lorae', Lorae),
  irmae: autoencoder('irmae', Irmae),
  vae: autoencoder('vae', VariationalAutoencoder),
  denoising: autoencoder('denoising', DenoisingAutoencoder),
  masked: autoencoder('masked', MaskedAutoencoder),
  contractive: autoencoder('contractive', ContractiveAutoencoder),
  'nested-dropout': autoencoder('nestedDropout', NestedDropoutAutoencoder),
  hyperspherical: {
    ...autoencoder('hyperspherical', HypersphericalAutoencoder),
    onSphere: true,
  },
  'distance-matching': autoencoder('distanceMatching', DistanceMatchingAutoencoder),
  topological: autoencoder('topological', TopologicalAutoencoder),
  'diffusion-net': autoencoder('diffusionNet', DiffusionNet),
  supervised: autoencoder('supervised', SupervisedAutoencoder, { targets: 'required' }),
  conditional: autoencoder('conditional', ConditionalAutoencoder, { conditioned: true }),
};

/** The entry of an autoencoder; what it takes is as its definition has it. */
export function autoencoder(
  saved: string,
  model: {
    new (settings: Settings): AutoencoderModel;
    fromArtifacts(artifacts: Artifacts): AutoencoderModel;
  },
  takes: Partial<Pick<AutoencoderEntry, 'targets' | 'conditioned'>> = {},
): AutoencoderEntry {
  const { targets = 'none', conditioned = false } = takes;
  return {
    kind: 'autoencoder',
    saved,
    targets,
    conditioned,
    create: (settings) => new model(settings),
    load: (artifacts) => model.fromArtifacts(artifacts),
  };
}

/** @throws DomainError listing the models when there is none of that name. */
export function findModel(op: string, name: string): ModelEntry {
  const found = MODEL_NAMES.find((known) => known === name);
  if (found !== undefined) return MODELS[found];
  throw new DomainError({
    op,
    arg: 'model',
    expected: `be one of ${MODEL_NAMES.join(', ')}`,
    got: JSON.stringify(name),
  });
}

/** @throws DataError when a run folder holds a model that commands do not know. */
export function savedModel(op: string, run: string, { model }: Artifacts): ModelEntry {
  const found = Object.values(MODELS).find(({ saved }) => saved === model);
  if (found !== undefined) return found;
  throw new DataError({
    op,
    arg: run,
    expected: `hold a model that is one of ${MODEL_NAMES.join(', ')}`,
    got: `'${model}'`,
  });
}

/** The entry of a saved model for commands that know SAGE only. @throws DataError for another model. */
export function savedSage(op: string, run: string, artifacts: Artifacts): SageEntry {
  const entry = savedModel(op, run, artifacts);
  if (entry.kind === 'sage') return entry;
  const [expected, got] = ['hold a model that is sage', `'${artifacts.model}'`];
  throw new DataError({ op, arg: run, expected, got });
}
