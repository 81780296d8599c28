import {
  loadDataset,
  neighborFormatOf,
  openRows,
  readNeighbors,
  writeNeighbors,
} from '../data/index.js';
import type { AboutNeighbors, NeighborFormat, RowStore } from '../data/index.js';
import { DataError, DomainError, ShapeError } from '../errors.js';
import { mergeNeighbors, searchBlocks } from '../neighbors/index.js';
import type { Neighbors, SearchOptions } from '../neighbors/index.js';
import type { Mode } from '../specs/metricForm.js';
import { resolveMetric } from '../specs/metric.js';
import type { MetricName } from '../specs/metric.js';
import type { Json } from '../util/artifacts.js';
import { rowSize } from '../util/rows.js';
import type { Rows } from '../util/rows.js';
import type { CommandContext } from './context.js';
import type { Shard } from './settings.js';
import { startForCommand } from './steps.js';

export interface KnnCommandOptions {
  readonly queries?: string;
  readonly references?: string;
  readonly output?: string;
  readonly k: number;
  readonly metric: string;
  readonly p?: number;
  readonly c?: number;
  /** File with the inverse covariance. */
  readonly vi?: string;
  /** File with the variances. */
  readonly variances?: string;
  readonly excludeSelf?: boolean;
  readonly mode: Mode;
  readonly shard?: Shard;
  readonly pad?: boolean;
  readonly format?: NeighborFormat;
  readonly blockRows?: number;
  readonly backend?: string;
  readonly dataDir?: string;
}

export interface KnnMergeOptions {
  readonly output?: string;
  readonly format?: NeighborFormat;
}

/** `knn`: queries in memory, references block by block, neighbours of all of them or of one shard. */
export async function knnCommand(
  options: KnnCommandOptions,
  context: CommandContext,
): Promise<void> {
  const { terminal, signal } = context;
  const start = performance.now();
  const [queriesSpec, referencesSpec] = [
    required('--queries', options.queries),
    required('--references', options.references),
  ];
  const output = required('--output', options.output);
  const format = formatFor(output, options.format);
  if (options.shard !== undefined && format !== 'npz') {
    const expected = 'be an .npz file with --shard, which knn merge reads';
    throw new DomainError({ op: 'knn', arg: '--output', expected, got: `'${output}'` });
  }
  const data = {
    signal,
    stdin: terminal.streams.stdin,
    ...(options.dataDir === undefined ? {} : { dataDir: options.dataDir }),
  };
  const search = await searchOptions(options);
  const references = await openRows(referencesSpec, data);
  const range = shardRange(referencesSpec, references, options);
  const queries = (await loadDataset(queriesSpec, data)).x;
  const backend = await startForCommand(options.backend, context);
  const found = await searchFile({ queries, references, range, options, search }, context);
  const about: AboutNeighbors = {
    search: settingsOf(options, search),
    descending: isDescending(options),
    queries: queries.count,
    references: references.count ?? found.seen,
    from: range.start,
    to: range.end ?? found.seen,
  };
  await writeNeighbors(output, format, found.neighbors, about, terminal.streams.stdout);
  if (terminal.json && output !== '-') {
    const { queries: q, references: n, from, to } = about;
    const seconds = (performance.now() - start) / 1000;
    const peakMiB = Math.round(process.resourceUsage().maxRSS / 1024);
    const k = options.k;
    const report = { queries: q, references: n, from, to, k, backend, seconds, peakMiB, output };
    terminal.print(JSON.stringify({ ...report, format }));
  }
}

/** `knn merge`: the neighbours of all shards together, as one search would have found them. */
export async function knnMerge(
  parts: readonly string[],
  options: KnnMergeOptions,
  { terminal, signal }: CommandContext,
): Promise<void> {
  const output = required('--output', options.output);
  const format = formatFor(output, options.format);
  const step = terminal.step('knn merge', 'parts');
  try {
    let merged: Neighbors | undefined;
    const seen: { readonly path: string; readonly about: AboutNeighbors }[] = [];
    for (const path of parts) {
      signal.throwIfAborted();
      const { table, about } = await readNeighbors(path);
      if (seen.length > 0) checkSameSearch(seen[0], { path, about });
      const { descending } = about;
      merged = mergeNeighbors(merged === undefined ? [table] : [merged, table], { descending });
      seen.push({ path, about });
      step.update(seen.length, parts.length);
    }
    if (merged === undefined) throw new Error('commander let no parts through');
    checkCover(seen);
    const about = { ...seen[0].about, from: 0, to: seen[0].about.references };
    await writeNeighbors(output, format, merged, about, terminal.streams.stdout);
    step.end(`${parts.length} parts to ${output === '-' ? 'stdout' : output}`);
    if (terminal.json && output !== '-') {
      const { queries, references } = about;
      terminal.print(JSON.stringify({ parts: parts.length, queries, references, output, format }));
    }
  } catch (error) {
    step.cancel();
    throw error;
  }
}

function required(arg: string, value: string | undefined): string {
  if (value !== undefined) return value;
  throw new DomainError({ op: 'knn', arg, expected: 'be given', got: 'nothing' });
}

function formatFor(output: string, asked: NeighborFormat | undefined): NeighborFormat {
  const format = asked ?? neighborFormatOf(output);
  if (format !== undefined) return format;
  throw new DomainError({
    op: 'knn',
    arg: '--output',
    expected: 'end in .npz, .csv or .ndjson, or come with --format',
    got: `'${output}'`,
  });
}

function isDescending({ metric }: KnnCommandOptions): boolean {
  return resolveMetric('knn', metric) === 'innerProduct';
}

async function searchOptions(options: KnnCommandOptions): Promise<SearchOptions> {
  const { metric, p, c, vi, variances, mode } = options;
  resolveMetric('knn', metric);
  const VI = vi === undefined ? undefined : matrixOf((await loadDataset(vi)).x);
  const V = variances === undefined ? undefined : matrixOf((await loadDataset(variances)).x).flat();
  return {
    metric: metric as MetricName,
    mode,
    ...(p === undefined ? {} : { p }),
    ...(c === undefined ? {} : { c }),
    ...(VI === undefined ? {} : { VI }),
    ...(V === undefined ? {} : { V }),
  };
}

function matrixOf(rows: Rows): number[][] {
  const size = rowSize(rows);
  return Array.from({ length: rows.count }, (_, i) =>
    Array.from(rows.data.subarray(i * size, (i + 1) * size)),
  );
}

/** What parts of one search have in common; infinities as text, which JSON lacks. */
function settingsOf(options: KnnCommandOptions, search: SearchOptions): Record<string, Json> {
  const { p, c, VI, V } = search;
  return {
    metric: resolveMetric('knn', options.metric),
    mode: options.mode,
    k: options.k,
    excludeSelf: options.excludeSelf ?? false,
    ...(p === undefined ? {} : { p: p === Infinity ? 'Infinity' : p }),
    ...(c === undefined ? {} : { c }),
    ...(VI === undefined ? {} : { VI: VI.map((row) => [...row]) }),
    ...(V === undefined ? {} : { V: Array.from(V) }),
  };
}

interface Range {
  readonly start: number;
  readonly end: number | undefined;
}

/** The reference rows of this shard. */
function shardRange(spec: string, { count }: RowStore, options: KnnCommandOptions): Range {
  const { shard, k, excludeSelf } = options;
  if (count !== undefined && options.pad !== true) {
    const most = excludeSelf === true ? count - 1 : count;
    if (k > most) {
      throw new DomainError({
        op: 'knn',
        arg: '--k',
        expected: `be at most ${most}, the number of references`,
        got: String(k),
        fix: 'Lower it, or give --pad to fill up with index -1.',
      });
    }
  }
  if (shard === undefined) return { start: 0, end: count };
  if (count === undefined) {
    throw new DataError({
      op: 'knn',
      arg: spec,
      expected: 'tell its number of rows, as .npy and idx files do, to be cut into shards',
      got: 'a format that does not',
      fix: 'Convert it to .npy.',
    });
  }
  const { part, parts } = shard;
  const at = (i: number): number => Math.floor((count * i) / parts);
  return { start: at(part - 1), end: at(part) };
}

interface FileSearch {
  readonly queries: Rows;
  readonly references: RowStore;
  readonly range: Range;
  readonly options: KnnCommandOptions;
  readonly search: SearchOptions;
}

async function searchFile(
  { queries, references, range, options, search }: FileSearch,
  { terminal, signal }: CommandContext,
): Promise<{ readonly neighbors: Neighbors; readonly seen: number }> {
  const { blockRows, k } = options;
  const { start, end } = range;
  const spec = options.references ?? '';
  const blocks = references.blocks({
    start,
    signal,
    ...(end === undefined ? {} : { end }),
    ...(blockRows === undefined ? {} : { blockRows }),
  });
  const step = terminal.step(`knn ${spec}`, 'rows');
  const total = end === undefined ? undefined : end - start;
  let seen = 0;
  try {
    const neighbors = await searchBlocks(queries, blocks, k, {
      ...search,
      excludeSelf: options.excludeSelf ?? false,
      firstIndex: start,
      pad: options.pad === true || options.shard !== undefined,
      signal,
      onProgress: (done) => {
        seen = done;
        step.update(done, total);
      },
    });
    step.end(`${queries.count} queries, ${seen} references of ${references.source}`);
    return { neighbors, seen };
  } catch (error) {
    step.cancel();
    throw named(error, spec);
  }
}

/** Errors about blocks and options, in the words of the command line. */
function named(error: unknown, references: string): unknown {
  if (error instanceof ShapeError && error.arg === 'a block of points') {
    const { got } = error;
    const expected = error.expected.replace('queries', '--queries');
    return new ShapeError({ op: 'knn', arg: references, expected, got }, { cause: error });
  }
  return error;
}

type Settings = Readonly<Partial<Record<string, Json>>>;

interface Part {
  readonly path: string;
  readonly about: AboutNeighbors;
}

function checkSameSearch(first: Part, other: Part): void {
  const facts = ({ about: { search, queries, references } }: Part): Settings => ({
    ...search,
    queries,
    references,
  });
  const [a, b] = [facts(first), facts(other)];
  const differing = [...new Set([...Object.keys(a), ...Object.keys(b)])].find(
    (key) => JSON.stringify(a[key]) !== JSON.stringify(b[key]),
  );
  if (differing === undefined) return;
  const shown = (value: Json | undefined): string =>
    value === undefined ? 'none' : JSON.stringify(value);
  throw new DataError({
    op: 'knn merge',
    arg: other.path,
    expected: `be of the same search as ${first.path}, with ${differing} ${shown(a[differing])}`,
    got: shown(b[differing]),
  });
}

/** @throws DataError unless the parts hold every reference row once. */
function checkCover(parts: readonly Part[]): void {
  const sorted = [...parts].sort((a, b) => a.about.from - b.about.from || a.about.to - b.about.to);
  const { references } = sorted[0].about;
  const fail = (expected: string, got: string, fix: string): DataError =>
    new DataError({ op: 'knn merge', arg: 'the parts', expected, got, fix });
  let covered = 0;
  for (const { path, about } of sorted) {
    const rule = `hold all ${references} references once`;
    if (about.from > covered) {
      const fix = 'Give the parts of all shards.';
      throw fail(rule, `no part with rows ${covered} to ${about.from - 1}`, fix);
    }
    if (about.from < covered && about.to > about.from) {
      throw fail(
        rule,
        `rows from ${about.from} twice, in ${path} as well`,
        'Give each shard once.',
      );
    }
    covered = Math.max(covered, about.to);
  }
  if (covered < references) {
    const got = `no part with rows ${covered} to ${references - 1}`;
    throw fail(`hold all ${references} references once`, got, 'Give the parts of all shards.');
  }
}
