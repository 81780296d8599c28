import { z } from 'zod';
import { DataError } from '../../errors.js';
import { checkFormat } from '../../util/artifacts.js';
import type { Artifacts, Json, SavedArray } from '../../util/artifacts.js';
import { sizeOf } from '../../util/shape.js';
import { loadParameters, savedArray, saveParameters } from '../layers/parameters.js';
import { parseSageConfig, reconstructionTest } from './config.js';
import type { SageConfig } from './config.js';
import { SUB_SCORES } from './ensemble.js';
import { LatentBank } from './latentBank.js';
import { planNetwork } from './network.js';
import type { ResidualScale } from './residualScale.js';
import { outputsOf } from './state.js';
import type { SageReference, SageState } from './state.js';

/** Name of the model in a saved file, and the version of its format. */
export const [SAGE_MODEL, SAGE_FORMAT] = ['sage', 2] as const;

/** Settings that format 1, from before they existed, stands for. */
const FORMAT_1_SETTINGS = { reconstructionTest: 'error' } as const;

const OP = 'Sage.fromArtifacts';

const spread = z.object({ mean: z.number(), deviation: z.number().positive() });

const fittedSchema = z.object({
  rowShape: z.array(z.number().int().min(1)),
  task: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('classification'), classes: z.number().int().min(2) }),
    z.object({ kind: z.literal('regression'), mean: z.number(), deviation: z.number() }),
  ]),
  temperature: z.number().positive(),
  standardized: z.boolean(),
  residuals: z.object({ error: spread, scaled: spread }).optional(),
});

/** Name of the array of reference values of a sub-score. */
const referenceName = (name: string): string => `bank/calibration.${name}`;

/** Name of the array of mean squared residuals. */
const RESIDUALS = 'bank/residuals';

/** Everything needed to get bit-identical scores back. */
export async function sageToArtifacts(config: SageConfig, state: SageState): Promise<Artifacts> {
  const { rowShape, task, temperature, scaler, bank } = state;
  const arrays: Record<string, SavedArray> = await saveParameters(state.parameters);
  if (scaler !== undefined) {
    arrays['input.mean'] = float64(scaler.mean);
    arrays['input.deviation'] = float64(scaler.deviation);
  }
  const { rows, latentDim } = bank.latents;
  const latents = await bank.latents.values();
  arrays['bank/latents'] = { dtype: 'float32', shape: [rows, latentDim], data: latents };
  if (bank.targets !== undefined) arrays['bank/targets'] = float64(bank.targets);
  const { residuals } = bank;
  if (residuals !== undefined) arrays[RESIDUALS] = float64(residuals.variance);
  for (const name of SUB_SCORES) arrays[referenceName(name)] = float64(state.reference[name]);
  const standardized = scaler !== undefined;
  const fitted = {
    rowShape: [...rowShape],
    task: { ...task },
    temperature,
    standardized,
    ...(residuals === undefined
      ? {}
      : { residuals: { error: { ...residuals.error }, scaled: { ...residuals.scaled } } }),
  };
  const settings = JSON.parse(JSON.stringify(config)) as Record<string, Json>;
  return { model: SAGE_MODEL, formatVersion: SAGE_FORMAT, config: { ...settings, fitted }, arrays };
}

function float64(values: Float64Array): SavedArray {
  return { dtype: 'float64', shape: [values.length], data: Float64Array.from(values) };
}

/**
 * Config and state from saved arrays; all are checked before anything is allocated.
 * @throws DataError for another model or version, and for a missing or misshapen array.
 */
export function sageFromArtifacts(artifacts: Artifacts): { config: SageConfig; state: SageState } {
  checkFormat(OP, artifacts, SAGE_MODEL, [1, SAGE_FORMAT], 'train again');
  const { fitted: rawFitted, ...settings } = artifacts.config;
  const parsed = fittedSchema.safeParse(rawFitted);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0];
    const arg = ['config.fitted', ...path].join('.');
    throw new DataError({ op: OP, arg, expected: 'be as toArtifacts wrote it', got: message });
  }
  const old = artifacts.formatVersion === 1 ? FORMAT_1_SETTINGS : {};
  const config = parseSageConfig({ ...settings, ...old });
  const { rowShape, task, temperature, standardized } = parsed.data;
  const network = planNetwork(config, rowShape, outputsOf(task));
  const { arrays } = artifacts;
  const read64 = (name: string, length: number): Float64Array =>
    Float64Array.from(savedArray(OP, arrays, name, 'float64', [length]));
  const features = sizeOf(rowShape);
  const scaler = standardized
    ? { mean: read64('input.mean', features), deviation: read64('input.deviation', features) }
    : undefined;
  const latents = savedArray(OP, arrays, 'bank/latents', 'float32', [-1, config.latentDim]);
  const bankRows = latents.length / config.latentDim;
  const targets = task.kind === 'regression' ? read64('bank/targets', bankRows) : undefined;
  const reference = Object.fromEntries(
    SUB_SCORES.map((name) => [name, read64(referenceName(name), -1)]),
  ) as unknown as SageReference;
  checkReference(config, reference, bankRows);
  const residuals = readResiduals(config, parsed.data.residuals, () => read64(RESIDUALS, features));
  const parameters = loadParameters(OP, network.parameters, arrays);
  const bank = {
    latents: new LatentBank(Float32Array.from(latents), config.latentDim),
    targets,
    residuals,
  };
  const state = { rowShape, task, network, parameters, scaler, bank, temperature, reference };
  return { config, state };
}

/** What residuals are compared with, where the config says that they are. */
function readResiduals(
  config: SageConfig,
  fitted: z.output<typeof fittedSchema>['residuals'],
  variance: () => Float64Array,
): ResidualScale | undefined {
  if (reconstructionTest(config) === 'error') return undefined;
  if (fitted === undefined) {
    const expected = "be there for reconstructionTest 'combined'";
    throw new DataError({ op: OP, arg: 'config.fitted.residuals', expected, got: 'nothing' });
  }
  const scale = { ...fitted, variance: variance() };
  const bad = scale.variance.findIndex((value) => !(value > 0));
  if (bad < 0) return scale;
  const got = `${scale.variance[bad]} at ${bad}`;
  throw new DataError({ op: OP, arg: `array '${RESIDUALS}'`, expected: 'be above 0', got });
}

function checkReference(config: SageConfig, reference: SageReference, bankRows: number): void {
  for (const name of SUB_SCORES) {
    const values = reference[name];
    if (values.length > 0 && values.every((v, i) => i === 0 || v >= values[i - 1])) continue;
    const arg = `array '${referenceName(name)}'`;
    const expected = 'be one or more ascending numbers';
    throw new DataError({ op: OP, arg, expected, got: `${values.length} values out of order` });
  }
  if (config.k > bankRows) {
    const expected = `have at least k = ${config.k} rows`;
    throw new DataError({ op: OP, arg: "array 'bank/latents'", expected, got: `${bankRows} rows` });
  }
}
