/**
 * The webgpu backend of tfjs with errors that throw. All reaching into tfjs's backend for this
 * purpose is in this file, and only public members are used.
 */
import type { BackendValues, DataType, TensorInfo } from '@tensorflow/tfjs';
import { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import type { WebGPUProgram } from '@tensorflow/tfjs-backend-webgpu';
import { UnsupportedError } from '../errors.js';
import { formatShape, sizeOf } from '../util/shape.js';
import { DeviceError, DeviceGuard } from './guardedDevice.js';

type DataId = TensorInfo['dataId'];
type ProgramUniforms = Parameters<WebGPUBackend['runWebGPUProgram']>[3];

/** Every element type that a program can bind takes four bytes on the GPU, bool included. */
const BYTES_PER_ELEMENT = 4;
/** STORAGE | COPY_SRC | COPY_DST: those of every tensor's buffer in tfjs's pool. */
const TENSOR_USAGE = 0x80 | 0x4 | 0x8;
/** Dispatches of our own after which what is recorded is submitted. */
const OWN_DISPATCHES = 64;

/** Work that is recorded without {@link GuardedWebGPUBackend.runWebGPUProgram}. */
export interface OwnWork {
  readonly name: string;
  /** Tensors that it reads, and those that it writes. */
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  /** Every buffer of tfjs's pool that it uses: none is handed out again before the work is submitted. */
  readonly buffers: Iterable<GPUBuffer>;
  readonly dispatches: number;
  /** Record it. */
  readonly encode: (encoder: GPUCommandEncoder) => void;
}

/**
 * Kernels are synchronous and WebGPU's errors are not, so a failure is thrown at the latest when a
 * value is read: the read during which it is found rejects, and so does every later read of a tensor
 * that was computed on the GPU since the last check that passed, or from such a tensor.
 */
export class GuardedWebGPUBackend extends WebGPUBackend {
  readonly guard: DeviceGuard;
  /** Outputs recorded since the last submission. */
  #recorded = new Set<DataId>();
  /** Outputs submitted since the last check began. */
  #submitted = new Set<DataId>();
  /** #submitted, and the sets of checks that are under way. */
  readonly #unchecked = new Set([this.#submitted]);
  readonly #failed = new WeakMap<DataId, DeviceError>();
  #lastCheck: Promise<unknown> = Promise.resolve();

  /** The encoder that tfjs records into. */
  #encoder: GPUCommandEncoder | undefined;
  #opensEncoder = false;
  /** Buffers of own work that is recorded and not submitted, and those of them that were released since. */
  readonly #busy = new Set<GPUBuffer>();
  #released: { readonly buffer: GPUBuffer; readonly reuse: boolean | undefined }[] = [];
  #ownDispatches = 0;

  /** Programs may have `enable` directives anywhere in their code: see {@link hoistEnables}. */
  readonly hoistsEnables = true;

  constructor(device: GPUDevice, adapterInfo: GPUAdapterInfo) {
    super(device, adapterInfo);
    const create = device.createShaderModule.bind(device);
    device.createShaderModule = (descriptor) =>
      create({ ...descriptor, code: hoistEnables(descriptor.code) });
    const open = device.createCommandEncoder.bind(device);
    device.createCommandEncoder = (descriptor) => {
      const encoder = open(descriptor);
      if (this.#opensEncoder) this.#encoder = encoder;
      return encoder;
    };
    const release = this.bufferManager.releaseBuffer.bind(this.bufferManager);
    this.bufferManager.releaseBuffer = (buffer, reuse) => {
      if (this.#busy.has(buffer)) this.#released.push({ buffer, reuse });
      else release(buffer, reuse);
    };
    this.guard = new DeviceGuard(device);
  }

  override runWebGPUProgram(
    program: WebGPUProgram,
    inputs: TensorInfo[],
    outputDtype: DataType,
    uniforms?: ProgramUniforms,
    output?: TensorInfo,
  ): TensorInfo {
    const name = programName(program);
    this.#checkBinding(name, 'output', output?.shape ?? program.outputShape);
    for (const { shape } of inputs) this.#checkBinding(name, 'input', shape);
    const result = this.guard.scoped(name, () =>
      super.runWebGPUProgram(program, inputs, outputDtype, uniforms, output),
    );
    const inherited = inputs.map(({ dataId }) => this.#failed.get(dataId)).find(Boolean);
    if (inherited === undefined) this.#recorded.add(result.dataId);
    else this.#failed.set(result.dataId, inherited);
    return result;
  }

  /**
   * Record work among tfjs's commands, in order; its errors become those of its outputs. A submission costs
   * a driver up to milliseconds, so work waits for the next one.
   */
  recordOwnWork({ name, inputs, outputs, buffers, dispatches, encode }: OwnWork): void {
    this.ensureCommandEncoderReady();
    this.endComputePassEncoder();
    const encoder = this.#encoder;
    if (encoder === undefined) throw new Error('webgpu: tfjs opened no command encoder');
    for (const buffer of buffers) this.#busy.add(buffer);
    this.guard.scoped(name, () => {
      encode(encoder);
    });
    const inherited = inputs.map(({ dataId }) => this.#failed.get(dataId)).find(Boolean);
    for (const { dataId } of outputs) {
      if (inherited === undefined) this.#recorded.add(dataId);
      else this.#failed.set(dataId, inherited);
    }
    this.#ownDispatches += dispatches;
    if (this.#ownDispatches >= OWN_DISPATCHES) this.submitQueue();
  }

  override ensureCommandEncoderReady(): void {
    this.#opensEncoder = true;
    try {
      super.ensureCommandEncoderReady();
    } finally {
      this.#opensEncoder = false;
    }
  }

  /** tfjs makes and maps a buffer for every upload, which costs a driver more than the copy. */
  override uploadToGPU(dataId: DataId): void {
    const data = this.tensorMap.get(dataId);
    const words = data.resource === undefined ? wordsOf(data.dtype, data.values) : undefined;
    if (words === undefined || words.length === 0) {
      super.uploadToGPU(dataId);
      return;
    }
    // Nothing recorded uses a buffer of the pool, so the write may overtake what is not submitted.
    const buffer = this.bufferManager.acquireBuffer(words.byteLength, TENSOR_USAGE);
    this.queue.writeBuffer(buffer, 0, words.buffer, words.byteOffset, words.byteLength);
    data.resource = buffer;
    // What tfjs says of values that are on the GPU only.
    (data as { values: BackendValues | null }).values = null;
  }

  /** A binding over the device's limit would make WebGPU drop the work and leave zeros. */
  #checkBinding(name: string, role: string, shape: readonly number[]): void {
    const limit = this.device.limits.maxStorageBufferBindingSize;
    const bytes = sizeOf(shape) * BYTES_PER_ELEMENT;
    if (bytes <= limit) return;
    throw new UnsupportedError({
      op: name,
      arg: `its ${role} of shape ${formatShape(shape)}`,
      expected: `fit the ${limit} bytes that one storage binding of this GPU device may have`,
      got: `${bytes} bytes`,
      fix: 'Process fewer rows at a time.',
    });
  }

  override submitQueue(): void {
    // Submitted already, as much had been recorded.
    if (this.#encoder === undefined) return;
    this.#encoder = undefined;
    // The base class calls this from its own methods too, so every submission passes here.
    this.guard.scoped('GPU submission', () => super.submitQueue());
    for (const dataId of this.#recorded) this.#submitted.add(dataId);
    this.#recorded.clear();
    this.#ownDispatches = 0;
    this.#busy.clear();
    const released = this.#released;
    this.#released = [];
    for (const { buffer, reuse } of released) this.bufferManager.releaseBuffer(buffer, reuse);
  }

  override disposeData(dataId: DataId, force?: boolean): boolean {
    const disposed = super.disposeData(dataId, force);
    if (disposed) {
      this.#recorded.delete(dataId);
      for (const set of this.#unchecked) set.delete(dataId);
    }
    return disposed;
  }

  override dispose(): void {
    super.dispose();
    this.device.destroy();
  }

  override async read(dataId: DataId): Promise<BackendValues> {
    const values = await super.read(dataId).catch((error: unknown) => ({ error }));
    const failure = (await this.#check()) ?? this.#failed.get(dataId);
    if (failure !== undefined) throw failure;
    if ('error' in values) throw values.error;
    return values;
  }

  override readSync(dataId: DataId): BackendValues {
    const values = this.tensorMap.get(dataId).values as BackendValues | null | undefined;
    const onHost = values !== null && values !== undefined;
    // Reading synchronously goes through a canvas, which Node does not have.
    if (!onHost && typeof OffscreenCanvas === 'undefined') {
      throw new UnsupportedError({
        op: 'webgpu',
        arg: 'a tensor on the GPU',
        expected: 'be read asynchronously in Node',
        got: 'a synchronous read (dataSync, arraySync or an op that needs one)',
        fix: 'Use await tensor.data().',
      });
    }
    return super.readSync(dataId);
  }

  /** Wait for the verdict on all submitted work. Checks run one after the other, in order of reads. */
  #check(): Promise<DeviceError | undefined> {
    const outputs = this.#submitted;
    if (outputs.size > 0) {
      this.#submitted = new Set();
      this.#unchecked.add(this.#submitted);
    }
    const check = this.#lastCheck.then(async () => {
      const failure = await this.guard.settle();
      if (failure !== undefined) return this.#fail(new DeviceError(`webgpu: ${failure}`));
      if (outputs !== this.#submitted) this.#unchecked.delete(outputs);
      return undefined;
    });
    this.#lastCheck = check;
    return check;
  }

  /** What ran while the failure was on its way may have used its results, so it fails too. */
  #fail(error: DeviceError): DeviceError {
    for (const set of [...this.#unchecked, this.#recorded]) {
      for (const dataId of set) this.#failed.set(dataId, error);
      set.clear();
      if (set !== this.#submitted) this.#unchecked.delete(set);
    }
    return error;
  }
}

/** Values as a buffer holds them; undefined for those that are to be converted or are shared by threads. */
function wordsOf(
  dtype: DataType,
  values: BackendValues | null | undefined,
): Float32Array | Int32Array | undefined {
  if (dtype === 'bool' && values instanceof Uint8Array) return Int32Array.from(values);
  const isPlain =
    (dtype === 'float32' && values instanceof Float32Array) ||
    (dtype === 'int32' && values instanceof Int32Array);
  return isPlain && values.buffer instanceof ArrayBuffer ? values : undefined;
}

/** A name for messages: that of the program's class, or the start of its key for plain objects. */
function programName({ constructor, shaderKey }: WebGPUProgram): string {
  return constructor.name === 'Object' || constructor.name === ''
    ? shaderKey.split('_', 1)[0]
    : constructor.name;
}

/**
 * WGSL takes `enable` directives in front of everything else only, and tfjs puts the code of a program
 * behind its own: move them there. Elsewhere they would be errors, so no valid code changes.
 */
function hoistEnables(code: string): string {
  const directive = /^[ \t]*enable [\w, ]+;[ \t]*$/gm;
  const enables = code.match(directive);
  return enables === null ? code : `${enables.join('\n')}\n${code.replace(directive, '')}`;
}
