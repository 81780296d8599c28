import { UnsupportedError } from '../../errors.js';
import { Blocks } from './blocks.js';
import type { Block } from './blocks.js';
import { PLAIN_MODULE, RELAXED_MODULE, SHARED_MODULE } from './latentModule.generated.js';
import { TABLE_SIZE } from './worker.js';

/** Functions of the module: each runs one chunk of a job whose arguments stand in memory. */
export const CHUNK_FUNCTIONS = [
  'convolutionBlock',
  'convolutionFilterBlock',
  'convolutionPack',
  'depthwiseFilterSegment',
  'depthwiseInputRow',
  'distancePack',
  'knnBlock',
  'matMulBlock',
  'matMulPack',
  'pairwiseBlock',
  'productBlock',
  'productPack',
  'productQueries',
  'rowBlock',
  'sumSegments',
] as const;
export type ChunkFunctionName = (typeof CHUNK_FUNCTIONS)[number];
export type ChunkFunction = (args: number, chunk: number, thread: number) => void;
export type LatentExports = Readonly<Record<ChunkFunctionName, ChunkFunction>>;

/** Control words of the thread pool, byte address. */
export const CONTROL_ADDRESS = 1024;
/** Arguments of the running job, byte address. */
export const ARGS_ADDRESS = 2048;
/** From here on stand blocks that outlive a call, and above them the scratch of the running call. */
const FREE_ADDRESS = 65536;

const PAGE = 65536;
/** 4 GiB minus a page, so that the end of the memory is still a 32-bit address. */
const MAXIMUM_PAGES = 65535;
/** Growth is rounded up to this, since every growth costs a call into the engine. */
const GROWTH_PAGES = 64;

export interface LatentModule {
  readonly compiled: WebAssembly.Module;
  readonly exports: LatentExports;
  readonly memory: WebAssembly.Memory;
  /** Functions generated at run time, called by the module by their position. */
  readonly table: WebAssembly.Table;
  /** Whether other threads can see the memory. */
  readonly shared: boolean;
  /** Whether products of a neighbour search are fused multiplications and additions. */
  readonly relaxed: boolean;
  /** Memory that outlives kernel calls; it is gone with the instance. */
  readonly blocks: Blocks;
}

/** (func (result v128) zeros zeros zeros f32x4.relaxed_madd): valid where the engine has relaxed SIMD. */
const RELAXED_PROBE = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...[0x01, 0x05, 0x01, 0x60, 0x00, 0x01, 0x7b, 0x03, 0x02, 0x01, 0x00],
  ...[0x0a, 0x13, 0x01, 0x11, 0x00, 0x41, 0x00, 0xfd, 0x0f, 0x41, 0x00, 0xfd, 0x0f],
  ...[0x41, 0x00, 0xfd, 0x0f, 0xfd, 0x85, 0x02, 0x0b],
);

/** Whether this engine runs relaxed SIMD instructions. */
export function hasRelaxedSimd(): boolean {
  return WebAssembly.validate(RELAXED_PROBE);
}

/** Bytes of a build of latentModule.generated.ts. */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/**
 * Compile and instantiate our module. Only the plain build can run where an engine has no shared
 * memory (or not enough address space to reserve one); the relaxed build needs shared memory too.
 */
export function instantiate(shared: boolean, relaxed = shared && hasRelaxedSimd()): LatentModule {
  const memory = new WebAssembly.Memory({ initial: 16, maximum: MAXIMUM_PAGES, shared });
  const text = relaxed ? RELAXED_MODULE : shared ? SHARED_MODULE : PLAIN_MODULE;
  const compiled = new WebAssembly.Module(decodeBase64(text));
  const table = new WebAssembly.Table({ initial: TABLE_SIZE, element: 'anyfunc' });
  const { exports } = new WebAssembly.Instance(compiled, { env: { memory, table } });
  // The build script compiles exactly these functions.
  return {
    compiled,
    exports: exports as unknown as LatentExports,
    memory,
    table,
    shared,
    relaxed,
    blocks: new Blocks(FREE_ADDRESS),
  };
}

let current: LatentModule | undefined;

/** The one instance of this process; made on first use. */
export function latentModule(): LatentModule {
  if (current === undefined) {
    try {
      current = instantiate(true);
    } catch {
      // The single-threaded build computes the same bits; threadInfo() says that there is one thread.
      current = instantiate(false);
    }
  }
  return current;
}

/** Start with a fresh instance and memory at the next use. */
export function abandonModule(): void {
  current = undefined;
}

/** Make the memory at least `end` bytes long. Throws what the engine throws when it cannot be. */
function growTo(memory: WebAssembly.Memory, end: number): void {
  const missing = Math.ceil(end / PAGE) - memory.buffer.byteLength / PAGE;
  if (missing <= 0) return;
  const room = MAXIMUM_PAGES - memory.buffer.byteLength / PAGE;
  memory.grow(Math.min(Math.max(missing, GROWTH_PAGES), Math.max(room, missing)));
}

/**
 * Reserve memory that outlives the call, between calls: a scratch that exists already would overlap.
 * Undefined when the memory cannot hold it.
 */
export function reserveBlock({ blocks, memory }: LatentModule, bytes: number): Block | undefined {
  const block = blocks.reserve(bytes);
  try {
    growTo(memory, block.address + bytes);
    return block;
  } catch {
    // The caller does without; what has to fit is allocated in a scratch, which says so.
    blocks.free(block);
    return undefined;
  }
}

/**
 * Bump allocator over the module's memory above all blocks. It is reset at the start of every kernel
 * call: nothing in it outlives a call, so nothing can leak. The memory itself keeps its largest size, as
 * WebAssembly memories can't shrink.
 */
export class Scratch {
  private top: number;

  constructor(
    private readonly op: string,
    private readonly memory: WebAssembly.Memory,
  ) {
    this.top = latentModule().blocks.end;
  }

  /**
   * Address of `bytes` fresh bytes, aligned to a cache line; their content is arbitrary. Views made
   * earlier stay valid only on a shared memory: make views after the last allocation.
   * @throws UnsupportedError when the 4 GiB of a 32-bit module are used up.
   */
  allocate(bytes: number): number {
    const address = this.top;
    const end = Math.ceil((address + bytes) / 64) * 64;
    this.ensure(end, bytes);
    this.top = end;
    return address;
  }

  private ensure(end: number, bytes: number): void {
    try {
      growTo(this.memory, end);
    } catch (error) {
      throw new UnsupportedError(
        {
          op: this.op,
          arg: 'the working memory of the wasm kernel',
          expected: 'stay below 4 GiB and what the machine can give',
          got: `a request for ${bytes} bytes on top of ${this.top}`,
          fix: 'Split the inputs into smaller parts.',
        },
        { cause: error },
      );
    }
  }

  /** Drop everything allocated since `mark`. */
  release(mark: number): void {
    this.top = mark;
  }

  /** Position to release to. */
  mark(): number {
    return this.top;
  }

  bytes(address: number, length: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, address, length);
  }

  float32(address: number, length: number): Float32Array {
    return new Float32Array(this.memory.buffer, address, length);
  }

  int32(address: number, length: number): Int32Array {
    return new Int32Array(this.memory.buffer, address, length);
  }
}

/** Run one kernel call with a fresh scratch. Calls do not nest: kernels are synchronous. */
export function withScratch<T>(op: string, body: (scratch: Scratch) => T): T {
  return body(new Scratch(op, latentModule().memory));
}
