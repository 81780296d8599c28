import * as tf from '@tensorflow/tfjs';
import { startBackend } from '../backends/index.js';
import { loadDataset, splitRows } from '../data/index.js';
import type { Sample } from '../data/index.js';
import { DataError, DomainError } from '../errors.js';
import type { Json } from '../util/artifacts.js';
import { checkRows, rowSize } from '../util/rows.js';
import type { Dataset, Rows, Targets } from '../util/rows.js';
import { Checksum } from './checksum.js';
import type { Resumed, RunCheckpoint } from './checkpoint.js';
import type { CommandContext } from './context.js';
import { packageVersion } from './version.js';

/** Rows with their targets. */
export interface Labelled {
  readonly x: Rows;
  readonly targets: Targets;
}

/** Start the backend that the user asked for, or the best one, and say which it is. */
export async function startForCommand(
  prefer: string | undefined,
  { terminal }: CommandContext,
): Promise<string> {
  const { backend, device, adapter } = await startBackend(prefer === undefined ? {} : { prefer });
  const where = [device, adapter].filter((part) => part !== undefined && part !== '').join(', ');
  terminal.say(`backend: ${backend}${where === '' ? '' : ` (${where})`}`);
  return backend;
}

/** Load a data set and say what it is. */
export async function loadForCommand(
  spec: string,
  options: {
    readonly dataDir?: string | undefined;
    readonly limit?: number | undefined;
    /** What the model learns: says how a file's integers are meant. 'auto' leaves it to the loader. */
    readonly task?: 'auto' | 'classification' | 'regression' | undefined;
    /** Rows may lack their target. */
    readonly mayLackTargets?: boolean | undefined;
  },
  { terminal, signal }: CommandContext,
): Promise<Dataset> {
  const { dataDir, limit, task = 'auto', mayLackTargets = false } = options;
  const step = terminal.step(`load ${spec}`, 'rows');
  try {
    const dataset = await loadDataset(spec, {
      signal,
      mayLackTargets,
      ...(dataDir === undefined ? {} : { dataDir }),
      ...(limit === undefined ? {} : { limit }),
      ...(task === 'auto' ? {} : { task }),
    });
    // Checked here, where the name of the file and its own row numbers are known.
    checkRows('load', spec, dataset.x);
    step.end(`${dataset.x.count} rows of ${dataset.x.rowShape.join(' x ')} from ${dataset.source}`);
    return dataset;
  } catch (error) {
    step.cancel();
    throw error;
  }
}

/**
 * The rows and targets that a supervised model needs.
 * @throws DataError when there are no targets. @throws DomainError when one is not finite.
 */
export function requireTargets(op: string, spec: string, dataset: Dataset): Labelled {
  if (dataset.y === undefined) {
    throw new DataError({
      op,
      arg: spec,
      expected: 'have targets',
      got: 'rows only',
      fix: 'Name them: file.csv#target=Name, file.npy#labels=labels.npy.',
    });
  }
  const bad = dataset.y.values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    throw new DomainError({
      op,
      arg: spec,
      expected: 'have finite targets',
      got: `${dataset.y.values[bad]} at row ${bad}`,
      fix: 'Remove such rows first, or let supervised learn without them: --set semiSupervised=true.',
    });
  }
  return { x: dataset.x, targets: dataset.y };
}

/** Split rows at random into those to fit and those held out. */
export function holdOut(
  { x, targets }: Labelled,
  fraction: number,
  seed: number,
): { readonly fit: Labelled; readonly held: Labelled } {
  const { fit, held } = splitRows({ x, y: targets }, fraction, seed);
  const labelled = (sample: Sample): Labelled => {
    if (sample.y === undefined) throw new Error('splitRows lost the targets');
    return { x: sample.x, targets: sample.y };
  };
  return { fit: labelled(fit), held: labelled(held) };
}

/** Facts about a run that its config.json keeps. */
export function runFacts(facts: {
  readonly seed: number;
  readonly backend: string;
  readonly data: readonly { readonly spec: string; readonly dataset: Dataset }[];
  readonly condition?: { readonly spec: string; readonly rows: Rows } | undefined;
}): { [key: string]: Json } {
  const { condition } = facts;
  return {
    seed: facts.seed,
    backend: facts.backend,
    versions: versionFacts(),
    data: facts.data.map(({ spec, dataset }) => ({
      spec,
      rows: dataset.x.count,
      source: dataset.source,
      checksum: checksum(dataset),
    })),
    ...(condition && {
      condition: {
        spec: condition.spec,
        values: rowSize(condition.rows),
        checksum: new Checksum().add(condition.rows.data).text,
      },
    }),
  };
}

/** Versions that a run was made with. */
export function versionFacts(): { [key: string]: Json } {
  return {
    'tfjs-latent': packageVersion(),
    '@tensorflow/tfjs': tf.version.tfjs,
    node: process.versions.node,
  };
}

/** What an interrupted run left, when the user wants to go on with it; says where it goes on. */
export async function resumedRun(
  checkpoint: RunCheckpoint,
  resume: boolean,
  { terminal }: CommandContext,
): Promise<Resumed | undefined> {
  if (!resume) return undefined;
  if (!checkpoint.exists) {
    terminal.say(`${checkpoint.folder} does not exist: the run begins anew`);
    return undefined;
  }
  const resumed = await checkpoint.load();
  const { history, snapshot } = resumed;
  terminal.say(`going on after epoch ${history.length}, step ${snapshot.steps}`);
  const here = checkpoint.changes.filter(({ afterStep }) => afterStep === snapshot.steps);
  for (const { setting, from, to } of here) {
    terminal.warn(
      `${setting} is ${JSON.stringify(to)} from here on, and was ${JSON.stringify(from)}`,
    );
  }
  return resumed;
}

/** {@link Checksum} of rows, then targets: tells whether a run saw the same numbers. */
function checksum({ x, y }: Dataset): string {
  const sum = new Checksum().add(x.data);
  return (y === undefined ? sum : sum.add(y.values)).text;
}
