import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import * as tf from '@tensorflow/tfjs';
import type { BenchCase, CaseResult, NotRun, Place } from './harness.js';
import type { Ceilings } from './roofline.js';

/** One figure. */
export interface BenchRow {
  readonly suite: string;
  readonly case: string;
  readonly backend: string;
  /** null where we don't set threads. */
  readonly threads: number | null;
  readonly subject: string;
  readonly metric: MetricName;
  readonly value: number;
  readonly unit: string;
}

/** Something that was not measured, and why. */
export interface Gap extends NotRun {
  readonly suite: string;
  readonly case: string;
  readonly backend: string;
  readonly threads: number | null;
}

/** Where a group of rows was measured, and what the device reaches there. */
export interface PlaceReport {
  readonly backend: string;
  readonly threads: number | null;
  readonly detail: string;
  /** The command that prints the rows of this place; a suite's name goes in for SUITE. */
  readonly command: string;
  readonly ceilings: Ceilings;
  /** numpy's matrix product and copy with as many threads; null without Python or on a GPU. */
  readonly native: { readonly gflops: number; readonly gbytes: number } | null;
}

export interface BenchReport {
  readonly date: string;
  readonly device: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly versions: Readonly<Record<string, string>>;
  readonly commit: string;
  readonly places: readonly PlaceReport[];
  readonly rows: readonly BenchRow[];
  readonly notRun: readonly Gap[];
}

const UNITS = {
  time: 'ms',
  fastest: 'ms',
  slowest: 'ms',
  runs: 'count',
  items: 'count',
  rate: 'GFLOP/s',
  queries: '1/s',
  bandwidth: 'GB/s',
  /** Time per item over ours: above 1 is slower than ours. */
  ratio: 'times ours',
} as const;
export type MetricName = keyof typeof UNITS;

/** Figures of a case. */
export function rowsOf(benchCase: BenchCase, place: Place, result: CaseResult): BenchRow[] {
  const ours = result.timings[0];
  return result.timings.flatMap((timing) => {
    const { subject, items, runs, median, min, max } = timing;
    const each = median / items;
    const values: Readonly<Record<MetricName, number>> = {
      time: median,
      fastest: min,
      slowest: max,
      runs,
      items,
      rate: benchCase.flops / each / 1e6,
      queries: 1000 / each,
      bandwidth: benchCase.bytes / median / 1e6,
      ratio: each / (ours.median / ours.items),
    };
    return (Object.keys(UNITS) as MetricName[]).map((metric) => ({
      suite: benchCase.suite,
      case: benchCase.name,
      backend: place.backend,
      threads: place.threads ?? null,
      subject,
      metric,
      value: Number(values[metric].toPrecision(6)),
      unit: UNITS[metric],
    }));
  });
}

export function gapsOf(benchCase: BenchCase, place: Place, result: CaseResult): Gap[] {
  return result.notRun.map((gap) => ({
    suite: benchCase.suite,
    case: benchCase.name,
    backend: place.backend,
    threads: place.threads ?? null,
    ...gap,
  }));
}

/** @returns The commit that runs; a portable archive carries it, as it is no checkout. */
function commit(): string {
  const carried = process.env.TFJS_LATENT_COMMIT;
  if (carried !== undefined) return carried;
  try {
    const git = (...args: string[]): string =>
      execFileSync('git', args, { encoding: 'utf8' }).trim();
    const dirty = git('status', '--porcelain', '--untracked-files=no') !== '';
    const hash = git('rev-parse', '--short', 'HEAD');
    return dirty ? `${hash} with changes` : hash;
  } catch {
    return 'not a git checkout';
  }
}

/** Conditions of a run. */
export function conditions(
  gpu: string | undefined,
  versions: Readonly<Record<string, string>>,
): Pick<BenchReport, 'date' | 'device' | 'cores' | 'memoryGiB' | 'versions' | 'commit'> {
  return {
    date: new Date().toISOString().slice(0, 10),
    device: gpu ?? cpus()[0].model.trim(),
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    versions: { node: process.version.slice(1), tfjs: tf.version.tfjs, ...versions },
    commit: commit(),
  };
}

/** Name and driver of the NVIDIA GPU, which TensorFlow does not tell; undefined without nvidia-smi. */
export function nvidiaName(): string | undefined {
  try {
    const query = ['--query-gpu=name,driver_version', '--format=csv,noheader'];
    return execFileSync('nvidia-smi', query, { encoding: 'utf8' }).trim().split('\n')[0];
  } catch {
    return undefined;
  }
}

const RESULTS = new URL('results/', import.meta.url);

/** Parts of a run: one report a backend, as backends are measured anew one by one. */
export function byBackend(report: BenchReport): BenchReport[] {
  const names = [...new Set(report.places.map(({ backend }) => backend))];
  return names.map((name) => {
    const own = <T extends { readonly backend: string }>(all: readonly T[]): T[] =>
      all.filter(({ backend }) => backend === name);
    return {
      ...report,
      places: own(report.places),
      notRun: own(report.notRun),
      rows: own(report.rows),
    };
  });
}

const keyOf = ({ device, places: [{ backend }] }: BenchReport): string => `${device} ${backend}`;

/**
 * Store the report of one backend. Cases that it did not measure keep the figures that they had in the
 * same file. Returns the name of the file.
 */
export function storeReport(report: BenchReport): string {
  mkdirSync(RESULTS, { recursive: true });
  const slug = keyOf(report)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
  const name = `${slug}-${report.date}.json`;
  const path = new URL(name, RESULTS);
  const before = existsSync(path)
    ? (JSON.parse(readFileSync(path, 'utf8')) as BenchReport)
    : undefined;
  writeReport(path, before === undefined ? report : mergeReports(before, report));
  return name;
}

/** Between the commands of a place whose cases were measured by several. */
const AND = '` and `';

/** The newer report with what only the older one has measured: other cases, other numbers of threads. */
export function mergeReports(older: BenchReport, newer: BenchReport): BenchReport {
  type Measured = Pick<BenchRow, 'suite' | 'case' | 'backend' | 'threads'>;
  const caseOf = (entry: Measured): string =>
    [entry.suite, entry.case, entry.backend, entry.threads].join('\n');
  const placeOf = ({ backend, threads }: PlaceReport): string => `${backend} ${threads}`;
  const cases = new Set([...newer.rows, ...newer.notRun].map(caseOf));
  const places = new Set(newer.places.map(placeOf));
  const kept = <T extends Measured>(all: readonly T[]): T[] =>
    all.filter((entry) => !cases.has(caseOf(entry)));
  const commits = new Set([...older.commit.split(', '), newer.commit]);
  const measuredBy = (place: PlaceReport): string => {
    const before = older.places.find((other) => placeOf(other) === placeOf(place));
    return [...new Set([...(before?.command.split(AND) ?? []), place.command])].join(AND);
  };
  return {
    ...newer,
    commit: [...commits].join(', '),
    versions: { ...older.versions, ...newer.versions },
    places: [
      ...older.places.filter((place) => !places.has(placeOf(place))),
      ...newer.places.map((place) => ({ ...place, command: measuredBy(place) })),
    ],
    notRun: [...kept(older.notRun), ...newer.notRun],
    rows: [...kept(older.rows), ...newer.rows],
  };
}

function writeReport(path: URL, report: BenchReport): void {
  const { rows, ...rest } = report;
  // One row a line: a change of one figure is a change of one line.
  const body = rows.map((row) => `  ${JSON.stringify(row)}`).join(',\n');
  const head = JSON.stringify(rest, null, 1).replace(/\n\}$/, '');
  writeFileSync(path, `${head},\n "rows": [\n${body}\n ]\n}\n`);
}

/** The newest stored report of every backend of every device. */
export function storedReports(): BenchReport[] {
  const newest = new Map<string, BenchReport>();
  for (const name of readdirSync(RESULTS).sort()) {
    const report = JSON.parse(readFileSync(new URL(name, RESULTS), 'utf8')) as BenchReport;
    const before = newest.get(keyOf(report));
    if (before === undefined || before.date <= report.date) newest.set(keyOf(report), report);
  }
  return [...newest.values()];
}
