import type { TensorInfo } from '@tensorflow/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { rowMapSpec } from '../../specs/rowMap.js';
import type { RowMapAttrs, RowMapInput } from '../../specs/rowMap.js';
import type { RowProgram } from '../../specs/rowProgram/graph.js';
import { defineKernel } from '../../specs/spec.js';
import type { KernelCall } from '../../specs/spec.js';
import { fillOutputs, float32View, heapOf, int32View, SLAB_BYTES } from './heap.js';
import { compiledRows, MATH } from './jit/forms.js';
import { rowModule } from './jit/rowModule.js';
import { latentModule, withScratch } from './module.js';
import { runJob } from './threads.js';

/** Features from which the work is given to all threads: about 0.1 ms on one. */
const PARALLEL_FEATURES = 20_000;
/** Features of a chunk: some tenths of a millisecond. */
const CHUNK_FEATURES = 50_000;

/** A row's scalars cost about as much as this many features. */
const SCALAR_FEATURES = 16;

/** An input or output: where tfjs keeps it, and the values of a row; one row may stand for all. */
interface Part {
  readonly info: TensorInfo;
  readonly width: number;
  readonly single: boolean;
}

/** The row inputs, the scalar inputs and the results of a call. */
interface Parts {
  readonly given: readonly Part[];
  readonly results: readonly Part[];
}

type Run = (args: number, first: number, count: number) => void;

/** Code that runs on a memory; programs are few, each map is one. */
const codeOn = new WeakMap<WebAssembly.Memory, Map<string, Run>>();

function runOn(memory: WebAssembly.Memory, program: RowProgram): Run {
  const known = codeOn.get(memory) ?? new Map<string, Run>();
  codeOn.set(memory, known);
  const before = known.get(program.key);
  if (before !== undefined) return before;
  const shared = !(memory.buffer instanceof ArrayBuffer);
  const module = new WebAssembly.Module(rowModule(program, shared));
  const { exports } = new WebAssembly.Instance(module, { env: { memory }, ...MATH });
  const run = exports.run as Run;
  known.set(program.key, run);
  return run;
}

/** What the code reads: the features, then for each part its address and the bytes from row to row. */
function argumentWords(d: number, parts: readonly Part[], addresses: readonly number[]): number[] {
  const places = parts.flatMap(({ width, single }, i) => [addresses[i], single ? 0 : 4 * width]);
  return [d, ...places];
}

/**
 * On one thread, where the tensors are: maps of rows are bound by memory, and copies cost more than a
 * second thread gains.
 */
function runInPlace(
  backend: BackendWasm,
  memory: WebAssembly.Memory,
  { program, n, d }: RowMapAttrs,
  { given, results }: Parts,
): void {
  const run = runOn(memory, program);
  const parts = [...given, ...results];
  const args = backend.makeOutput([1 + 2 * parts.length], 'int32');
  // Addresses come after the last allocation.
  const addresses = parts.map(({ info }) => float32View(backend, info).byteOffset);
  const words = int32View(backend, args);
  words.set(argumentWords(d, parts, addresses));
  run(words.byteOffset, 0, n);
  backend.disposeData(args.dataId);
}

/** On all threads, through our own memory, in slabs of rows. */
function runShared(
  backend: BackendWasm,
  { program, n, d }: RowMapAttrs,
  { given, results }: Parts,
): void {
  const parts = [...given, ...results];
  const rowBytes = parts.reduce((sum, { width }) => sum + 4 * width, 0);
  const most = Math.max(1, Math.min(n, Math.floor(SLAB_BYTES / rowBytes)));
  withScratch(rowMapSpec.op, (scratch) => {
    const code = compiledRows(program, latentModule().shared);
    const placed = { ...code, address: scratch.allocate(code.bytes.length) };
    const addresses = parts.map(({ width, single }) =>
      scratch.allocate(Math.max(4, 4 * width * (single ? 1 : most))),
    );
    const words = argumentWords(d, parts, addresses);
    const args = scratch.allocate(4 * words.length);
    // Views come after the last allocation.
    scratch.int32(args, words.length).set(words);
    scratch.bytes(placed.address, code.bytes.length).set(code.bytes);
    const chunk = Math.max(1, Math.ceil(CHUNK_FEATURES / (d + SCALAR_FEATURES)));
    for (let first = 0; first < n; first += most) {
      const count = Math.min(most, n - first);
      given.forEach(({ info, width, single }, i) => {
        const from = single ? 0 : first * width;
        const length = (single ? 1 : count) * width;
        const values = float32View(backend, info).subarray(from, from + length);
        scratch.float32(addresses[i], length).set(values);
      });
      const isLarge = count * (d + SCALAR_FEATURES) > PARALLEL_FEATURES;
      const jobArgs = [placed.slot, args, chunk, count];
      runJob('rowBlock', jobArgs, Math.ceil(count / chunk), isLarge, placed);
      results.forEach(({ info, width }, o) => {
        const length = count * width;
        const values = scratch.float32(addresses[given.length + o], length);
        float32View(backend, info).set(values, first * width);
      });
    }
  });
}

/**
 * The kernel on a given memory.
 * @param memory That of tfjs; undefined: work in ours, with all threads.
 */
export function rowMapOn(
  { inputs, attrs, backend, outputs }: KernelCall<never, RowMapAttrs, BackendWasm, RowMapInput>,
  memory: WebAssembly.Memory | undefined,
): TensorInfo[] {
  const { program, n, d } = attrs;
  const partOf = (info: TensorInfo | undefined, width: number): Part => {
    if (info === undefined) throw new Error('an input of the program is missing');
    return { info, width, single: info.shape[0] === 1 && n > 1 };
  };
  const given = [
    ...program.rows.map((_, i) => partOf(inputs[`row${i}`], d)),
    ...program.scalars.map((_, i) => partOf(inputs[`scalar${i}`], 1)),
  ];
  const made = outputs.map(({ shape }) => backend.makeOutput(shape, 'float32'));
  const results = made.map((info, o) => partOf(info, program.outputs[o].level === 'row' ? d : 1));
  return fillOutputs(backend, made, () => {
    if (memory === undefined) runShared(backend, attrs, { given, results });
    else runInPlace(backend, memory, attrs, { given, results });
  });
}

export const rowMapWasm = defineKernel(
  rowMapSpec,
  'wasm',
  (call: KernelCall<never, RowMapAttrs, BackendWasm, RowMapInput>) =>
    rowMapOn(call, heapOf(call.backend)),
);
