import { cpus } from 'node:os';
import { execFileSync } from 'node:child_process';
import * as tf from '@tensorflow/tfjs';
import type { Timing } from './harness.js';

/** Conditions under which a set of figures was taken. */
export interface BenchHeader {
  readonly date: string;
  readonly device: string;
  readonly cores: number;
  readonly node: string;
  readonly versions: { readonly [name: string]: string };
  readonly commit: string;
  readonly backends: { readonly [name: string]: string };
}

export interface BenchReport {
  readonly header: BenchHeader;
  readonly rows: readonly Timing[];
}

function commit(): string {
  try {
    const dirty =
      execFileSync('git', ['status', '--porcelain'], { encoding: 'utf8' }).trim() !== '';
    const hash = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
    return dirty ? `${hash} with changes` : hash;
  } catch {
    return 'not a git checkout';
  }
}

export function benchHeader(backends: Readonly<Record<string, string>>): BenchHeader {
  return {
    date: new Date().toISOString().slice(0, 10),
    device: cpus()[0].model,
    cores: cpus().length,
    node: process.version,
    versions: { tfjs: tf.version.tfjs },
    commit: commit(),
    backends,
  };
}

const milliseconds = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);

/** The report as Markdown: one table per suite and backend, wins and losses alike. */
export function renderReport({ header, rows }: BenchReport): string {
  const lines = [
    '# Benchmarks',
    '',
    'Written by `npm run bench -- --full --write`; do not edit. Median of the runs, minimum to maximum in',
    'brackets. `ratio` is the median of time / our time, pair by pair in the same run: above 1 is slower',
    'than ours, below 1 is faster. Results were checked against each other before anything was timed.',
    '',
    `- date ${header.date}, commit ${header.commit}`,
    `- ${header.device}, ${header.cores} cores, Node ${header.node}, tfjs ${header.versions.tfjs}`,
    ...Object.entries(header.backends).map(([name, detail]) => `- ${name}: ${detail}`),
    '',
  ];
  const groups = [...new Set(rows.map((row) => `${row.suite} on ${row.backend}`))];
  for (const group of groups) {
    lines.push(
      `## ${group}`,
      '',
      '| case | subject | ms | Gop/s | ratio |',
      '|---|---|---|---|---|',
    );
    for (const row of rows.filter((entry) => `${entry.suite} on ${entry.backend}` === group)) {
      lines.push(
        `| ${row.case} | ${row.subject} | ${milliseconds(row.median)} (${milliseconds(row.min)} to ` +
          `${milliseconds(row.max)}) | ${row.gops.toFixed(2)} | ${row.ratioToOurs.toFixed(2)} |`,
      );
    }
    lines.push('');
  }
  return lines.join('\n');
}
