import { describe, expect, it } from 'vitest';
import { renderReports, short } from '../../bench/markdown.js';
import { gapsOf, mergeReports, rowsOf } from '../../bench/report.js';
import type { BenchReport } from '../../bench/report.js';

const PLACE = { backend: 'wasm', device: 'cpu', threads: 2 } as const;
const CASE = {
  suite: 'knn',
  name: 'Q=100 N=1000 d=50 k=10',
  items: 100,
  flops: 1e5,
  bytes: 2e5,
  fast: true,
  prepare: () => ({ subjects: [], dispose: () => undefined }),
};
const RESULT = {
  timings: [
    { subject: 'ours', items: 100, runs: 3, median: 10, min: 9, max: 12 },
    { subject: 'slow peer', items: 10, runs: 3, median: 10, min: 9, max: 12 },
    { subject: 'fast peer', items: 100, runs: 3, median: 5, min: 4, max: 6 },
  ],
  notRun: [{ subject: 'absent peer', reason: 'not installed' }],
};
const REPORT: BenchReport = {
  date: '2026-01-02',
  device: 'Some CPU',
  cores: 2,
  memoryGiB: 8,
  versions: { node: '20.1.0' },
  commit: 'abc',
  places: [
    {
      backend: 'wasm',
      threads: 2,
      detail: 'SIMD',
      command: 'npm run bench -- SUITE --backend wasm --threads 2',
      ceilings: { gflops: 4, gbytes: 1, how: 'matMul' },
      native: null,
    },
  ],
  rows: rowsOf(CASE, PLACE, RESULT),
  notRun: gapsOf(CASE, PLACE, RESULT),
};

describe('BENCHMARKS.md', () => {
  const text = renderReports([REPORT]);

  it('heads every table by its command', () => {
    expect(text).toContain(
      '### knn on wasm, 2 threads\n\n`npm run bench -- knn --backend wasm --threads 2`',
    );
  });

  it('shows rates, the share of the ceiling, and losses in bold', () => {
    expect(text).toContain('| ours | 10.0 (9.00 to 12.0) | 1.00 | 10000 | 0.02 | 25 % | 1.00 |');
    expect(text).toContain(
      '| fast peer | 5.00 (4.00 to 6.00) | 2.00 | 20000 | 0.04 | 50 % | **0.50** |',
    );
  });

  it('says where a peer did fewer items, and compares per item', () => {
    expect(text).toMatch(/\| slow peer \(first 10\) \| .* \| 10\.0 \|$/m);
  });

  it('names what was not run', () => {
    expect(text).toContain(
      '- knn on wasm, 2 threads, absent peer: not installed (Q=100 N=1000 d=50 k=10)',
    );
  });

  it('writes three digits', () => {
    expect([0.1234, 12.34, 1234.5, NaN].map(short)).toEqual(['0.12', '12.3', '1235', '']);
  });
});

describe('mergeReports', () => {
  it('replaces the cases that were measured again and keeps the others', () => {
    const again = { ...CASE, name: 'another' };
    const other = { ...PLACE, threads: 1 };
    const older = {
      ...REPORT,
      rows: [...REPORT.rows, ...rowsOf(again, PLACE, RESULT), ...rowsOf(CASE, other, RESULT)],
      places: [...REPORT.places, { ...REPORT.places[0], threads: 1 }],
    };
    const faster = { timings: [{ ...RESULT.timings[0], median: 1 }], notRun: [] };
    const newer = { ...REPORT, commit: 'def', rows: rowsOf(CASE, PLACE, faster), notRun: [] };
    const merged = mergeReports(older, newer);
    const times = merged.rows.filter(({ metric }) => metric === 'time');
    const timesOf = (name: string, threads: number): number[] =>
      times.filter((row) => row.case === name && row.threads === threads).map(({ value }) => value);
    expect(timesOf(CASE.name, 2)).toEqual([1]);
    expect(timesOf('another', 2)).toHaveLength(3);
    expect(timesOf(CASE.name, 1)).toHaveLength(3);
    expect(merged.notRun).toEqual([]);
    expect(merged.commit).toBe('abc, def');
    expect(merged.places.map(({ threads }) => threads).sort()).toEqual([1, 2]);
  });
});
