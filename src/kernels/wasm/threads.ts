import type * as Os from 'node:os';
import type * as WorkerThreads from 'node:worker_threads';
import { DomainError } from '../../errors.js';
import { loadForm } from './jit/forms.js';
import type { PlacedForm } from './jit/forms.js';
import {
  abandonModule,
  ARGS_ADDRESS,
  CHUNK_FUNCTIONS,
  CONTROL_ADDRESS,
  latentModule,
} from './module.js';
import type { ChunkFunctionName, LatentModule } from './module.js';
import {
  CLOSED,
  CONTROL,
  CONTROL_WORDS,
  JOB_MASK,
  MAX_CHUNKS,
  TABLE_SIZE,
  workerSource,
} from './worker.js';
import type { WorkerData } from './worker.js';

/** The parts of Node that the pool uses; absent in browsers. */
interface NodeProcess {
  readonly versions?: { readonly node?: string };
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly getBuiltinModule?: (id: string) => unknown;
}

/** Threads that our wasm kernels use, and where the number comes from. */
export interface ThreadInfo {
  /** Threads in use, the calling one included. */
  readonly threads: number;
  readonly source: 'setThreads' | 'TFJS_LATENT_THREADS' | 'cores' | 'single thread only';
  /** Why there is one thread only; empty otherwise. */
  readonly why: string;
}

const MAX_THREADS = 256;
/**
 * Milliseconds without any finished chunk after which a job counts as dead. A chunk is some
 * milliseconds of work; the caller can't see a worker's exit while it waits.
 */
const STALL_MS = 60_000;

let requested: number | undefined;
let workers: WorkerThreads.Worker[] = [];
let lostWorkers = 0;
let job = 0;

const nodeProcess = (): NodeProcess | undefined =>
  (globalThis as { readonly process?: NodeProcess }).process;

/** Why only the calling thread can be used, or '' when a pool is possible. */
function obstacle(): string {
  const node = nodeProcess();
  if (node?.versions?.node === undefined) return 'worker threads are used in Node only';
  if (node.getBuiltinModule === undefined) return 'Node 20.16 or newer is needed for threads';
  if (!latentModule().shared) return 'the engine has no shared WebAssembly memory';
  if (lostWorkers > 2) return 'worker threads ended unexpectedly';
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 0);
  } catch {
    return 'this thread may not wait';
  }
  return '';
}

function checkCount(arg: string, value: number, got: string): number {
  if (Number.isInteger(value) && value >= 1 && value <= MAX_THREADS) return value;
  throw new DomainError({
    op: 'wasm threads',
    arg,
    expected: `be an integer from 1 to ${MAX_THREADS}`,
    got,
  });
}

let info: ThreadInfo | undefined;

function resolveInfo(): ThreadInfo {
  const why = obstacle();
  const node = nodeProcess();
  const fromEnvironment = node?.env?.TFJS_LATENT_THREADS;
  if (fromEnvironment !== undefined && fromEnvironment !== '') {
    checkCount('TFJS_LATENT_THREADS', Number(fromEnvironment), `'${fromEnvironment}'`);
  }
  if (why !== '') return { threads: 1, source: 'single thread only', why };
  if (requested !== undefined) return { threads: requested, source: 'setThreads', why };
  if (fromEnvironment !== undefined && fromEnvironment !== '') {
    return { threads: Number(fromEnvironment), source: 'TFJS_LATENT_THREADS', why };
  }
  const os = node?.getBuiltinModule?.('node:os') as typeof Os;
  return { threads: Math.min(os.availableParallelism(), MAX_THREADS), source: 'cores', why };
}

/**
 * Threads that our wasm kernels use.
 * @throws DomainError when TFJS_LATENT_THREADS is set to something else than 1 to 256.
 */
export function threadInfo(): ThreadInfo {
  info ??= resolveInfo();
  return info;
}

/**
 * Set the number of threads of our wasm kernels, the calling one included. Results are bit-identical
 * for every number. Worker threads start with the first job that is large enough, and never keep a
 * process alive. Where threads can't be used ({@link threadInfo} says why) one is used.
 * @param threads 1 to 256, or undefined for the default: TFJS_LATENT_THREADS, else all cores.
 * @throws DomainError outside that range.
 */
export function setThreads(threads: number | undefined): void {
  if (threads !== undefined) checkCount('threads', threads, String(threads));
  requested = threads;
  info = undefined;
  lostWorkers = 0;
  stopWorkers();
}

/** Chunks that worker threads have finished since the start of the process: tells whether they work. */
export function chunksByWorkers(): number {
  const control = new Int32Array(latentModule().memory.buffer, CONTROL_ADDRESS, CONTROL_WORDS);
  return Atomics.load(control, CONTROL.helped);
}

function stopWorkers(): void {
  const old = workers;
  workers = [];
  for (const worker of old) void worker.terminate();
}

function startWorkers(module: LatentModule, count: number): void {
  if (workers.length >= count) return;
  const found = nodeProcess()?.getBuiltinModule?.('node:worker_threads');
  const { Worker } = found as typeof WorkerThreads;
  while (workers.length < count) {
    const data: WorkerData = {
      compiled: module.compiled,
      memory: module.memory,
      control: CONTROL,
      controlAddress: CONTROL_ADDRESS,
      controlWords: CONTROL_WORDS,
      argsAddress: ARGS_ADDRESS,
      functions: CHUNK_FUNCTIONS,
      tableSize: TABLE_SIZE,
      thread: workers.length + 1,
    };
    const options = { eval: true, workerData: data, execArgv: [], env: {}, name: 'tfjs-latent' };
    const worker = new Worker(workerSource(), options);
    const forget = (): void => {
      // Ours end by stopWorkers() only, which has emptied the list before.
      if (!workers.includes(worker)) return;
      lostWorkers++;
      info = undefined;
      // Thread numbers follow the position in the list, so the others go too.
      stopWorkers();
    };
    worker.on('error', forget);
    worker.on('exit', forget);
    worker.unref();
    workers.push(worker);
  }
}

/**
 * Run all chunks of a job, on all threads when it is worth it. Workers take chunks from a shared
 * counter as they become free, so one that is still starting delays nobody.
 * @param args The job's arguments, 32-bit words.
 * @param parallel False for work too small to wake anybody.
 * @param form Generated code that the job calls; its bytes stay in memory until the job ends.
 * @throws Error when the module traps or a worker thread is lost; the output is then incomplete.
 */
export function runJob(
  name: ChunkFunctionName,
  args: readonly number[],
  chunks: number,
  parallel: boolean,
  form?: PlacedForm,
): void {
  const module = latentModule();
  const entry = module.exports[name];
  writeArguments(module, args);
  if (form !== undefined) loadForm(module, form);
  const threads = parallel && chunks > 1 ? threadInfo().threads : 1;
  if (threads === 1) {
    for (let chunk = 0; chunk < chunks; chunk++) entry(ARGS_ADDRESS, chunk, 0);
    return;
  }
  startWorkers(module, threads - 1);
  for (let base = 0; base < chunks; base += MAX_CHUNKS) {
    runShared(module, name, base, Math.min(MAX_CHUNKS, chunks - base), form);
  }
}

/** Words that are not integers are float32 values: the caller has encoded them. */
function writeArguments(module: LatentModule, args: readonly number[]): void {
  const words = new Uint32Array(module.memory.buffer, ARGS_ADDRESS, args.length);
  words.set(args);
}

function runShared(
  module: LatentModule,
  name: ChunkFunctionName,
  base: number,
  chunks: number,
  form: PlacedForm | undefined,
): void {
  const control = new Int32Array(module.memory.buffer, CONTROL_ADDRESS, CONTROL_WORDS);
  const entry = module.exports[name];
  job = (job + 1) & JOB_MASK;
  // Closed while the job is described: a worker that woke late must not pair old and new values.
  Atomics.store(control, CONTROL.ticket, (job << 12) | CLOSED);
  Atomics.store(control, CONTROL.chunks, chunks);
  Atomics.store(control, CONTROL.base, base);
  Atomics.store(control, CONTROL.functionIndex, CHUNK_FUNCTIONS.indexOf(name));
  Atomics.store(control, CONTROL.formId, form?.id ?? 0);
  Atomics.store(control, CONTROL.formSlot, form?.slot ?? 0);
  Atomics.store(control, CONTROL.formAddress, form?.address ?? 0);
  Atomics.store(control, CONTROL.formLength, form?.bytes.length ?? 0);
  Atomics.store(control, CONTROL.done, 0);
  Atomics.store(control, CONTROL.failed, 0);
  Atomics.store(control, CONTROL.ticket, job << 12);
  Atomics.store(control, CONTROL.job, job);
  Atomics.notify(control, CONTROL.job);
  let trap: unknown;
  for (;;) {
    const chunk = Atomics.add(control, CONTROL.ticket, 1) & 0xfff;
    if (chunk >= chunks) break;
    try {
      entry(ARGS_ADDRESS, base + chunk, 0);
    } catch (error) {
      trap ??= error;
    }
    Atomics.add(control, CONTROL.done, 1);
  }
  awaitChunks(control, chunks, name);
  if (trap !== undefined || Atomics.load(control, CONTROL.failed) !== 0) {
    throw new Error(`tfjs-latent: the wasm kernel ${name} trapped`, { cause: trap });
  }
}

function awaitChunks(control: Int32Array, chunks: number, name: string): void {
  for (;;) {
    const done = Atomics.load(control, CONTROL.done);
    if (done >= chunks) return;
    if (Atomics.wait(control, CONTROL.done, done, STALL_MS) !== 'timed-out') continue;
    if (Atomics.load(control, CONTROL.done) !== done) continue;
    stopWorkers();
    // The lost worker may still write: leave the old memory to it.
    abandonModule();
    lostWorkers = Infinity;
    info = undefined;
    throw new Error(
      `tfjs-latent: a worker thread of the wasm kernel ${name} has not answered for ` +
        `${STALL_MS / 1000} s; from now on one thread is used`,
    );
  }
}

const floatWord = new Float32Array(1);
const floatBits = new Uint32Array(floatWord.buffer);

/** Bits of a float32 argument as a 32-bit word. */
export function float32Bits(value: number): number {
  floatWord[0] = value;
  return floatBits[0];
}
