import * as tf from '@tensorflow/tfjs';
import { median } from '../src/metrics/summary.js';

/** One way to do the work of a case. `run` must wait until its result is really there. */
export interface Subject {
  readonly name: string;
  readonly run: () => Promise<Float32Array | Int32Array>;
}

/** A piece of work done by several subjects in the same process, the first being ours. */
export interface BenchCase {
  readonly suite: string;
  readonly name: string;
  /** Operations counted as the definition of the work needs them (a difference, a square and a sum: 3). */
  readonly operations: number;
  /** Prepares the inputs on the active backend; the subjects close over them. */
  readonly prepare: () => PreparedCase;
}

export interface PreparedCase {
  readonly subjects: readonly Subject[];
  /** Throws when a subject's result is wrong, given all results; called before anything is timed. */
  readonly check: (results: ReadonlyMap<string, Float32Array | Int32Array>) => void;
  readonly dispose: () => void;
}

/** Figures of one subject; milliseconds. */
export interface Timing {
  readonly suite: string;
  readonly case: string;
  readonly backend: string;
  readonly subject: string;
  readonly runs: number;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** Giga-operations per second at the median. */
  readonly gops: number;
  /** Median of the ratio to the first subject, pair by pair: above 1 means slower than ours. */
  readonly ratioToOurs: number;
}

const MAX_RUNS = 15;
const MIN_RUNS = 3;
const BUDGET_MS = 4000;

/** Check, warm up, then time all subjects in turn (A B C A B C ...), so that drift hits all alike. */
export async function runCase(benchCase: BenchCase): Promise<Timing[]> {
  const prepared = benchCase.prepare();
  const { subjects } = prepared;
  try {
    const results = new Map<string, Float32Array | Int32Array>();
    for (const subject of subjects) results.set(subject.name, await subject.run());
    prepared.check(results);
    for (const subject of subjects) await subject.run();
    const times = new Map<string, number[]>(subjects.map(({ name }) => [name, []]));
    const start = performance.now();
    for (let run = 0; run < MAX_RUNS; run++) {
      if (run >= MIN_RUNS && performance.now() - start > BUDGET_MS) break;
      for (const subject of subjects) {
        const before = performance.now();
        await subject.run();
        times.get(subject.name)?.push(performance.now() - before);
      }
    }
    return subjects.map((subject) => figures(benchCase, subject.name, times, subjects[0].name));
  } finally {
    prepared.dispose();
  }
}

function figures(
  benchCase: BenchCase,
  subject: string,
  times: ReadonlyMap<string, number[]>,
  ours: string,
): Timing {
  const own = times.get(subject) ?? [];
  const base = times.get(ours) ?? [];
  const middle = median(own);
  return {
    suite: benchCase.suite,
    case: benchCase.name,
    backend: tf.getBackend(),
    subject,
    runs: own.length,
    median: middle,
    min: Math.min(...own),
    max: Math.max(...own),
    gops: benchCase.operations / middle / 1e6,
    ratioToOurs: median(own.map((value, i) => value / base[i])),
  };
}

/** Largest |a - b| / (|b| + floor); throws when it is above the bound. */
export function assertClose(
  name: string,
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  bound: number,
  floor = 0,
): void {
  if (got.length !== want.length)
    throw new Error(`${name}: ${got.length} values, not ${want.length}`);
  for (let i = 0; i < want.length; i++) {
    if (!(Math.abs(got[i] - want[i]) <= bound * (Math.abs(want[i]) + floor))) {
      throw new Error(`${name}: element ${i} is ${got[i]}, not ${want[i]}; nothing was timed`);
    }
  }
}

/** Run ops, wait for the result and free everything. */
export function awaited(body: () => tf.Tensor): () => Promise<Float32Array | Int32Array> {
  return async () => {
    const result = tf.tidy(body);
    const values = await result.data();
    result.dispose();
    return values as Float32Array | Int32Array;
  };
}
