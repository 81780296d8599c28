/**
 * npm run bench                             a fast selection on every backend here
 * npm run bench -- knn --backend wasm --threads 1
 * npm run bench -- --full --write           the whole grid; writes bench/results and BENCHMARKS.md
 * npm run bench -- --store FILE             stores what --json FILE kept on another machine
 * npm run bench -- --render                 BENCHMARKS.md again, from the stored results
 *
 * Speed of our ops against peers and against what the device reaches, in one run.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { inspectBackends } from '../src/backends/doctor.js';
import { startBackend } from '../src/backends/start.js';
import { setThreads } from '../src/kernels/wasm/register.js';
import { adamCases } from './adam.bench.js';
import { runCase } from './harness.js';
import type { BenchCase, Place } from './harness.js';
import { hyperbolicCases } from './hyperbolic.bench.js';
import { kSweepCases, knnCases } from './knn.bench.js';
import type { Peers } from './knnCase.js';
import { caseText, renderReports } from './markdown.js';
import { matMulCases } from './matMul.bench.js';
import { metricCases } from './metrics.bench.js';
import { pairwiseCases } from './pairwiseDistance.bench.js';
import { findPython, pythonCeilings } from './peers/python.js';
import { findUsearch } from './peers/usearch.js';
import {
  byBackend,
  conditions,
  gapsOf,
  nvidiaName,
  rowsOf,
  storedReports,
  storeReport,
} from './report.js';
import type { BenchReport, BenchRow, Gap, PlaceReport } from './report.js';
import { relationCases } from './relationSteps.bench.js';
import { residentCases } from './resident.bench.js';
import { measureCeilings } from './roofline.js';
import { rowCases } from './rowDistance.bench.js';
import { rowMapCases } from './rowMap.bench.js';
import { scoreCases } from './sage.bench.js';
import { trainCases } from './training.bench.js';
import { trainingOpsCases } from './trainingOps.bench.js';

const SUITES: Readonly<Record<string, (peers: Peers) => BenchCase[]>> = {
  knn: knnCases,
  kSweep: kSweepCases,
  resident: residentCases,
  metrics: metricCases,
  pairwiseDistance: pairwiseCases,
  relationSteps: relationCases,
  rowDistance: rowCases,
  rowMap: rowMapCases,
  hyperbolic: hyperbolicCases,
  matMul: matMulCases,
  adam: adamCases,
  train: trainCases,
  trainingOps: trainingOpsCases,
  score: scoreCases,
};

/** Names for several suites. */
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  distance: ['pairwiseDistance', 'rowDistance', 'metrics'],
};

/** Seconds that one run of a subject may take. */
const BUDGET = { fast: 1, full: 15 } as const;

/** What the command line asks for. */
interface Wanted {
  readonly suites: readonly string[];
  readonly backends: readonly string[] | undefined;
  readonly threads: number | undefined;
  readonly full: boolean;
  readonly write: boolean;
  readonly json: string | undefined;
  readonly text: string;
  readonly budgetMs: number;
  readonly python: string | undefined;
  readonly store: string | undefined;
  readonly render: boolean;
}

class UsageError extends Error {}

function readArguments(): Wanted {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      backends: { type: 'string' },
      backend: { type: 'string' },
      threads: { type: 'string' },
      full: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      store: { type: 'string' },
      render: { type: 'boolean', default: false },
      json: { type: 'string' },
      case: { type: 'string', default: '' },
      budget: { type: 'string' },
      python: { type: 'string' },
    },
  });
  const known = [...Object.keys(SUITES), ...Object.keys(GROUPS)];
  const unknown = positionals.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new UsageError(`no suite ${unknown.join(', ')}; there are ${known.join(', ')}`);
  }
  const suites = positionals.flatMap((name) => GROUPS[name] ?? [name]);
  const seconds = Number(values.budget ?? (values.full ? BUDGET.full : BUDGET.fast));
  const threads = values.threads === undefined ? undefined : Number(values.threads);
  if (!(seconds > 0)) throw new UsageError('--budget must be a number of seconds above 0');
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1)) {
    throw new UsageError('--threads must be a whole number above 0');
  }
  return {
    suites: suites.length > 0 ? suites : Object.keys(SUITES),
    backends: (values.backends ?? values.backend)?.split(','),
    threads,
    full: values.full,
    write: values.write,
    json: values.json,
    text: values.case,
    budgetMs: seconds * 1000,
    python: values.python,
    store: values.store,
    render: values.render,
  };
}

interface DetailedPlace extends Place {
  /** Driver or instruction set. */
  readonly detail: string;
}

/** Backends and thread counts to measure. */
async function placesOf({ backends, threads }: Wanted): Promise<DetailedPlace[]> {
  const present = (await inspectBackends()).filter(({ available }) => available);
  const missing = (backends ?? []).find((name) => !present.some((found) => found.name === name));
  if (missing !== undefined) throw new UsageError(`backend ${missing} does not run here`);
  const chosen = present.filter(({ name }) => backends === undefined || backends.includes(name));
  return chosen.flatMap(({ name, device = 'cpu', adapter }): DetailedPlace[] => {
    const detail = adapter ?? device;
    if (name !== 'wasm') return [{ backend: name, device, threads: undefined, detail }];
    const counts = threads === undefined ? [1, availableParallelism()] : [threads];
    return [...new Set(counts)].map((count) => ({ backend: name, device, threads: count, detail }));
  });
}

function commandOf({ full, python, budgetMs }: Wanted, { backend, threads }: Place): string {
  const standard = budgetMs === 1000 * (full ? BUDGET.full : BUDGET.fast);
  return [
    'npm run bench -- SUITE',
    `--backend ${backend}`,
    ...(threads === undefined ? [] : [`--threads ${threads}`]),
    ...(full ? ['--full'] : []),
    ...(standard ? [] : [`--budget ${budgetMs / 1000}`]),
    ...(python === undefined ? [] : ['--python <python with the peers>']),
  ].join(' ');
}

interface PlaceFigures {
  readonly place: PlaceReport;
  readonly rows: BenchRow[];
  readonly notRun: Gap[];
}

/** @param keep Called with the figures so far after every case, so that a run that is cut off keeps them. */
async function measurePlace(
  wanted: Wanted,
  place: DetailedPlace,
  peers: Peers,
  keep: (sofar: PlaceFigures) => void,
): Promise<PlaceFigures> {
  await startBackend({ prefer: place.backend });
  if (place.threads !== undefined) setThreads(place.threads);
  const native =
    place.device === 'gpu' ? undefined : pythonCeilings(peers.python, place.threads ?? 1);
  const report: PlaceReport = {
    backend: place.backend,
    threads: place.threads ?? null,
    detail: place.detail,
    command: commandOf(wanted, place),
    ceilings: await measureCeilings(place),
    native: native?.ceilings ?? null,
  };
  const { gflops, gbytes } = report.ceilings;
  console.log(
    `\n${place.backend}${place.threads === undefined ? '' : `, threads: ${place.threads}`} ` +
      `(${place.detail}); matMul ${gflops.toFixed(1)} GFLOP/s, copy ${gbytes.toFixed(1)} GB/s`,
  );
  const rows: BenchRow[] = [];
  const notRun: Gap[] = [];
  for (const suite of wanted.suites) {
    for (const benchCase of SUITES[suite](peers)) {
      if (!benchCase.name.includes(wanted.text) || !(wanted.full || benchCase.fast)) continue;
      const result = await runCase(benchCase, place, wanted.budgetMs);
      const own = rowsOf(benchCase, place, result);
      rows.push(...own);
      notRun.push(...gapsOf(benchCase, place, result));
      console.log(`${suite}: ${benchCase.name}`);
      for (const line of caseText(own, report)) console.log(line);
      for (const gap of result.notRun) console.log(`  ${gap.subject}: not run, ${gap.reason}`);
      keep({ place: report, rows, notRun });
    }
  }
  return { place: report, rows, notRun };
}

function writeMarkdown(): void {
  writeFileSync(new URL('../BENCHMARKS.md', import.meta.url), renderReports(storedReports()));
}

async function measure(wanted: Wanted): Promise<void> {
  const places = await placesOf(wanted);
  const peers: Peers = { usearch: findUsearch(), python: findPython(wanted.python) };
  const gpu = places.find(({ device }) => device === 'gpu');
  const device = gpu?.backend === 'tensorflow' ? (nvidiaName() ?? gpu.detail) : gpu?.detail;
  const versions = {
    ...(typeof peers.usearch === 'string' ? {} : { usearch: peers.usearch.version }),
    ...pythonCeilings(peers.python, 1)?.versions,
  };
  const reportOf = (parts: readonly PlaceFigures[]): BenchReport => ({
    ...conditions(device, versions),
    places: parts.map(({ place }) => place),
    notRun: parts.flatMap(({ notRun }) => notRun),
    rows: parts.flatMap(({ rows }) => rows),
  });
  const parts: PlaceFigures[] = [];
  const save = (file: string, sofar: readonly PlaceFigures[]): void => {
    writeFileSync(`${file}.partial`, `${JSON.stringify(reportOf(sofar), null, 1)}\n`);
    renameSync(`${file}.partial`, file);
  };
  const { json } = wanted;
  for (const place of places) {
    const keep = (sofar: PlaceFigures): void => {
      if (json !== undefined) save(json, [...parts, sofar]);
    };
    parts.push(await measurePlace(wanted, place, peers, keep));
  }
  const report = reportOf(parts);
  if (json !== undefined) save(json, parts);
  if (wanted.write) store(report);
}

function store(report: BenchReport): void {
  const names = byBackend(report).map(storeReport);
  writeMarkdown();
  console.log(`\nWrote BENCHMARKS.md and, in bench/results, ${names.join(', ')}`);
}

try {
  const wanted = readArguments();
  if (wanted.render) writeMarkdown();
  else if (wanted.store !== undefined) {
    store(JSON.parse(readFileSync(wanted.store, 'utf8')) as BenchReport);
  } else await measure(wanted);
  tf.engine().reset();
} catch (error) {
  if (!(
    error instanceof UsageError || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS')
  )) {
    throw error;
  }
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 2;
}
