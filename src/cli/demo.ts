import { DEFORMATIONS, deformRows, flipStaysValid } from '../data/index.js';
import type { DeformationName } from '../data/index.js';
import { Sage } from '../models/index.js';
import type { Json } from '../util/artifacts.js';
import { sliceRows, takeRows } from '../util/rows.js';
import type { Dataset, Rows } from '../util/rows.js';
import type { CommandContext } from './context.js';
import {
  aurocJson,
  compareSets,
  formatResult,
  formatSets,
  keptJson,
  targetResult,
} from './evaluation.js';
import type { ScoredSet, TargetResult } from './evaluation.js';
import { fitForCommand } from './fitting.js';
import { drawLatents, LATENT_POINTS } from './latentSample.js';
import type { LatentSample } from './latentSample.js';
import type { HistoryRow, ReportData, ReportSet } from './report/data.js';
import { checkRunFolder, writeRunFolder } from './runFolder.js';
import { holdOut, loadForCommand, requireTargets, runFacts, startForCommand } from './steps.js';
import type { Labelled } from './steps.js';
import { formatSeconds } from './terminal.js';

export interface DemoOptions {
  readonly ood?: readonly string[];
  readonly out: string;
  readonly seed: number;
  readonly epochs?: number;
  readonly backend?: string;
  readonly dataDir?: string;
  readonly trainRows?: number;
  readonly scoreRows?: number;
}

const TRAIN = 'mnist:train';
const TEST = 'mnist:test';

/** `demo`: train SAGE on MNIST, score test digits and strange images, print one table. */
export async function demo(options: DemoOptions, context: CommandContext): Promise<void> {
  const { terminal } = context;
  const start = performance.now();
  await checkRunFolder(options.out, true);
  const model = new Sage({
    seed: options.seed,
    ...(options.epochs === undefined ? {} : { epochs: options.epochs }),
  });
  const backend = await startForCommand(options.backend, context);
  try {
    const data = await loadDemoData(options, context);
    const { fit, held } = holdOut(data.train, model.config.calibrationFraction, options.seed);
    const history = await fitForCommand(
      (shared) => model.fit(fit.x, fit.targets, { calibration: held, ...shared }),
      fit.x.count,
      context,
    );
    const { scored, latents } = await scoreAll(model, data, options, context);
    const seconds = (performance.now() - start) / 1000;
    const result = summarise(scored, data.test, seconds, backend);
    if (terminal.json) terminal.print(JSON.stringify(result.metrics, null, 2));
    else terminal.print(result.text);
    const step = terminal.step('write', 'files');
    const folder = {
      artifacts: await model.toArtifacts(),
      run: runFacts({ seed: options.seed, backend, data: data.facts }),
      history,
      metrics: result.metrics,
      report: reportData(result, history, latents, data, backend),
    };
    await writeRunFolder(options.out, folder, true);
    step.end(`${options.out} (open report.html)`);
    terminal.say(`total: ${formatSeconds((performance.now() - start) / 1000)}`);
  } finally {
    model.dispose();
  }
}

interface DemoData {
  readonly train: Labelled;
  readonly test: Labelled;
  readonly strange: readonly { readonly spec: string; readonly dataset: Dataset }[];
  readonly facts: readonly { readonly spec: string; readonly dataset: Dataset }[];
}

async function loadDemoData(options: DemoOptions, context: CommandContext): Promise<DemoData> {
  const load = async (spec: string, limit: number | undefined): Promise<Dataset> => {
    const { dataDir } = options;
    return loadForCommand(spec, { dataDir, limit }, context);
  };
  const train = await load(TRAIN, options.trainRows);
  const test = await load(TEST, options.scoreRows);
  // Loaded before training, so that a wrong name is found at once.
  const strange = [];
  for (const spec of options.ood ?? []) {
    strange.push({ spec, dataset: await load(spec, options.scoreRows) });
  }
  return {
    train: requireTargets('demo', TRAIN, train),
    test: requireTargets('demo', TEST, test),
    strange,
    facts: [{ spec: TRAIN, dataset: train }, { spec: TEST, dataset: test }, ...strange],
  };
}

/** Score the test digits, their deformations, and the strange sets, one at a time. */
async function scoreAll(
  model: Sage,
  { test, strange }: DemoData,
  { seed }: DemoOptions,
  { terminal, signal }: CommandContext,
): Promise<{ scored: ScoredSet[]; latents: LatentSample[] }> {
  const plans: { readonly name: string; readonly make: () => Rows }[] = [
    { name: TEST, make: () => test.x },
    ...DEFORMATIONS.map((kind) => ({ name: kind, make: () => deformDigits(test, kind, seed) })),
    ...strange.map(({ spec, dataset }) => ({ name: spec, make: () => dataset.x })),
  ];
  const scored: ScoredSet[] = [];
  const latents: LatentSample[] = [];
  const step = terminal.step('score', 'rows');
  try {
    const total = plans.length * test.x.count;
    for (const { name, make } of plans) {
      const rows = make();
      const scores = await model.score(rows, {
        signal,
        onProgress: ({ done }) =>
          step.update(scored.length * test.x.count + Math.min(done, test.x.count), total, name),
      });
      scored.push({ name, scores });
      const isReference = latents.length === 0;
      const sample = sliceRows(rows, 0, LATENT_POINTS[isReference ? 'reference' : 'other']);
      latents.push({
        set: name,
        latents: await model.encode(sample),
        ...(isReference ? { labels: test.targets.values } : {}),
      });
    }
    const rows = scored.reduce((sum, { scores }) => sum + scores.score.length, 0);
    step.end(`${rows} rows in ${scored.length} sets`);
    return { scored, latents };
  } catch (error) {
    step.cancel();
    throw error;
  }
}

/** Deformed test digits, without the flips that are still the same or another digit. */
function deformDigits(test: Labelled, kind: DeformationName, seed: number): Rows {
  const keep: number[] = [];
  for (let i = 0; i < test.x.count; i++) {
    if (!flipStaysValid(kind, test.targets.values[i])) keep.push(i);
  }
  const rows = keep.length === test.x.count ? test.x : takeRows(test.x, keep);
  return deformRows(rows, kind, seed);
}

interface DemoResult extends TargetResult {
  readonly sets: readonly ReportSet[];
  readonly metrics: { readonly [key: string]: Json };
  readonly text: string;
}

function summarise(
  scored: readonly ScoredSet[],
  test: Labelled,
  seconds: number,
  backend: string,
): DemoResult {
  const sets = compareSets(scored);
  const result = targetResult(scored[0].scores, test.targets);
  const show = (value: number): string => formatResult(result.measure, value);
  const parts = result.kept.map(
    ({ fraction, value }) =>
      `${show(value)} of the ${Math.round(100 * fraction)} % with the highest score`,
  );
  return {
    ...result,
    sets,
    metrics: {
      testAccuracy: result.overall,
      seconds,
      backend,
      auroc: aurocJson(sets),
      kept: keptJson(result),
      sets: sets.map(({ name, rows, medianScore }) => ({ name, rows, medianScore })),
    },
    text: [
      formatSets(sets),
      '',
      'Score: high = like the training digits. AUROC: test digits against the set, 0.5 = chance.',
      `Accuracy on ${TEST}: ${show(result.overall)} of all ${test.x.count} rows,`,
      ...parts.map((part, i) => `  ${part}${i < parts.length - 1 ? ',' : ''}`),
    ].join('\n'),
  };
}

function reportData(
  result: DemoResult,
  history: readonly HistoryRow[],
  latents: readonly LatentSample[],
  { facts }: DemoData,
  backend: string,
): ReportData {
  return {
    title: 'SAGE on MNIST: which images are unlike the training digits?',
    facts: [
      {
        label: 'data',
        value: facts.map(({ spec, dataset }) => `${spec} (${dataset.x.count} rows)`).join(', '),
      },
      { label: 'backend', value: backend },
      { label: 'test accuracy', value: formatResult(result.measure, result.overall) },
      { label: 'time', value: formatSeconds(Number(result.metrics.seconds)) },
    ],
    sets: result.sets,
    history,
    latent: drawLatents(latents),
    kept: result.curve,
    keptLabel: 'accuracy',
  };
}
