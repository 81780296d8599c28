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
  /** Number of the form whose generated code the job calls, 0 for none; its slot, bytes and length. */
  formId: 8,
  formSlot: 9,
  formAddress: 10,
  formLength: 11,
} as const;
export const CONTROL_WORDS = 12;

/** Chunks of one job: a ticket's 12 bits less the closed mark and one overshoot of the caller. */
export const MAX_CHUNKS = 4000;
/** Chunk number of a ticket that nobody may take. */
export const CLOSED = 0xfff;
export const JOB_MASK = 0xfffff;

/**
 * Positions in the function table: those below FORM_TABLE are left to the module, from there on every
 * form has two.
 */
export const FORM_TABLE = 64;
/** Forms whose code is kept at a time. */
export const FORM_SLOTS = 64;
export const TABLE_SIZE = FORM_TABLE + 2 * FORM_SLOTS;

/** What a worker thread is started with. */
export interface WorkerData {
  readonly compiled: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly control: typeof CONTROL;
  readonly controlAddress: number;
  readonly controlWords: number;
  readonly argsAddress: number;
  readonly functions: readonly string[];
  readonly tableSize: number;
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
  const { memory } = data;
  const table = new WebAssembly.Table({ initial: data.tableSize, element: 'anyfunc' });
  const instance = new WebAssembly.Instance(data.compiled, { env: { memory, table } });
  const control = new Int32Array(data.memory.buffer, data.controlAddress, data.controlWords);
  const entries = data.functions.map(
    (name) => instance.exports[name] as (args: number, chunk: number, thread: number) => void,
  );
  const loaded = new Map<number, number>();
  const loadForm = (): void => {
    const id = Atomics.load(control, at.formId);
    const slot = Atomics.load(control, at.formSlot);
    if (id === 0 || loaded.get(slot) === id) return;
    const address = Atomics.load(control, at.formAddress) >>> 0;
    const length = Atomics.load(control, at.formLength);
    // Another thread may have grown the memory: this makes its buffer current.
    if (memory.buffer.byteLength < address + length) memory.grow(0);
    // A copy, since code is not compiled from shared memory.
    const bytes = new Uint8Array(memory.buffer, address, length).slice();
    const form = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
      env: { memory },
      latent: instance.exports,
      math: Math as unknown as WebAssembly.ModuleImports,
    });
    if ('run' in form.exports) table.set(slot, form.exports.run);
    else {
      table.set(slot, form.exports.tile);
      table.set(slot + 1, form.exports.finish);
    }
    loaded.set(slot, id);
  };
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
        // Only now: what is read belongs to the job that this chunk holds open.
        loadForm();
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
