import type { KernelBackend, TensorInfo } from '@tensorflow/tfjs';
import { UnsupportedError } from '../../errors.js';
import { SLAB_ELEMENTS } from '../../numerics.js';

/**
 * TensorFlow's own ops, run through the binding of tfjs-node. Kernels here use them directly and not
 * through tfjs, which has no float64.
 */

/** TensorFlow's enum DataType. */
export const DTYPE = { float32: 1, float64: 2, int32: 3, bool: 10 } as const;
export type Dtype = keyof typeof DTYPE;

/** A tensor that the binding holds. */
export interface Handle {
  readonly id: number;
  readonly shape: readonly number[];
  readonly dtype: number;
}

interface Attribute {
  readonly name: string;
  readonly type: number;
  readonly value: boolean | number | object;
}

/** tfjs-node's backend, as far as our kernels use it. */
export interface TensorflowBackend extends KernelBackend {
  readonly binding: {
    readonly TF_ATTR_TYPE: number;
    readonly TF_ATTR_BOOL: number;
    readonly TF_ATTR_INT: number;
    createTensor(shape: number[], dtype: number, values: Float32Array | Int32Array): number;
    deleteTensor(id: number): void;
    tensorDataSync(id: number): Float32Array | Int32Array | Uint8Array;
    executeOp(
      name: string,
      attributes: Attribute[],
      inputs: number[],
      outputs: number,
    ): { id: number; shape: number[]; dtype: number }[];
  };
  readonly isUsingGpuDevice?: boolean;
  getInputTensorIds(tensors: TensorInfo[]): number[];
  createOutputTensor(handle: { id: number; shape: number[]; dtype: number }): TensorInfo;
}

export type Unary =
  | 'Neg'
  | 'Abs'
  | 'Sign'
  | 'Sqrt'
  | 'Square'
  | 'Exp'
  | 'Log'
  | 'Log1p'
  | 'Sin'
  | 'Cos'
  | 'Asin'
  | 'Asinh'
  | 'Expm1'
  | 'Sinh'
  | 'Cosh'
  | 'Tanh'
  | 'Atan'
  | 'Atanh'
  | 'IsNan'
  | 'IsFinite'
  | 'Where';

export type Binary =
  | 'AddV2'
  | 'Sub'
  | 'Mul'
  | 'RealDiv'
  | 'Minimum'
  | 'Maximum'
  | 'Pow'
  | 'Less'
  | 'LessEqual'
  | 'Greater'
  | 'Equal'
  | 'NotEqual'
  | 'LogicalOr'
  | 'FloorDiv'
  | 'FloorMod'
  | 'RightShift'
  | 'BitwiseAnd';

/** Ops whose results are freed together: a kernel call, or a step of one. */
export class Ops {
  private owned: Handle[] = [];

  /** @param op Name of the op, for errors. */
  constructor(
    private readonly op: string,
    private readonly backend: TensorflowBackend,
  ) {}

  /** Elements of float64 that a matrix of a step may have: few calls on a GPU, caches on a CPU. */
  get slab(): number {
    return this.backend.isUsingGpuDevice === true ? GPU_SLAB : SLAB_ELEMENTS;
  }

  /** A tensor of tfjs; it stays tfjs's. */
  input({ dataId, shape, dtype }: TensorInfo): Handle {
    const [id] = this.backend.getInputTensorIds([{ dataId, shape, dtype }]);
    return { id, shape, dtype: DTYPE[dtype as Dtype] };
  }

  /** Run a step; all that it made is freed except what it returns. */
  step<T extends readonly Handle[]>(body: (ops: Ops) => T): T {
    const inner = new Ops(this.op, this.backend);
    try {
      const kept = body(inner);
      this.owned.push(...inner.owned.filter((handle) => kept.includes(handle)));
      inner.owned = inner.owned.filter((handle) => !kept.includes(handle));
      return kept;
    } finally {
      inner.freeAll();
    }
  }

  freeAll(): void {
    for (const { id } of this.owned) this.backend.binding.deleteTensor(id);
    this.owned = [];
  }

  /** Hand a result over to tfjs. */
  output(handle: Handle, shape: readonly number[]): TensorInfo {
    const { id, dtype } = this.reshape(handle, shape);
    this.owned = this.owned.filter((other) => other.id !== id);
    return this.backend.createOutputTensor({ id, shape: [...shape], dtype });
  }

  values(handle: Handle): Float32Array | Int32Array | Uint8Array {
    return this.backend.binding.tensorDataSync(handle.id);
  }

  integers(values: Int32Array, shape: readonly number[] = [values.length]): Handle {
    return this.made(values, shape, 'int32');
  }

  floats(values: Float32Array, shape: readonly number[]): Handle {
    return this.made(values, shape, 'float32');
  }

  private made(values: Float32Array | Int32Array, shape: readonly number[], dtype: Dtype): Handle {
    const code = DTYPE[dtype];
    const id = this.backend.binding.createTensor([...shape], code, values);
    return this.keep({ id, shape, dtype: code });
  }

  /** A float64 scalar. The binding takes float32 values only: three of them add up to every float64. */
  scalar(value: number): Handle {
    if (!Number.isFinite(value) || Math.fround(value) === value) return this.float64(value);
    // Above the range of float32: as a product.
    if (Math.abs(value) > 1e38)
      return this.binary('Mul', this.scalar(value * 2 ** -126), this.scalar(2 ** 126));
    const high = Math.fround(value);
    const middle = Math.fround(value - high);
    const low = Math.fround(value - high - middle);
    const rest = this.binary('AddV2', this.float64(middle), this.float64(low));
    return this.binary('AddV2', this.float64(high), rest);
  }

  private float64(value: number): Handle {
    return this.cast(this.floats(Float32Array.of(value), []), 'float64');
  }

  unary(name: Unary, x: Handle): Handle {
    return this.run(name, [x]);
  }

  binary(name: Binary, a: Handle, b: Handle): Handle {
    return this.run(name, [a, b]);
  }

  cast(x: Handle, dtype: Dtype): Handle {
    if (x.dtype === DTYPE[dtype]) return x;
    return this.run(
      'Cast',
      [x],
      [
        { name: 'SrcT', type: this.backend.binding.TF_ATTR_TYPE, value: x.dtype },
        { name: 'DstT', type: this.backend.binding.TF_ATTR_TYPE, value: DTYPE[dtype] },
      ],
    );
  }

  /** a [n, d] times the transpose of b [m, d]. */
  product(a: Handle, b: Handle): Handle {
    const { TF_ATTR_BOOL } = this.backend.binding;
    return this.run(
      'MatMul',
      [a, b],
      [
        { name: 'transpose_a', type: TF_ATTR_BOOL, value: false },
        { name: 'transpose_b', type: TF_ATTR_BOOL, value: true },
      ],
    );
  }

  reduce(name: 'Sum' | 'Max' | 'Mean' | 'All', x: Handle, axis: number, keepDims = false): Handle {
    return this.run(
      name,
      [x, this.integers(Int32Array.of(axis))],
      [{ name: 'keep_dims', type: this.backend.binding.TF_ATTR_BOOL, value: keepDims }],
    );
  }

  reshape(x: Handle, shape: readonly number[]): Handle {
    return this.run('Reshape', [x, this.integers(Int32Array.from(shape))]);
  }

  broadcast(x: Handle, shape: readonly number[]): Handle {
    return this.run('BroadcastTo', [x, this.integers(Int32Array.from(shape))]);
  }

  /** Rows first .. first + count of the first axis. */
  rows(x: Handle, first: number, count: number): Handle {
    const rest = x.shape.slice(1);
    return this.run('Slice', [
      x,
      this.integers(Int32Array.of(first, ...rest.map(() => 0))),
      this.integers(Int32Array.of(count, ...rest)),
    ]);
  }

  /** Column `at` of the last axis, kept as an axis of 1. */
  column(x: Handle, at: number): Handle {
    const lead = x.shape.slice(0, -1);
    return this.run('Slice', [
      x,
      this.integers(Int32Array.of(...lead.map(() => 0), at)),
      this.integers(Int32Array.of(...lead, 1)),
    ]);
  }

  /** Elements along an axis; with `batched` every row of `indices` picks from its own row of x. */
  gather(x: Handle, indices: Handle, axis: number, batched = false): Handle {
    return this.run(
      'GatherV2',
      [x, indices, this.integers(Int32Array.of(axis), [])],
      [{ name: 'batch_dims', type: this.backend.binding.TF_ATTR_INT, value: batched ? 1 : 0 }],
    );
  }

  select(condition: Handle, then: Handle, otherwise: Handle): Handle {
    return this.run('SelectV2', [condition, then, otherwise]);
  }

  /** The k largest of the last axis, largest first, the lower position among equals. */
  topK(x: Handle, k: number): readonly [values: Handle, positions: Handle] {
    const [values, positions] = this.execute(
      'TopKV2',
      [x, this.integers(Int32Array.of(k), [])],
      [{ name: 'sorted', type: this.backend.binding.TF_ATTR_BOOL, value: true }],
      2,
    );
    return [values, positions];
  }

  concat(parts: readonly Handle[], axis: number): Handle {
    if (parts.length === 1) return parts[0];
    return this.run(
      'ConcatV2',
      [...parts, this.integers(Int32Array.of(axis), [])],
      [
        { name: 'N', type: this.backend.binding.TF_ATTR_INT, value: parts.length },
        // Of a list of inputs the binding infers nothing.
        { name: 'T', type: this.backend.binding.TF_ATTR_TYPE, value: parts[0].dtype },
      ],
    );
  }

  /** x with the elements at `indices` [p, 1] replaced by `updates` [p]. */
  replace(x: Handle, indices: Handle, updates: Handle): Handle {
    return this.run('TensorScatterUpdate', [x, indices, updates]);
  }

  private run(name: string, inputs: readonly Handle[], attributes: Attribute[] = []): Handle {
    return this.execute(name, inputs, attributes, 1)[0];
  }

  private execute(
    name: string,
    inputs: readonly Handle[],
    attributes: Attribute[],
    outputs: number,
  ): Handle[] {
    const ids = inputs.map(({ id }) => id);
    try {
      const results = this.backend.binding.executeOp(name, attributes, ids, outputs);
      return results.map((result) => this.keep(result));
    } catch (error) {
      throw outOfMemory(this.op, error) ?? error;
    }
  }

  private keep(handle: Handle): Handle {
    this.owned.push(handle);
    return handle;
  }
}

/** 512 MiB of float64; a step holds a few such matrices. */
const GPU_SLAB = 2 ** 26;

/** TensorFlow's status 8, RESOURCE_EXHAUSTED, in our words; undefined for other errors. */
function outOfMemory(op: string, error: unknown): UnsupportedError | undefined {
  if (!(error instanceof Error) || !/TF_Status: 8\b|OOM when allocating/.test(error.message)) {
    return undefined;
  }
  return new UnsupportedError(
    {
      op,
      arg: 'the work',
      expected: 'fit the memory of the device',
      got: `out of memory (${error.message.replace(/\s+/g, ' ').slice(0, 200)})`,
      fix: 'Give fewer rows at a time, or end other programs that use the device.',
    },
    { cause: error },
  );
}

/** Run a kernel's body and free all that it made, except what it hands over. */
export function withOps(
  op: string,
  backend: TensorflowBackend,
  body: (ops: Ops) => TensorInfo[],
): TensorInfo[] {
  const ops = new Ops(op, backend);
  try {
    return body(ops);
  } finally {
    ops.freeAll();
  }
}
