import { median } from '../src/metrics/summary.js';

/** One way to do the work of a case. */
export interface Subject {
  readonly name: string;
  /** One of ours: without any of them peers are not timed. */
  readonly isOurs: boolean;
  /**
   * Do the work for the first `items` items (queries, or rows of the result) and wait until the result
   * is really there.
   */
  readonly run: (items: number) => Promise<void>;
  /** Whether it may be timed on fewer items than the case has, where all take too long. */
  readonly mayShorten: boolean;
  /** It does all items whatever it is told. */
  readonly isWhole?: boolean;
  /** Most items that fit its memory. */
  readonly most?: number;
  /** Throws when a result is wrong; called before anything is timed. */
  readonly check: () => Promise<void>;
}

/** A peer's figures that come from another process. */
export interface OutsideTimes {
  readonly subject: string;
  readonly items: number;
  /** Milliseconds of every run. */
  readonly times: readonly number[];
}

/** A subject of a case that was not timed, and why. */
export interface NotRun {
  readonly subject: string;
  readonly reason: string;
}

export interface PreparedCase {
  /** The first is ours. */
  readonly subjects: readonly Subject[];
  /** Peers outside this process. */
  readonly outside?: (budgetMs: number) => Promise<{
    readonly timed: readonly OutsideTimes[];
    readonly notRun: readonly NotRun[];
  }>;
  readonly dispose: () => void;
}

/** Where a case runs. */
export interface Place {
  readonly backend: string;
  /** A real GPU, or the CPU (a software GPU counts as CPU). */
  readonly device: 'cpu' | 'gpu';
  /** Threads of our wasm kernels and of native peers; undefined where we don't set them. */
  readonly threads: number | undefined;
}

/** A piece of work that several subjects do in one run. */
export interface BenchCase {
  readonly suite: string;
  readonly name: string;
  /** Queries, or rows of the result. */
  readonly items: number;
  /** Floating-point operations of an item: the 2 n d of its products, whatever a subject does. */
  readonly flops: number;
  /** Bytes that have to be read for all items together, each once. */
  readonly bytes: number;
  /** Whether it belongs to the fast selection. */
  readonly fast: boolean;
  /** Why it does not run at this place; undefined when it does. */
  readonly obstacle?: (place: Place) => string | undefined;
  readonly prepare: (place: Place) => PreparedCase;
}

/** Figures of one subject, in milliseconds for `items` items. */
export interface Timing {
  readonly subject: string;
  readonly items: number;
  readonly runs: number;
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface CaseResult {
  /** Ours first. */
  readonly timings: readonly Timing[];
  readonly notRun: readonly NotRun[];
}

const MAX_RUNS = 15;
const MIN_RUNS = 3;
/** Items of the first look at how long a subject takes. */
const PROBE_ITEMS = 16;
const PROBE_STEP = 4;

/**
 * Check, find out how many items fit the budget, then time all subjects in turn (A B C A B C ...), so
 * that drift hits all alike.
 * @param budgetMs For one run of a subject; what is above is shortened or left out, by name.
 */
export async function runCase(
  benchCase: BenchCase,
  place: Place,
  budgetMs: number,
): Promise<CaseResult> {
  const reason = benchCase.obstacle?.(place);
  if (reason !== undefined) return { timings: [], notRun: [{ subject: 'all', reason }] };
  const prepared = benchCase.prepare(place);
  try {
    return await timeSubjects(benchCase, prepared, budgetMs);
  } finally {
    prepared.dispose();
  }
}

async function timeSubjects(
  { items }: BenchCase,
  { subjects, outside }: PreparedCase,
  budgetMs: number,
): Promise<CaseResult> {
  const notRun: NotRun[] = [];
  const plans: { readonly subject: Subject; readonly items: number; readonly times: number[] }[] =
    [];
  for (const subject of subjects) {
    // Ours come first; peers without a figure of ours to compare with say nothing.
    if (!subject.isOurs && plans.length === 0) break;
    const plan = await planOf(subject, items, budgetMs);
    if (typeof plan === 'number') plans.push({ subject, items: plan, times: [] });
    else notRun.push({ subject: subject.name, reason: plan });
  }
  if (plans.length === 0) return { timings: [], notRun };
  for (const plan of plans) await plan.subject.run(plan.items);
  const start = performance.now();
  for (let run = 0; run < MAX_RUNS; run++) {
    if (run >= MIN_RUNS && performance.now() - start > budgetMs * plans.length) break;
    for (const { subject, items: some, times } of plans) {
      const before = performance.now();
      await subject.run(some);
      times.push(performance.now() - before);
    }
  }
  const theirs = await outside?.(budgetMs);
  const all = [
    ...plans.map(({ subject, items: some, times }) => ({
      subject: subject.name,
      items: some,
      times,
    })),
    ...(theirs?.timed ?? []),
  ];
  return {
    timings: all.map(({ subject, items: some, times }) => ({
      subject,
      items: some,
      runs: times.length,
      median: median([...times]),
      min: Math.min(...times),
      max: Math.max(...times),
    })),
    notRun: [...notRun, ...(theirs?.notRun ?? [])],
  };
}

/** Items that one run of the subject gets, or why it gets none. */
async function planOf(subject: Subject, items: number, budgetMs: number): Promise<number | string> {
  try {
    await subject.check();
    const most = Math.min(items, subject.most ?? items);
    let probe = subject.isWhole === true ? items : Math.min(PROBE_ITEMS, most);
    for (;;) {
      await subject.run(probe);
      const start = performance.now();
      await subject.run(probe);
      const taken = performance.now() - start;
      const fitting = Math.floor((budgetMs * probe) / taken);
      if (probe >= most || fitting >= most) {
        if (most === items && fitting >= items) return items;
        if (subject.mayShorten && fitting >= most) return most;
      }
      // Many items at once cost less each than few, so look again at more while that is affordable.
      if (probe < most && taken * PROBE_STEP <= budgetMs) {
        probe = Math.min(most, probe * PROBE_STEP);
        continue;
      }
      if (subject.mayShorten && fitting >= probe) return Math.min(most, fitting);
      const seconds = ((taken / probe) * items) / 1000;
      return `would take about ${seconds.toPrecision(2)} s a run, above the budget of ${budgetMs / 1000} s`;
    }
  } catch (error) {
    return `failed: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`;
  }
}
