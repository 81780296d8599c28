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

  /** Programs may have `enable` directives anywhere in their code: see {@link hoistEnables}. */
  readonly hoistsEnables = true;

  constructor(device: GPUDevice, adapterInfo: GPUAdapterInfo) {
    super(device, adapterInfo);
    const create = device.createShaderModule.bind(device);
    device.createShaderModule = (descriptor) =>
      create({ ...descriptor, code: hoistEnables(descriptor.code) });
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
   * Run device calls that record and submit work without {@link runWebGPUProgram}; their errors become
   * those of the outputs.
   * @param inputs Tensors that the work reads. @param outputs Tensors that it writes.
   */
  recordOwnWork(
    name: string,
    inputs: readonly TensorInfo[],
    outputs: readonly TensorInfo[],
    body: () => void,
  ): void {
    this.guard.scoped(name, body);
    const inherited = inputs.map(({ dataId }) => this.#failed.get(dataId)).find(Boolean);
    for (const { dataId } of outputs) {
      if (inherited === undefined) this.#submitted.add(dataId);
      else this.#failed.set(dataId, inherited);
    }
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
    // The base class calls this from its own methods too, so every submission passes here.
    this.guard.scoped('GPU submission', () => super.submitQueue());
    for (const dataId of this.#recorded) this.#submitted.add(dataId);
    this.#recorded.clear();
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
