import type { Readable } from 'node:stream';
import { DataError } from '../errors.js';
import { abaloneSource } from './abaloneSource.js';
import { openArraySource } from './arraySource.js';
import type { ArrayTargets } from './arraySource.js';
import { NAMED_SETS } from './catalog.js';
import type { NamedSet, Split } from './catalog.js';
import { openCifarSource } from './cifarSource.js';
import { csvSource } from './csvSource.js';
import { splitSteps, withSteps } from './imageSteps.js';
import { locateSplit } from './locate.js';
import { noiseSource, parseNoiseSpec } from './noiseSource.js';
import { ndjsonSource } from './ndjsonSource.js';
import { openParquetSource } from './parquetSource.js';
import type { RowSource } from './rowSource.js';
import { formatOf, parseFileSpec } from './spec.js';
import type { FileSpec } from './spec.js';
import { inputName, inputOf } from './streamInput.js';

const OP = 'data';

/** How a data spec is opened. */
export interface OpenOptions {
  /** Folder to look into first for data sets by name. */
  readonly dataDir?: string;
  readonly signal?: AbortSignal;
  /** What a table's target is when the spec does not say. Default: decided by its values. */
  readonly task?: 'classification' | 'regression';
  /** What `-` reads. Default process.stdin. */
  readonly stdin?: Readable;
  /** Of noise, and of deformations after an `@`. Default 0. */
  readonly seed?: number;
  /** A cell of a table that holds no number, or a line that is cut off: an error (default), or NaN. */
  readonly unreadable?: 'fail' | 'nan';
  /**
   * Rows may lack their target: an empty cell of a table (null in ndjson and parquet), NaN, and for classes -1.
   * It is then read as class -1 or NaN. Default: false, such rows are errors.
   */
  readonly mayLackTargets?: boolean;
}

/** Open what a data spec names; headers and sizes are checked, no rows are read yet. */
export async function openSource(spec: string, options: OpenOptions): Promise<RowSource> {
  const { base, steps } = splitSteps(spec);
  const { seed = 0 } = options;
  const source = await openBase(base, options, seed);
  const { targets } = source;
  const mayLack = options.mayLackTargets === true && targets !== undefined;
  const lenient = mayLack ? { ...source, targets: { ...targets, mayLack } } : source;
  return withSteps(lenient, steps, seed);
}

async function openBase(spec: string, options: OpenOptions, seed: number): Promise<RowSource> {
  const noise = parseNoiseSpec(spec);
  if (noise !== undefined) return noiseSource(spec, noise, seed);
  const [name, split, ...rest] = spec.split(':');
  const set = NAMED_SETS.find((candidate) => candidate.name === name);
  if (set !== undefined && rest.length === 0) return openNamed(set, splitOf(set, split), options);
  return openFile(spec, parseFileSpec(spec), options);
}

/** A data set by name alone means its training split. */
function splitOf(set: NamedSet, split: string | undefined): Split {
  const wanted = split ?? 'train';
  const known = Object.keys(set.splits);
  // A data set in one piece has no splits to name.
  if (known.length > 1 ? known.includes(wanted) : split === undefined) return wanted as Split;
  throw new DataError({
    op: OP,
    arg: `${set.name}:${wanted}`,
    expected:
      known.length > 1
        ? `be ${known.map((one) => `${set.name}:${one}`).join(' or ')}`
        : `be ${set.name}, which has no splits`,
    got: `'${wanted}'`,
  });
}

async function openNamed(set: NamedSet, split: Split, options: OpenOptions): Promise<RowSource> {
  const files = set.splits[split] ?? [];
  const { paths, source } = await locateSplit(set, split, files, options);
  const name = Object.keys(set.splits).length > 1 ? `${set.name}:${split}` : set.name;
  if (set.kind === 'cifar') return openCifarSource(paths, { name, source });
  if (set.kind === 'abalone') return abaloneSource(paths[0], source);
  return openArraySource(paths[0], 'idx', {
    name,
    source,
    targets: { path: paths[1], format: 'idx', kind: 'class', classes: 10 },
  });
}

async function openFile(spec: string, file: FileSpec, options: OpenOptions): Promise<RowSource> {
  const { path, format, shape: rowShape, scale } = file;
  const input = await inputOf(path, options.stdin);
  const { signal, unreadable, mayLackTargets } = options;
  if (format === 'csv' || format === 'ndjson' || format === 'parquet') {
    const { target, task = options.task, header } = file;
    const table = { name: spec, target, task, rowShape, scale, unreadable, mayLackTargets };
    if (format === 'csv') return csvSource(input, { ...table, header });
    if (format === 'ndjson') return ndjsonSource(input, table);
    return openParquetSource(input, { ...table, signal });
  }
  const targets = targetsOf(spec, file);
  const source = inputName(input);
  return openArraySource(input, format, { name: spec, source, rowShape, scale, targets });
}

function targetsOf(spec: string, { labels, targets }: FileSpec): ArrayTargets | undefined {
  const path = labels ?? targets;
  if (path === undefined) return undefined;
  const format = formatOf(path);
  if (format === 'npy' || format === 'idx') {
    return { path, format, kind: labels === undefined ? 'real' : 'class' };
  }
  throw new DataError({
    op: OP,
    arg: spec,
    expected: 'take labels and targets from a .npy or idx file',
    got: `'${path}'`,
  });
}
