import type { TensorInfo } from '@tensorflow/tfjs';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';

/**
 * Compute pipelines of our own on the device of tfjs's webgpu backend, for what runWebGPUProgram can't
 * express: several outputs, buffers that a chain of dispatches updates in place, bindings of a part of
 * a tensor, indirect dispatches. All reaching into the backend for this purpose is in this file, and
 * only public members are used. With the project's own backend the work is recorded among tfjs's commands, in
 * order; with tfjs's it is a submission of its own, after them.
 */

export interface ProgramBinding {
  readonly name: string;
  /** WGSL type. */
  readonly type: string;
  readonly access: 'read' | 'write';
}

/** A shader with an entry point `main` and a uniform `params` in front of its bindings. */
export interface OwnProgram {
  /** Equal for equal code. */
  readonly key: string;
  readonly bindings: readonly ProgramBinding[];
  readonly code: string;
}

/** A part of a buffer, in bytes. */
export interface BufferPart {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly size: number;
}

/** Workgroups, or where on the device their numbers stand. */
export type Workgroups = readonly [x: number, y: number, z: number] | BufferPart;

/** A backend that records our work among tfjs's commands and captures its errors: src/backends. */
interface Recording {
  readonly recordOwnWork: (work: {
    readonly name: string;
    readonly inputs: readonly TensorInfo[];
    readonly outputs: readonly TensorInfo[];
    readonly buffers: Iterable<GPUBuffer>;
    readonly dispatches: number;
    readonly encode: (encoder: GPUCommandEncoder) => void;
  }) => void;
}

interface Compiled {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

interface Uniforms {
  readonly buffer: GPUBuffer;
  /** Bytes from one dispatch's parameters to the next's. */
  readonly slot: number;
}

interface Dispatch {
  readonly program: OwnProgram;
  readonly params: ArrayBuffer;
  readonly parts: readonly BufferPart[];
  readonly workgroups: Workgroups;
}

const compiledOf = new WeakMap<GPUDevice, Map<string, Compiled>>();
/** First error of work on a device whose backend doesn't capture errors. */
const failureOf = new WeakMap<GPUDevice, string>();

const SCRATCH_USAGE = 0x80 | 0x4 | 0x8 | 0x100; // STORAGE | COPY_SRC | COPY_DST | INDIRECT
const UNIFORM_USAGE = 0x40 | 0x8; // UNIFORM | COPY_DST
const COMPUTE_STAGE = 0x4;

const align = (value: number, to: number): number => Math.ceil(value / to) * to;

const buffersOf = ({ parts, workgroups }: Dispatch): GPUBuffer[] => [
  ...parts.map(({ buffer }) => buffer),
  ...('buffer' in workgroups ? [workgroups.buffer] : []),
];

/** Sizes of scratch buffers are rounded up to few values, so that the pool can hand them out again. */
function pooledSize(bytes: number): number {
  if (bytes <= 256) return 256;
  const step = 2 ** Math.max(0, Math.floor(Math.log2(bytes)) - 2);
  return align(bytes, Math.max(256, step));
}

/**
 * Records dispatches, and submits them in order. Scratch buffers live until {@link release}.
 *
 * Errors (a shader that does not compile, memory that runs out) are asynchronous on WebGPU: with the
 * project's own backend the read of any later result rejects; with a plain one the next call throws.
 */
export class DeviceWork {
  private readonly device: GPUDevice;
  private readonly scratchBuffers: GPUBuffer[] = [];
  private pending: Dispatch[] = [];
  /** Dispatches submitted so far: for tests and reports. */
  dispatched = 0;

  constructor(
    private readonly backend: WebGPUBackend,
    private readonly name: string,
    private readonly inputs: readonly TensorInfo[],
    private readonly outputs: readonly TensorInfo[],
  ) {
    this.device = backend.device;
    const failure = failureOf.get(this.device);
    if (failure !== undefined) {
      failureOf.delete(this.device);
      throw new Error(`webgpu: earlier work failed: ${failure}`);
    }
  }

  /** Dispatches not submitted yet. */
  get recorded(): number {
    return this.pending.length;
  }

  /** Make sure that a tensor has memory on the device. */
  tensor(info: TensorInfo): BufferPart {
    this.backend.uploadToGPU(info.dataId);
    const { resource } = this.backend.tensorMap.get(info.dataId);
    if (resource === undefined || !('size' in resource)) {
      throw new TypeError(`${this.name}: a tensor is not in a buffer of the device`);
    }
    return { buffer: resource, offset: 0, size: resource.size };
  }

  /** Memory of which the content is undefined. */
  scratch(bytes: number): BufferPart {
    const size = pooledSize(bytes);
    const buffer = this.backend.bufferManager.acquireBuffer(size, SCRATCH_USAGE);
    this.scratchBuffers.push(buffer);
    return { buffer, offset: 0, size };
  }

  /** Memory filled with values. */
  filled(values: Uint32Array<ArrayBuffer>): BufferPart {
    const part = this.scratch(values.byteLength);
    this.device.queue.writeBuffer(part.buffer, 0, values);
    return part;
  }

  dispatch(
    program: OwnProgram,
    params: ArrayBuffer,
    parts: readonly BufferPart[],
    workgroups: Workgroups,
  ): void {
    if ('buffer' in workgroups || workgroups.every((count) => count > 0)) {
      this.pending.push({ program, params, parts, workgroups });
    }
  }

  /** Hand everything to the device now: long work in portions. */
  submit(): void {
    if (this.record()) this.backend.submitQueue();
  }

  /** Put everything behind tfjs's commands; it goes to the device with them, at the next read at the latest. */
  finish(): void {
    this.record();
  }

  /** @returns Whether commands wait for a submission. */
  private record(): boolean {
    const dispatches = this.pending;
    if (dispatches.length === 0) return false;
    this.pending = [];
    this.dispatched += dispatches.length;
    const { backend, name, inputs, outputs } = this;
    const uniforms = this.uniformsOf(dispatches);
    const encode = (encoder: GPUCommandEncoder): void => {
      this.encode(encoder, dispatches, uniforms);
    };
    const recording = backend as Partial<Recording>;
    if (recording.recordOwnWork !== undefined) {
      const buffers = new Set([uniforms.buffer, ...dispatches.flatMap(buffersOf)]);
      const own = { name, inputs, outputs, buffers, dispatches: dispatches.length, encode };
      recording.recordOwnWork(own);
    } else {
      this.submitAlone(encode);
    }
    backend.bufferManager.releaseBuffer(uniforms.buffer);
    return recording.recordOwnWork !== undefined;
  }

  /** Give scratch memory back; what was submitted still runs to its end first. */
  release(): void {
    for (const buffer of this.scratchBuffers) this.backend.bufferManager.releaseBuffer(buffer);
    this.scratchBuffers.length = 0;
  }

  /** With a backend of tfjs as it is: a submission of our own, after what our inputs are made by. */
  private submitAlone(encode: (encoder: GPUCommandEncoder) => void): void {
    const { device, backend } = this;
    backend.ensureCommandEncoderReady();
    backend.endComputePassEncoder();
    backend.submitQueue();
    device.pushErrorScope('out-of-memory');
    device.pushErrorScope('validation');
    try {
      const encoder = device.createCommandEncoder({ label: this.name });
      encode(encoder);
      device.queue.submit([encoder.finish()]);
    } finally {
      for (let scope = 0; scope < 2; scope++) {
        void device.popErrorScope().then((error) => {
          if (error !== null) failureOf.set(device, `${this.name}: ${error.message.trim()}`);
        });
      }
    }
  }

  /** Parameters of all dispatches in one buffer. */
  private uniformsOf(dispatches: readonly Dispatch[]): Uniforms {
    const { device, backend } = this;
    const slot = align(
      Math.max(...dispatches.map(({ params }) => params.byteLength)),
      device.limits.minUniformBufferOffsetAlignment,
    );
    const values = new Uint8Array(slot * dispatches.length);
    dispatches.forEach(({ params }, i) => values.set(new Uint8Array(params), i * slot));
    const buffer = backend.bufferManager.acquireBuffer(
      pooledSize(values.byteLength),
      UNIFORM_USAGE,
    );
    device.queue.writeBuffer(buffer, 0, values);
    return { buffer, slot };
  }

  private encode(
    encoder: GPUCommandEncoder,
    dispatches: readonly Dispatch[],
    { buffer, slot }: Uniforms,
  ): void {
    const { device } = this;
    const pass = encoder.beginComputePass({ label: this.name });
    dispatches.forEach(({ program, params, parts, workgroups }, i) => {
      const { pipeline, layout } = this.compiled(program);
      pass.setPipeline(pipeline);
      const resources = [
        { buffer, offset: i * slot, size: params.byteLength },
        ...parts.map((part) => ({ ...part })),
      ];
      const entries = resources.map((resource, binding) => ({ binding, resource }));
      pass.setBindGroup(0, device.createBindGroup({ layout, entries }));
      if ('buffer' in workgroups) {
        pass.dispatchWorkgroupsIndirect(workgroups.buffer, workgroups.offset);
      } else {
        pass.dispatchWorkgroups(...workgroups);
      }
    });
    pass.end();
  }

  private compiled(program: OwnProgram): Compiled {
    const { device } = this;
    let known = compiledOf.get(device);
    if (known === undefined) compiledOf.set(device, (known = new Map<string, Compiled>()));
    const found = known.get(program.key);
    if (found !== undefined) return found;
    const layout = device.createBindGroupLayout({
      entries: [
        { binding: 0, visibility: COMPUTE_STAGE, buffer: { type: 'uniform' } },
        ...program.bindings.map(({ access }, i) => ({
          binding: i + 1,
          visibility: COMPUTE_STAGE,
          buffer: {
            type: access === 'read' ? ('read-only-storage' as const) : ('storage' as const),
          },
        })),
      ],
    });
    const pipeline = device.createComputePipeline({
      label: program.key,
      layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: {
        module: device.createShaderModule({ label: program.key, code: program.code }),
        entryPoint: 'main',
      },
    });
    const made = { pipeline, layout };
    known.set(program.key, made);
    return made;
  }
}

/**
 * The part of a tensor that holds `count` elements of four bytes from `first` on, begun where the device
 * allows a binding to begin.
 * @returns the part, and the element of it at which `first` stands.
 */
export function elementsOf(
  device: GPUDevice,
  whole: BufferPart,
  first: number,
  count: number,
): { part: BufferPart; base: number } {
  const step = device.limits.minStorageBufferOffsetAlignment / 4;
  const start = Math.floor(first / step) * step;
  const elements = Math.max(1, first - start + count);
  // Shaders read rows of four elements at a time; buffers of tensors may end at any multiple of 4 bytes.
  const size = Math.min(align(elements * 4, 16), whole.size - start * 4);
  return {
    part: { buffer: whole.buffer, offset: whole.offset + start * 4, size },
    base: first - start,
  };
}
