import { splitRows } from '../data/index.js';
import { DomainError } from '../errors.js';
import { DivergenceError } from '../train/index.js';
import { checkCheckpoint, RunCheckpoint } from './checkpoint.js';
import { checkConditionGiven, loadCondition } from './condition.js';
import type { CommandContext } from './context.js';
import { fitForCommand } from './fitting.js';
import { digestOf } from './identity.js';
import { findModel } from './models.js';
import type { ModelEntry } from './models.js';
import { checkRunFolder, writeRunFolder } from './runFolder.js';
import type { RunFolder } from './runFolder.js';
import { loadForCommand, resumedRun, runFacts, startForCommand } from './steps.js';
import { applySettings, readSettings } from './settings.js';
import type { Settings } from './settings.js';
import { formatSeconds } from './terminal.js';
import { autoencoderTraining } from './trainAutoencoder.js';
import type { Training } from './training.js';
import { sageTraining } from './trainSage.js';

/** Settings that may be changed with --resume: they mend a loss that did not stay finite. */
const MENDING = ['learningRate', 'clipNorm'];

export interface TrainOptions {
  readonly data: string;
  /** Rows of numbers beside those of the data, of models that take them. */
  readonly condition?: string;
  readonly out: string;
  readonly config?: string;
  readonly set?: readonly string[];
  readonly epochs?: number;
  readonly seed?: number;
  /** Share of the rows held out, of autoencoders. */
  readonly heldOut?: number;
  readonly backend?: string;
  readonly dataDir?: string;
  readonly overwrite?: boolean;
  readonly resume?: boolean;
  readonly checkpointSeconds: number;
}

/** `train <model>`: fit on a data set and write a run folder. */
export async function train(
  name: string,
  options: TrainOptions,
  context: CommandContext,
): Promise<void> {
  const entry = findModel('train', name);
  await trainEntry(name, entry, options, context);
}

/** {@link train} for a model that need not be known by its name. */
export async function trainEntry(
  name: string,
  entry: ModelEntry,
  options: TrainOptions,
  context: CommandContext,
): Promise<void> {
  const { terminal } = context;
  const start = performance.now();
  const isConditioned = entry.kind === 'autoencoder' && entry.conditioned;
  checkConditionGiven('train', name, isConditioned, options.data, options.condition);
  const training = trainingOf(entry, await settingsOf(entry, options), options);
  const overwrite = options.overwrite ?? false;
  const resume = options.resume ?? false;
  await checkRunFolder(options.out, overwrite);
  checkCheckpoint(options.out, { resume, overwrite, op: 'train' });
  const backend = await startForCommand(options.backend, context);
  try {
    const { data: spec, dataDir, condition } = options;
    const { seed, settings, task, heldOut, mayLackTargets } = training;
    const dataset = await loadForCommand(spec, { dataDir, task, mayLackTargets }, context);
    const sample = training.sampleOf(spec, dataset);
    const given = await loadCondition('train', condition, { spec, dataset, dataDir }, context);
    const all = { ...sample, ...(given && { condition: given.rows }) };
    const { fit, held } = splitRows(all, heldOut, seed);
    const rows = digestOf([fit.x.data, fit.y?.values, fit.condition?.data].filter(isGiven));
    const about = { model: name, settings, data: spec, rows };
    const identity = { ...about, ...(given && { condition: given.spec }) };
    const checkpoint = new RunCheckpoint(options.out, identity, 'train', MENDING);
    const resumed = await resumedRun(checkpoint, resume, context);
    const kept = { checkpoint, everySeconds: options.checkpointSeconds, resumed };
    const history = await fitForCommand(
      (shared) => training.fit(fit, held, shared),
      fit.x.count,
      context,
      kept,
    ).catch((error: unknown) => {
      if (checkpoint.exists) {
        // The same command would fail at the same step.
        const how =
          error instanceof DivergenceError
            ? '--resume and a lower --set learningRate, or --set clipNorm, goes on from there'
            : '--resume goes on from there';
        terminal.warn(`kept ${checkpoint.folder}: the same command with ${how}`);
      }
      throw error;
    });
    const result = await training.evaluate(held, history, context);
    const seconds = (performance.now() - start) / 1000;
    const { measure, shown } = result;
    const metrics = { ...result.metrics, seconds, backend };
    const folder: RunFolder = {
      artifacts: await training.toArtifacts(),
      run: {
        ...runFacts({ seed, backend, data: [{ spec, dataset }], condition: given }),
        ...(checkpoint.changes.length > 0 && {
          changes: checkpoint.changes.map((change) => ({ ...change })),
        }),
      },
      history,
      metrics,
      report: {
        ...result.report,
        title: `${name} on ${spec}`,
        facts: [
          { label: 'data', value: `${spec} (${fit.x.count} rows, ${held.x.count} held out)` },
          ...(given === undefined ? [] : [{ label: 'condition', value: given.spec }]),
          { label: 'backend', value: backend },
          { label: `held-out ${measure}`, value: shown },
          { label: 'time', value: formatSeconds(seconds) },
        ],
        history,
      },
    };
    await writeRunFolder(options.out, folder, overwrite);
    await checkpoint.remove();
    if (terminal.json) terminal.print(JSON.stringify(metrics, null, 2));
    else terminal.print(`held-out ${measure}: ${shown} (${held.x.count} rows)`);
    terminal.say(`wrote ${options.out} (open report.html)`);
  } finally {
    training.dispose();
  }
}

function isGiven<T>(value: T | undefined): value is T {
  return value !== undefined;
}

/** @throws DomainError for a bad setting, or an option that is not the model's. */
function trainingOf(entry: ModelEntry, settings: Settings, { heldOut }: TrainOptions): Training {
  if (entry.kind === 'autoencoder') return autoencoderTraining(entry, settings, heldOut);
  if (heldOut === undefined) return sageTraining(entry.create(settings));
  throw new DomainError({
    op: 'train',
    arg: '--held-out',
    expected: 'be left out for sage',
    got: String(heldOut),
    fix: 'Use --set calibrationFraction: its held-out rows calibrate the scores.',
  });
}

/** --seed and --epochs win over --set, which wins over --config. */
async function settingsOf({ saved }: ModelEntry, options: TrainOptions): Promise<Settings> {
  const base = options.config === undefined ? {} : await readSettings(options.config, saved);
  const settings = applySettings(base, options.set ?? []);
  if (options.seed !== undefined) settings.seed = options.seed;
  if (options.epochs !== undefined) settings.epochs = options.epochs;
  return settings;
}
