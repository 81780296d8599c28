/**
 * `npm run bench [-- suite ...] [--backends cpu,wasm] [--full] [--write]`
 * Times our ops against their composed forms and what a tfjs user writes today. `--write` stores the
 * figures in bench/results and in BENCHMARKS.md.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { inspectBackends } from '../src/backends/doctor.js';
import { startBackend } from '../src/backends/start.js';
import { SIZES } from './cases.js';
import { runCase } from './harness.js';
import type { BenchCase, Timing } from './harness.js';
import { cases as knnCases } from './knn.bench.js';
import { cases as matMulCases } from './matMul.bench.js';
import { cases as pairwiseCases } from './pairwiseDistance.bench.js';
import { benchHeader, renderReport } from './report.js';

const SUITES: Readonly<Record<string, readonly BenchCase[]>> = {
  knn: knnCases,
  matMul: matMulCases,
  pairwiseDistance: pairwiseCases,
};

/** Cases that take minutes on this backend and tell nothing new: the plain cpu backend is the reference. */
function tooLarge(backend: string, operations: number): boolean {
  return backend === 'cpu' && operations > 1e8;
}

/** Our product replaces tfjs's on the wasm backend only; elsewhere both subjects are the same code. */
function hasSubject(backend: string, suite: string): boolean {
  return suite !== 'matMul' || backend === 'wasm';
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    backends: { type: 'string' },
    full: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});
const suites = positionals.length > 0 ? positionals : Object.keys(SUITES);
const unknown = suites.filter((suite) => !Object.hasOwn(SUITES, suite));
if (unknown.length > 0) {
  console.error(
    `bench: suite must be one of ${Object.keys(SUITES).join(', ')}, got ${unknown.join(', ')}.`,
  );
  process.exit(2);
}

const present = (await inspectBackends()).filter(({ available }) => available);
const wanted = values.backends?.split(',') ?? present.map(({ name }) => name);
const fullOnly = SIZES.filter(({ profile }) => profile === 'full').map(
  ({ n, m, d }) => `${n} ${m} ${d}`,
);
const isFullOnly = (name: string): boolean =>
  fullOnly.includes((name.match(/\d+/g) ?? []).slice(0, 3).join(' '));

const rows: Timing[] = [];
const details: Record<string, string> = {};
for (const name of wanted) {
  const started = await startBackend({ prefer: name });
  details[name] = [started.device, started.adapter].filter(Boolean).join(', ');
  for (const suite of suites.filter((candidate) => hasSubject(name, candidate))) {
    for (const benchCase of SUITES[suite]) {
      if (tooLarge(name, benchCase.operations)) continue;
      if (!values.full && isFullOnly(benchCase.name)) continue;
      const timings = await runCase(benchCase);
      rows.push(...timings);
      const summary = timings.map((t) => `${t.subject} ${t.median.toFixed(2)} ms`).join(', ');
      console.log(`${name} ${suite} ${benchCase.name}: ${summary}`);
    }
  }
}

const report = { header: benchHeader(details), rows };
if (values.write) {
  const results = new URL('results/', import.meta.url);
  mkdirSync(results, { recursive: true });
  const slug = report.header.device.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  writeFileSync(
    new URL(`${slug}-${report.header.date}.json`, results),
    `${JSON.stringify(report, null, 1)}\n`,
  );
  writeFileSync(new URL('../BENCHMARKS.md', import.meta.url), renderReport(report));
  console.log(`Wrote bench/results/${slug}-${report.header.date}.json and BENCHMARKS.md`);
}
tf.engine().reset();
