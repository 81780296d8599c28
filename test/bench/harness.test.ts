import { describe, expect, it } from 'vitest';
import { runCase } from '../../bench/harness.js';
import type { BenchCase, Place, Subject } from '../../bench/harness.js';

const PLACE: Place = { backend: 'cpu', device: 'cpu', threads: undefined };
const BUDGET_MS = 20;

function subject(name: string, msPerItem: number, parts: Partial<Subject> = {}): Subject {
  return {
    name,
    isOurs: false,
    mayShorten: true,
    run: (items) => new Promise((done) => setTimeout(done, msPerItem * items)),
    check: () => Promise.resolve(),
    ...parts,
  };
}

const caseOf = (subjects: readonly Subject[], parts: Partial<BenchCase> = {}): BenchCase => ({
  suite: 'suite',
  name: 'case',
  items: 64,
  flops: 1,
  bytes: 1,
  fast: true,
  prepare: () => ({ subjects, dispose: () => undefined }),
  ...parts,
});

const ours = (parts: Partial<Subject> = {}): Subject =>
  subject('ours', 0, { isOurs: true, mayShorten: false, ...parts });

describe('runCase of the benchmarks', () => {
  it('times a slow peer on fewer items and ours on all', async () => {
    const { timings, notRun } = await runCase(
      caseOf([ours(), subject('slow', 1)]),
      PLACE,
      BUDGET_MS,
    );
    expect(timings.map(({ subject: name }) => name)).toEqual(['ours', 'slow']);
    expect(timings[0].items).toBe(64);
    expect(timings[1].items).toBeLessThan(64);
    expect(timings[1].runs).toBeGreaterThanOrEqual(3);
    expect(notRun).toEqual([]);
  });

  it('names what takes too long, what is wrong, and what does not run here', async () => {
    const wrong = subject('wrong', 0, { check: () => Promise.reject(new Error('wrong result')) });
    const whole = subject('whole', 1, { mayShorten: false });
    const { timings, notRun } = await runCase(caseOf([ours(), wrong, whole]), PLACE, BUDGET_MS);
    expect(timings).toHaveLength(1);
    expect(notRun[0]).toEqual({ subject: 'wrong', reason: 'failed: wrong result' });
    expect(notRun[1].reason).toMatch(/^would take about .* above the budget of 0.02 s$/);
    const elsewhere = caseOf([], { obstacle: () => 'made for a real GPU' });
    expect(await runCase(elsewhere, PLACE, BUDGET_MS)).toEqual({
      timings: [],
      notRun: [{ subject: 'all', reason: 'made for a real GPU' }],
    });
  });

  it('times no peer where none of ours gives a right result', async () => {
    const bad = ours({ check: () => Promise.reject(new Error('wrong result')) });
    const { timings, notRun } = await runCase(caseOf([bad, subject('peer', 0)]), PLACE, BUDGET_MS);
    expect(timings).toEqual([]);
    expect(notRun.map(({ subject: name }) => name)).toEqual(['ours']);
  });
});
