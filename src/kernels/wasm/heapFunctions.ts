import type { TensorInfo } from '@tensorflow/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { float32View, heapOf } from './heap.js';
import { HEAP_MODULE } from './latentModule.generated.js';
import { decodeBase64 } from './module.js';

/** Functions of assembly/heap: addresses, sizes in values. */
export interface HeapFunctions {
  readonly leakyRelu: (x: number, out: number, size: number, alpha: number) => void;
  readonly leakyReluGradient: (
    x: number,
    dy: number,
    out: number,
    size: number,
    alpha: number,
  ) => void;
  readonly addToRows: (x: number, vector: number, out: number, rows: number, width: number) => void;
  readonly sumRows: (x: number, out: number, outer: number, rows: number, width: number) => void;
}

const onMemory = new WeakMap<WebAssembly.Memory, HeapFunctions>();
let compiled: WebAssembly.Module | undefined;

/** Our functions on tfjs's memory; undefined where its build hides or shares it. */
export function heapFunctions(backend: BackendWasm): HeapFunctions | undefined {
  const memory = heapOf(backend);
  if (!(memory?.buffer instanceof ArrayBuffer)) return undefined;
  const known = onMemory.get(memory);
  if (known !== undefined) return known;
  compiled ??= new WebAssembly.Module(decodeBase64(HEAP_MODULE));
  const { exports } = new WebAssembly.Instance(compiled, { env: { memory } });
  // The build script compiles exactly these functions.
  const functions = exports as unknown as HeapFunctions;
  onMemory.set(memory, functions);
  return functions;
}

/** Where the values of a float32 tensor are; until the next allocation in tfjs's memory. */
export function addressOf(backend: BackendWasm, info: TensorInfo): number {
  return float32View(backend, info).byteOffset;
}
