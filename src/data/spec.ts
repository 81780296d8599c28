import { DataError } from '../errors.js';

const OP = 'data';

/** Formats that a path can name. */
export type FileFormat = 'npy' | 'idx' | 'csv' | 'ndjson' | 'parquet';

const SETTINGS = [
  'target',
  'task',
  'header',
  'labels',
  'targets',
  'shape',
  'scale',
  'format',
] as const;
type Setting = (typeof SETTINGS)[number];

/** Settings that each format understands. */
const ALLOWED: Readonly<Record<FileFormat, readonly Setting[]>> = {
  csv: ['target', 'task', 'header', 'shape', 'scale', 'format'],
  ndjson: ['target', 'task', 'shape', 'scale', 'format'],
  parquet: ['target', 'task', 'shape', 'scale', 'format'],
  npy: ['labels', 'targets', 'shape', 'scale', 'format'],
  idx: ['labels', 'targets', 'shape', 'scale', 'format'],
};
const FORMATS = Object.keys(ALLOWED) as FileFormat[];

/** A file spec, taken apart: `digits.csv#target=label#shape=28x28x1#scale=255`. */
export interface FileSpec {
  /** `-` is standard input. */
  readonly path: string;
  readonly format: FileFormat;
  readonly target?: string;
  readonly task?: 'classification' | 'regression';
  readonly header?: boolean;
  readonly labels?: string;
  readonly targets?: string;
  readonly shape?: readonly number[];
  readonly scale?: number;
}

/** The format that a file's name tells; undefined when it tells none. */
export function formatOf(path: string): FileFormat | undefined {
  if (path === '-') return 'csv';
  const name = path.replace(/\.gz$/, '');
  if (/\.npy$/i.test(name)) return 'npy';
  if (/\.(csv|tsv)$/i.test(name)) return 'csv';
  if (/\.(ndjson|jsonl)$/i.test(name)) return 'ndjson';
  if (/\.(parquet|pq)$/i.test(path)) return 'parquet';
  if (/[.-]idx\d(-ubyte)?$|\.idx$/i.test(name)) return 'idx';
  return undefined;
}

/**
 * Take a file spec apart: a path, then settings, each after a `#`.
 * @throws DataError for an unknown setting, or one that the format does not have.
 */
export function parseFileSpec(spec: string): FileSpec {
  // Only a known setting ends the path, so that paths may contain # themselves.
  const [path, ...parts] = spec.split(new RegExp(`#(?=(?:${SETTINGS.join('|')})=)`));
  const fail = (expected: string, got: string, fix?: string): DataError =>
    new DataError({ op: OP, arg: spec, expected, got, ...(fix === undefined ? {} : { fix }) });
  const asked = parts.find((part) => part.startsWith('format='))?.slice('format='.length);
  const format = asked === undefined ? formatOf(path) : FORMATS.find((one) => one === asked);
  if (format === undefined) {
    if (asked !== undefined) throw fail(`set format to ${FORMATS.join(', ')}`, `'${asked}'`);
    const unknown = /#(\w+)=/.exec(path)?.[1];
    if (unknown !== undefined) {
      throw fail(`use the settings ${SETTINGS.join(', ')}`, `'${unknown}'`);
    }
    const rule =
      'name a data set (see the list) or a file .npy, .csv, .tsv, .ndjson, -idxN-ubyte[.gz] or .parquet';
    throw fail(
      rule,
      `'${path}'`,
      'Data sets: mnist, fashion-mnist, kmnist, cifar10 (each with :train or :test), abalone. A file ' +
        'of another name needs #format=.',
    );
  }
  const settings = new Map<Setting, string>();
  for (const part of parts) {
    const at = part.indexOf('=');
    const key = part.slice(0, at) as Setting;
    if (!ALLOWED[format].includes(key)) {
      throw fail(`use the settings of ${format}: ${ALLOWED[format].join(', ')}`, `'${key}'`);
    }
    if (settings.has(key)) throw fail(`set ${key} once`, `'${part}' as well`);
    if (at === part.length - 1) throw fail(`give ${key} a value`, 'none');
    settings.set(key, part.slice(at + 1));
  }
  return { path, format, ...readSettings(settings, fail) };
}

type Fail = (expected: string, got: string, fix?: string) => DataError;

function readSettings(
  settings: ReadonlyMap<Setting, string>,
  fail: Fail,
): Partial<Omit<FileSpec, 'path' | 'format'>> {
  const out: { -readonly [K in keyof FileSpec]?: FileSpec[K] } = {};
  for (const [key, value] of settings) {
    if (key === 'format') continue;
    if (key === 'target' || key === 'labels' || key === 'targets') out[key] = value;
    else if (key === 'task') {
      if (value !== 'classification' && value !== 'regression') {
        throw fail('set task to classification or regression', `'${value}'`);
      }
      out.task = value;
    } else if (key === 'header') {
      if (value !== 'yes' && value !== 'no') throw fail('set header to yes or no', `'${value}'`);
      out.header = value === 'yes';
    } else if (key === 'shape') {
      if (!/^[1-9]\d*(x[1-9]\d*)*$/.test(value)) {
        throw fail('set shape to sizes joined by x, as in 28x28x1', `'${value}'`);
      }
      out.shape = value.split('x').map(Number);
    } else {
      const scale = Number(value);
      if (!(scale > 0 && scale < Infinity)) {
        throw fail('set scale to a positive number', `'${value}'`);
      }
      out.scale = scale;
    }
  }
  if (out.labels !== undefined && out.targets !== undefined) {
    throw fail('set labels or targets', 'both', 'Labels are classes, targets are real numbers.');
  }
  if (out.task !== undefined && out.target === undefined) {
    throw fail('set target when it sets task', 'no target', 'Add #target=Name.');
  }
  return out;
}
