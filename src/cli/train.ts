import type { Sage } from '../models/index.js';
import type { Json } from '../util/artifacts.js';
import { sliceRows } from '../util/rows.js';
import type { CommandContext } from './context.js';
import { compareSets, formatResult, keptJson, targetResult } from './evaluation.js';
import type { TargetResult } from './evaluation.js';
import { checkCheckpoint, RunCheckpoint } from './checkpoint.js';
import type { RunIdentity } from './checkpoint.js';
import { fitForCommand } from './fitting.js';
import { drawLatents, LATENT_POINTS } from './latentSample.js';
import { digestOf } from './identity.js';
import { findModel } from './models.js';
import type { ReportData } from './report/data.js';
import { checkRunFolder, writeRunFolder } from './runFolder.js';
import type { RunFolder } from './runFolder.js';
import {
  holdOut,
  loadForCommand,
  requireTargets,
  resumedRun,
  runFacts,
  startForCommand,
} from './steps.js';
import type { Labelled } from './steps.js';
import { applySettings, readSettings } from './settings.js';
import type { Settings } from './settings.js';
import { formatSeconds } from './terminal.js';

export interface TrainOptions {
  readonly data: string;
  readonly out: string;
  readonly config?: string;
  readonly set?: readonly string[];
  readonly epochs?: number;
  readonly seed?: number;
  readonly backend?: string;
  readonly dataDir?: string;
  readonly overwrite?: boolean;
  readonly resume?: boolean;
  readonly checkpointSeconds: number;
}

/** `train <model>`: fit on any data set with targets and write a run folder. */
export async function train(
  name: string,
  options: TrainOptions,
  context: CommandContext,
): Promise<void> {
  const { terminal } = context;
  const start = performance.now();
  const model = findModel('train', name).create(await settingsOf(options));
  const overwrite = options.overwrite ?? false;
  const resume = options.resume ?? false;
  await checkRunFolder(options.out, overwrite);
  checkCheckpoint(options.out, { resume, overwrite, op: 'train' });
  const backend = await startForCommand(options.backend, context);
  try {
    const { data: spec, dataDir } = options;
    const dataset = await loadForCommand(spec, { dataDir, task: model.config.task }, context);
    const labelled = requireTargets('train', spec, dataset);
    const { seed, calibrationFraction } = model.config;
    const { fit, held } = holdOut(labelled, calibrationFraction, seed);
    const identity = {
      model: name,
      settings: model.config as unknown as RunIdentity['settings'],
      data: spec,
      rows: digestOf([fit.x.data, fit.targets.values]),
    };
    const checkpoint = new RunCheckpoint(options.out, identity, 'train');
    const resumed = await resumedRun(checkpoint, resume, context);
    const kept = { checkpoint, everySeconds: options.checkpointSeconds, resumed };
    const history = await fitForCommand(model, fit, held, context, kept).catch((error: unknown) => {
      if (checkpoint.exists) {
        terminal.warn(
          `kept ${checkpoint.folder}: the same command with --resume goes on from there`,
        );
      }
      throw error;
    });
    const result = await evaluateHeldOut(model, held, context);
    const seconds = (performance.now() - start) / 1000;
    const { measure } = result;
    const shown = formatResult(measure, result.overall);
    const metrics = { ...result.metrics, seconds, backend };
    const folder: RunFolder = {
      artifacts: await model.toArtifacts(),
      run: runFacts({ seed, backend, data: [{ spec, dataset }] }),
      history,
      metrics,
      report: {
        ...result.report,
        title: `${name} on ${spec}`,
        facts: [
          { label: 'data', value: `${spec} (${fit.x.count} rows, ${held.x.count} held out)` },
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
    model.dispose();
  }
}

interface HeldOutResult extends TargetResult {
  readonly metrics: { readonly [key: string]: Json };
  readonly report: Pick<ReportData, 'sets' | 'latent' | 'kept' | 'keptLabel'>;
}

/** Accuracy or error on the held-out rows, all of them and those kept by score, and their figures. */
async function evaluateHeldOut(
  model: Sage,
  { x, targets }: Labelled,
  { signal }: CommandContext,
): Promise<HeldOutResult> {
  const scores = await model.score(x, { signal, targets });
  const latents = await model.encode(sliceRows(x, 0, LATENT_POINTS.reference));
  const result = targetResult(scores, targets);
  const isClass = targets.kind === 'class';
  const set = 'held-out rows';
  return {
    ...result,
    metrics: {
      [isClass ? 'testAccuracy' : 'testRmse']: result.overall,
      heldOutRows: x.count,
      auroc: {},
      kept: keptJson(result),
    },
    report: {
      sets: compareSets([{ name: set, scores }]),
      latent: drawLatents([{ set, latents, ...(isClass ? { labels: targets.values } : {}) }]),
      kept: result.curve,
      keptLabel: result.measure,
    },
  };
}

/** --seed and --epochs win over --set, which wins over --config. */
async function settingsOf(options: TrainOptions): Promise<Settings> {
  const base = options.config === undefined ? {} : await readSettings(options.config);
  const settings = applySettings(base, options.set ?? []);
  if (options.seed !== undefined) settings.seed = options.seed;
  if (options.epochs !== undefined) settings.epochs = options.epochs;
  return settings;
}
