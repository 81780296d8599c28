import * as tf from '@tensorflow/tfjs';
import type { Tensor, TensorInfo } from '@tensorflow/tfjs';

/** Shape and element type of one output of an op. */
export interface OutputSpec {
  readonly shape: number[];
  readonly dtype: 'float32' | 'int32';
}

/** The contract that an op and all its kernels share. */
export interface OpSpec<
  Input extends string,
  Attrs extends object,
  Optional extends string = never,
> {
  /** Public op name, the stem of all its files. */
  readonly op: string;
  /** Name in the tfjs kernel registry; prefixed, since tfjs only warns on duplicates. */
  readonly kernelName: `Latent${string}`;
  readonly inputs: readonly Input[];
  /** Inputs that may be absent. */
  readonly optional?: readonly Optional[];
  /** Shapes and types of the outputs, from the (already validated) input shapes. */
  readonly infer: (
    shapes: Readonly<Record<Input, readonly number[]>>,
    attrs: Attrs,
  ) => readonly OutputSpec[];
}

/** Tensors given to an op's kernel; an absent optional input is undefined. */
export type OpInputs<Input extends string, Optional extends string> = Readonly<
  Record<Input, Tensor>
> &
  Readonly<Partial<Record<Optional, Tensor | undefined>>>;

/** One call of a kernel, with the registry's loose types made exact. */
export interface KernelCall<
  Input extends string,
  Attrs extends object,
  Backend,
  Optional extends string = never,
> {
  readonly inputs: Readonly<Record<Input, TensorInfo>> &
    Readonly<Partial<Record<Optional, TensorInfo>>>;
  readonly attrs: Attrs;
  readonly backend: Backend;
  /** What the spec says must come out. */
  readonly outputs: readonly OutputSpec[];
}

type Limit = (attrs: object, given: ReadonlySet<string>) => boolean;
const limits = new Map<string, Limit>();
const limitKey = (kernelName: string, backendName: string): string =>
  `${kernelName} ${backendName}`;

/**
 * Describe our kernel for one tfjs backend. This function and {@link runKernel} are the only places
 * where the registry's untyped records are cast.
 * @param supports Calls that the kernel takes, when not all: others run in the composed form.
 */
export function defineKernel<
  Input extends string,
  Attrs extends object,
  Backend,
  Optional extends string = never,
>(
  spec: OpSpec<Input, Attrs, Optional>,
  backendName: string,
  compute: (call: KernelCall<Input, Attrs, Backend, Optional>) => TensorInfo[],
  supports?: (attrs: Attrs, given: ReadonlySet<string>) => boolean,
): tf.KernelConfig {
  if (supports !== undefined) {
    limits.set(limitKey(spec.kernelName, backendName), (attrs, given) =>
      supports(attrs as Attrs, given),
    );
  }
  return {
    kernelName: spec.kernelName,
    backendName,
    kernelFunc: (raw) => {
      const inputs = raw.inputs as KernelCall<Input, Attrs, Backend, Optional>['inputs'];
      const attrs = raw.attrs as unknown as Attrs;
      const shapes = Object.fromEntries(
        spec.inputs.map((name) => [name, inputs[name].shape]),
      ) as Record<Input, number[]>;
      const outputs = spec.infer(shapes, attrs);
      return compute({ inputs, attrs, backend: raw.backend as Backend, outputs });
    },
  };
}

function registered(kernelName: string, backendName: string): boolean {
  // tfjs types the result as always present; it is undefined for an unknown name.
  const found = tf.getKernel(kernelName, backendName) as tf.KernelConfig | undefined;
  return found !== undefined;
}

/** Register kernels that are not there yet: a module evaluated twice must not make tfjs warn. */
export function registerOnce(kernels: readonly tf.KernelConfig[]): void {
  for (const kernel of kernels) {
    if (!registered(kernel.kernelName, kernel.backendName)) tf.registerKernel(kernel);
  }
}

/**
 * Whether our kernel of this op is registered for the active backend and takes this call.
 * @param given Names of the optional inputs that are present.
 */
export function hasKernel<
  Input extends string,
  Attrs extends object,
  Optional extends string = never,
>(spec: OpSpec<Input, Attrs, Optional>, attrs: Attrs, given: ReadonlySet<string>): boolean {
  const backend = tf.getBackend();
  if (!registered(spec.kernelName, backend)) return false;
  return limits.get(limitKey(spec.kernelName, backend))?.(attrs, given) ?? true;
}

/** Run our kernel of this op on the active backend. */
export function runKernel<
  Input extends string,
  Attrs extends object,
  Optional extends string = never,
>(spec: OpSpec<Input, Attrs, Optional>, inputs: OpInputs<Input, Optional>, attrs: Attrs): Tensor[] {
  const given: tf.NamedTensorMap = {};
  for (const [name, tensor] of Object.entries<Tensor | undefined>(inputs)) {
    if (tensor !== undefined) given[name] = tensor;
  }
  const result: unknown = tf
    .engine()
    .runKernel(spec.kernelName, given, { ...attrs } as unknown as tf.NamedAttrMap);
  return Array.isArray(result) ? (result as Tensor[]) : [result as Tensor];
}
