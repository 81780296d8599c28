import { access, constants } from 'node:fs/promises';
import { dirname, extname } from 'node:path';
import { loadArtifacts, openRows, writeFileAtomic } from '../data/index.js';
import { DomainError, MissingDataError, ShapeError } from '../errors.js';
import type { Sage } from '../models/index.js';
import type { Artifacts } from '../util/artifacts.js';
import { formatShape } from '../util/shape.js';
import type { CommandContext } from './context.js';
import { savedSage } from './models.js';
import { fitPanels } from './ood/bank.js';
import { Panel } from './ood/panel.js';
import type { FeatureKind } from './ood/panel.js';
import { scoreFamilies } from './ood/pass.js';
import type { LoadedRun, PassOptions } from './ood/run.js';
import { completeSpec, familiesOf, isMnist, MNIST_ID, MNIST_SETS } from './ood/sets.js';
import type { GivenSets, MissingSet, SetFamily } from './ood/sets.js';
import { reportOf } from './ood/summary.js';
import type { OodReport } from './ood/summary.js';
import { formatCsv, formatMarkdown, formatText, toJson } from './ood/tables.js';
import { readTrainingData } from './runFolder.js';
import type { TrainingData } from './runFolder.js';
import { startForCommand } from './steps.js';

const OP = 'eval ood';

export interface EvalOodOptions extends GivenSets {
  readonly id?: string;
  readonly bank?: string;
  readonly bankRows?: number;
  readonly scoreRows?: number;
  readonly features: FeatureKind;
  readonly skipMissing?: boolean;
  readonly blockRows: number;
  readonly seed: number;
  readonly output?: string;
  readonly backend?: string;
  readonly dataDir?: string;
}

/** What --output can be, by the end of its name. */
const FORMATS = ['.md', '.csv', '.json'] as const;

/** `eval ood <runs...>`: every score that the runs can feed, on sets like and unlike the training data. */
export async function evalOod(
  dirs: readonly string[],
  options: EvalOodOptions,
  context: CommandContext,
): Promise<void> {
  const { terminal } = context;
  const start = performance.now();
  const format = await checkOutput(options.output);
  const saved = [];
  for (const dir of dirs) {
    const artifacts = await loadArtifacts(dir);
    const entry = savedSage(OP, dir, artifacts);
    saved.push({ dir, artifacts, entry, trained: await readTrainingData(dir) });
  }
  const { id, given } = setsOf(options, saved[0].trained);
  const all = familiesOf(id, given);
  const rowShape = rowShapeOf(saved[0].artifacts);
  const { families, missing } = await openFamilies(all, rowShape, options, context);
  const backend = await startForCommand(options.backend, context);
  const runs: LoadedRun[] = [];
  try {
    for (const { dir, artifacts, entry, trained } of saved) {
      const model = entry.load(artifacts);
      runs.push({ dir, model, rowShape: rowShapeOf(artifacts), panel: new Panel(), trained });
    }
    checkRuns(runs);
    const pass: PassOptions = { ...options, task: runs[0].model.config.task };
    await fitPanels(runs, { ...options, ...pass }, context);
    keepCommon(runs);
    const result = await scoreFamilies(families, runs, pass, context);
    const report = reportOf(runs, result, missing);
    const json = toJson(report, { backend, seconds: (performance.now() - start) / 1000 });
    if (terminal.json) terminal.print(JSON.stringify(json, null, 2));
    else terminal.print(formatText(report));
    await writeReport(options.output, format, report, json, context);
  } finally {
    for (const { model, panel } of runs) {
      panel.dispose();
      model.dispose();
    }
  }
}

/** @throws DomainError for another ending, the system's error when the folder is not there. */
async function checkOutput(
  output: string | undefined,
): Promise<(typeof FORMATS)[number] | undefined> {
  if (output === undefined) return undefined;
  const format = FORMATS.find((ending) => ending === extname(output).toLowerCase());
  if (format === undefined) {
    const expected = `end in ${FORMATS.join(', ')}`;
    throw new DomainError({ op: OP, arg: '--output', expected, got: `'${output}'` });
  }
  await access(dirname(output), constants.W_OK);
  return format;
}

async function writeReport(
  output: string | undefined,
  format: (typeof FORMATS)[number] | undefined,
  report: OodReport,
  json: ReturnType<typeof toJson>,
  { terminal }: CommandContext,
): Promise<void> {
  if (output === undefined || format === undefined) return;
  const texts = {
    '.md': () => formatMarkdown(report),
    '.csv': () => formatCsv(report),
    '.json': () => `${JSON.stringify(json, null, 2)}\n`,
  };
  await writeFileAtomic(output, texts[format]());
  terminal.say(`wrote ${output}`);
}

/** The sets that the user named, or those that go with MNIST. */
function setsOf(
  options: EvalOodOptions,
  trained: TrainingData | undefined,
): { readonly id: string; readonly given: GivenSets } {
  const { near, far, shifted, ood } = options;
  const onMnist = isMnist(trained?.spec);
  const isGiven = [near, far, shifted, ood].some((specs) => specs !== undefined);
  const id = options.id ?? (onMnist ? MNIST_ID : undefined);
  if (id === undefined) {
    throw new DomainError({
      op: OP,
      arg: '--id',
      expected: 'be given for a run that was not trained on mnist',
      got: 'nothing',
      fix: 'Name rows like the training data that were not trained on.',
    });
  }
  return { id, given: isGiven || !onMnist ? options : MNIST_SETS };
}

/**
 * Open every file before anything is computed.
 * @throws MissingDataError for a set that is not there, unless it is to be skipped; never skipped is the ID
 * set's. DataError for a damaged one.
 */
async function openFamilies(
  all: readonly SetFamily[],
  rowShape: readonly number[],
  { dataDir, skipMissing }: EvalOodOptions,
  { terminal, signal }: CommandContext,
): Promise<{ readonly families: readonly SetFamily[]; readonly missing: readonly MissingSet[] }> {
  const missing: MissingSet[] = [];
  const families: SetFamily[] = [];
  for (const family of all) {
    const open = { signal, ...(dataDir === undefined ? {} : { dataDir }) };
    try {
      await openRows(completeSpec(family.base, rowShape, 1), open);
      families.push(family);
    } catch (error) {
      const canSkip = skipMissing === true && families.length > 0;
      if (!canSkip || !(error instanceof MissingDataError)) throw error;
      terminal.warn(`left out: ${error.message}`);
      for (const { spec, group } of family.sets) {
        if (group !== undefined) missing.push({ spec, group, reason: error.message });
      }
    }
  }
  if (families.every(({ sets }) => sets.every(({ group }) => group === undefined))) {
    const got = `none of ${missing.length}`;
    throw new MissingDataError({ op: OP, arg: 'the sets', expected: 'be there', got });
  }
  return { families, missing };
}

function rowShapeOf({ config }: Artifacts): readonly number[] {
  const { rowShape } = config.fitted as { rowShape: number[] };
  return rowShape;
}

/** @throws ShapeError, DomainError for runs that cannot stand in one table. */
function checkRuns(runs: readonly LoadedRun[]): void {
  const kindOf = (model: Sage): string => model.taskKind;
  const [first] = runs;
  for (const { dir, model, rowShape } of runs) {
    if (model.config.compat && kindOf(model) === 'regression') {
      const expected = 'score rows without targets';
      const got = 'a regression with compat';
      throw new DomainError({ op: OP, arg: dir, expected, got });
    }
    if (formatShape(rowShape) !== formatShape(first.rowShape)) {
      const expected = `take rows of shape ${formatShape(first.rowShape)}, as ${first.dir}`;
      throw new ShapeError({ op: OP, arg: dir, expected, got: formatShape(rowShape) });
    }
    if (kindOf(model) !== kindOf(first.model)) {
      const expected = `be a ${kindOf(first.model)}, as ${first.dir}`;
      throw new DomainError({ op: OP, arg: dir, expected, got: `a ${kindOf(model)}` });
    }
  }
}

/** A scorer that one run cannot feed is in no table: it is not computed for the others either. */
function keepCommon(runs: readonly LoadedRun[]): void {
  const names = runs.map(({ panel }) => new Set(panel.scores.map(({ name }) => name)));
  const common = [...names[0]].filter((name) => names.every((set) => set.has(name)));
  for (const { panel } of runs) panel.keep(new Set(common));
}
