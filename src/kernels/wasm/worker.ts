/** Position of each control word, in 4-byte words from CONTROL_ADDRESS. */
export const CONTROL = {
  /** Number of the job, the word on which idle workers sleep. */
  job: 0,
  /** Job number (20 bits) and the next free chunk (12 bits) in one word, so that both change at once. */
  ticket: 1,
  /** Chunks finished; the word on which the caller sleeps. */
  done: 2,
  chunks: 3,
  /** Number added to every chunk of this job. */
  base: 4,
  functionIndex: 5,
  /** 1 after a trap in a worker. */
  failed: 6,
  /** Chunks that workers, not the caller, have finished since the start. */
  helped: 7,
} as const;
export const CONTROL_WORDS = 8;

/** Chunks of one job: a ticket's 12 bits less the closed mark and one overshoot of the caller. */
export const MAX_CHUNKS = 4000;
/** Chunk number of a ticket that nobody may take. */
export const CLOSED = 0xfff;
export const JOB_MASK = 0xfffff;

/** What a worker thread is started with. */
export interface WorkerData {
  readonly compiled: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly control: typeof CONTROL;
  readonly controlAddress: number;
  readonly controlWords: number;
  readonly argsAddress: number;
  readonly functions: readonly string[];
  readonly thread: number;
}

/**
 * Body of a worker thread. It is turned into source text for an `eval` worker, so that bundlers and
 * test runners need no path to a file: it must not use anything from outside but globals.
 *
 * A worker that wakes late is harmless: it can take a chunk only by raising the ticket of the job
 * that it has read, and the arguments of a job do not change while it has chunks left.
 */
export function serve(data: WorkerData): void {
  const at = data.control;
  const instance = new WebAssembly.Instance(data.compiled, { env: { memory: data.memory } });
  const control = new Int32Array(data.memory.buffer, data.controlAddress, data.controlWords);
  const entries = data.functions.map(
    (name) => instance.exports[name] as (args: number, chunk: number, thread: number) => void,
  );
  let seen = 0;
  for (;;) {
    Atomics.wait(control, at.job, seen);
    seen = Atomics.load(control, at.job);
    for (;;) {
      const ticket = Atomics.load(control, at.ticket);
      const chunk = ticket & 0xfff;
      const chunks = Atomics.load(control, at.chunks);
      const base = Atomics.load(control, at.base);
      const entry = entries[Atomics.load(control, at.functionIndex)];
      if (ticket >>> 12 !== seen || chunk >= chunks) break;
      if (Atomics.compareExchange(control, at.ticket, ticket, ticket + 1) !== ticket) continue;
      try {
        entry(data.argsAddress, base + chunk, data.thread);
      } catch {
        Atomics.store(control, at.failed, 1);
      }
      Atomics.add(control, at.helped, 1);
      Atomics.add(control, at.done, 1);
      Atomics.notify(control, at.done);
    }
  }
}

/** Source text of a worker. Some compilers wrap functions in a helper named __name. */
export function workerSource(): string {
  return `const __name = (f) => f; (${serve.toString()})(require('node:worker_threads').workerData);`;
}
