import { DomainError } from '../errors.js';
import { Sage } from '../models/index.js';
import type { Artifacts } from '../util/artifacts.js';
import type { Settings } from './settings.js';

/** A model as the command line sees it: made from settings, or brought back from a run folder. */
interface ModelEntry {
  create(settings: Settings): Sage;
  load(artifacts: Artifacts): Sage;
}

/** Models by the name that `train` and a run folder use. */
const MODELS: Readonly<Record<string, ModelEntry>> = {
  sage: {
    // The constructor validates every key and value by the model's own schema.
    create: (settings) => new Sage(settings),
    load: (artifacts) => Sage.fromArtifacts(artifacts),
  },
};

/** @throws DomainError listing the models when there is none of that name. */
export function findModel(op: string, name: string): ModelEntry {
  if (!Object.hasOwn(MODELS, name)) {
    throw new DomainError({
      op,
      arg: 'model',
      expected: `be one of ${Object.keys(MODELS).join(', ')}`,
      got: JSON.stringify(name),
    });
  }
  return MODELS[name];
}
