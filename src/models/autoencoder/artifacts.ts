import { z } from 'zod';
import { DataError } from '../../errors.js';
import type { Artifacts, Json, SavedArray } from '../../util/artifacts.js';
import { sizeOf } from '../../util/shape.js';
import { loadParameters, savedArray, saveParameters } from '../layers/parameters.js';
import type { AutoencoderConfig } from './config.js';
import type { AutoencoderCore, AutoencoderDefinition, Facts } from './definition.js';

const FOUND = 'found/';

const lossMeans = { loss: z.number(), parts: z.record(z.string(), z.number()) };

const fittedSchema = z.object({
  rowShape: z.array(z.number().int().min(1)),
  conditionShape: z.array(z.number().int().min(1)).nullable(),
  standardized: z.boolean(),
  facts: z.record(z.string(), z.json()),
  // Models of earlier versions were saved without.
  history: z
    .array(
      z.object({
        ...{ epoch: z.number().int().min(1), stage: z.string(), ...lossMeans },
        validation: z.object(lossMeans).exactOptional(),
      }),
    )
    .default([]),
});

/** Everything needed to get bit-identical latents and reconstructions back. */
export async function coreToArtifacts<C extends AutoencoderConfig, F extends Facts>(
  { model, formatVersion }: AutoencoderDefinition<C, F>,
  core: AutoencoderCore<C, F>,
): Promise<Artifacts> {
  const { rowShape, conditionShape = null, scaler, facts, found, history } = core;
  const arrays: Record<string, SavedArray> = await saveParameters(core.parameters);
  if (scaler !== undefined) {
    arrays['input.mean'] = float64(scaler.mean);
    arrays['input.deviation'] = float64(scaler.deviation);
  }
  for (const [name, array] of Object.entries(found)) {
    arrays[FOUND + name] = { ...array, data: array.data.slice() };
  }
  const standardized = scaler !== undefined;
  const fitted = { rowShape: [...rowShape], conditionShape, standardized, facts, history };
  const config = JSON.parse(JSON.stringify({ ...core.config, fitted })) as Record<string, Json>;
  return { model, formatVersion, config, arrays };
}

function float64(values: Float64Array): SavedArray {
  return { dtype: 'float64', shape: [values.length], data: Float64Array.from(values) };
}

/**
 * The config of a saved model, checked.
 * @throws DataError for another model or version; DomainError for a bad field.
 */
export function savedConfig<C extends AutoencoderConfig, F extends Facts>(
  definition: AutoencoderDefinition<C, F>,
  { model, formatVersion, config }: Artifacts,
): C {
  const op = `${definition.op}.fromArtifacts`;
  if (model !== definition.model) {
    const expected = `be '${definition.model}'`;
    throw new DataError({ op, arg: 'model', expected, got: `'${model}'` });
  }
  if (formatVersion !== definition.formatVersion) {
    const expected = `be ${definition.formatVersion}`;
    const fix = 'It was saved by another version of this package: train again or use that version.';
    const got = String(formatVersion);
    throw new DataError({ op, arg: 'formatVersion', expected, got, fix });
  }
  const settings = Object.fromEntries(Object.entries(config).filter(([key]) => key !== 'fitted'));
  return definition.parse(settings);
}

/**
 * The core of a saved model; all is checked before anything is allocated.
 * @throws DataError for a missing or misshapen part.
 */
export function coreFromArtifacts<C extends AutoencoderConfig, F extends Facts>(
  definition: AutoencoderDefinition<C, F>,
  config: C,
  artifacts: Artifacts,
): AutoencoderCore<C, F> {
  const op = `${definition.op}.fromArtifacts`;
  const { arrays } = artifacts;
  const refuse = (arg: string, got: string): never => {
    throw new DataError({ op, arg, expected: 'be as toArtifacts wrote it', got });
  };
  const parsed = fittedSchema.safeParse(artifacts.config.fitted);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0];
    return refuse(['config.fitted', ...path].join('.'), message);
  }
  const { rowShape, standardized, history } = parsed.data;
  const facts = readFacts(definition, parsed.data.facts, refuse);
  const network = definition.plan(op, config, rowShape, facts);
  const features = sizeOf(rowShape);
  const read64 = (name: string): Float64Array =>
    Float64Array.from(savedArray(op, arrays, name, 'float64', [features]));
  const scaler = standardized
    ? { mean: read64('input.mean'), deviation: read64('input.deviation') }
    : undefined;
  const kept = Object.fromEntries(
    Object.entries(arrays)
      .filter(([name]) => name.startsWith(FOUND))
      .map(([name, array]) => [name.slice(FOUND.length), array]),
  );
  const found = definition.readFound?.(op, config, kept) ?? kept;
  const parameters = loadParameters(op, network.parameters, arrays);
  const conditionShape = parsed.data.conditionShape ?? undefined;
  return { config, facts, rowShape, conditionShape, scaler, network, parameters, history, found };
}

function readFacts<C extends AutoencoderConfig, F extends Facts>(
  { readFacts: read }: AutoencoderDefinition<C, F>,
  value: unknown,
  refuse: (arg: string, got: string) => never,
): F {
  // A definition without facts has F = Facts.
  if (read === undefined) return value as F;
  try {
    return read(value);
  } catch (error) {
    return refuse('config.fitted.facts', error instanceof Error ? error.message : String(error));
  }
}
