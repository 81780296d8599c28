import * as tf from '@tensorflow/tfjs';
import type { KernelConfig, TensorInfo } from '@tensorflow/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { withFlatBias } from './flatBias.js';
import { fillOutputs, float32View, SLAB_BYTES } from './heap.js';
import { withScratch } from './module.js';
import type { Scratch } from './module.js';
import { overrideKernel, SideChoice } from '../shared/override.js';
import {
  ACTIVATION,
  isOwnActivation,
  multiplyPacked,
  packRight,
  PLAIN,
  reserveProduct,
} from './product.js';
import type { Product } from './product.js';

/** A product as the two tfjs kernels ask for it. */
interface MatMulCall {
  readonly a: TensorInfo;
  readonly b: TensorInfo;
  readonly bias: TensorInfo | undefined;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly activation: keyof typeof ACTIVATION;
  readonly alpha: number;
}

/** Shapes of a call, checked and brought to matrices. */
interface Plan {
  readonly shape: number[];
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Per output matrix, the matrix of a and of b that it is made of (broadcasting). */
  readonly aOf: readonly number[];
  readonly bOf: readonly number[];
}

/** Row-major positions in `from` of all positions of the broadcast shape `to`. */
function broadcastPositions(from: readonly number[], to: readonly number[]): number[] {
  const size = to.reduce((product, length) => product * length, 1);
  const positions = new Array<number>(size).fill(0);
  for (let i = 0; i < size; i++) {
    let rest = i;
    let stride = 1;
    for (let axis = to.length - 1, own = from.length - 1; own >= 0; axis--, own--) {
      const at = rest % to[axis];
      rest = (rest - at) / to[axis];
      if (from[own] !== 1) positions[i] += at * stride;
      stride *= from[own];
    }
  }
  return positions;
}

function planOf({ a, b, transposeA, transposeB }: MatMulCall): Plan {
  const [aRows, aColumns] = a.shape.slice(-2);
  const [bRows, bColumns] = b.shape.slice(-2);
  const [m, k] = transposeA ? [aColumns, aRows] : [aRows, aColumns];
  const [n, inner] = transposeB ? [bRows, bColumns] : [bColumns, bRows];
  tf.util.assert(
    k === inner,
    () =>
      `Error in matMul: inner shapes (${k}) and (${inner}) of Tensors with shapes ` +
      `${String(a.shape)} and ${String(b.shape)} and transposeA=${String(transposeA)} and ` +
      `transposeB=${String(transposeB)} must match.`,
  );
  const aOuter = a.shape.slice(0, -2);
  const bOuter = b.shape.slice(0, -2);
  const outer = tf.broadcast_util.assertAndGetBroadcastShape(aOuter, bOuter);
  const shape = [...outer, m, n];
  // One right factor for all: the left ones are one tall matrix.
  if (!transposeA && bOuter.every((length) => length === 1)) {
    const tall = tf.util.sizeFromShape(outer) * m;
    return { shape, m: tall, n, k, aOf: [0], bOf: [0] };
  }
  const aOf = broadcastPositions(aOuter, outer);
  return { shape, m, n, k, aOf, bOf: broadcastPositions(bOuter, outer) };
}

/** Matrices that fit a slab together; one even when it does not fit. */
function groupSize({ m, n, k, aOf }: Plan): number {
  const bytes = 4 * (m * k + k * n + m * n);
  return Math.min(aOf.length, Math.max(1, Math.floor(SLAB_BYTES / bytes)));
}

/** Rows of op(a) that are copied at once: all, unless a single product is larger than a slab. */
function slabRows({ m, n, k }: Plan, group: number): number {
  if (group > 1) return m;
  const rows = Math.floor(SLAB_BYTES / (4 * (k + n)) / 64) * 64;
  return Math.min(m, Math.max(64, rows));
}

const allEqual = (values: readonly number[]): boolean =>
  values.every((value) => value === values[0]);

class Multiplication {
  private readonly group: number;
  private readonly rows: number;
  private readonly sharedB: boolean;
  private readonly product: Product;
  private readonly room: ReturnType<typeof reserveProduct>;

  constructor(
    private readonly scratch: Scratch,
    private readonly call: MatMulCall,
    private readonly plan: Plan,
  ) {
    const { m, n, k, bOf } = plan;
    this.group = groupSize(plan);
    this.rows = slabRows(plan, this.group);
    this.sharedB = allEqual(bOf);
    const biasLength = call.bias === undefined ? 0 : n;
    this.product = {
      ...PLAIN,
      m,
      n,
      k,
      transposeA: call.transposeA,
      transposeB: call.transposeB,
      a: scratch.allocate(4 * this.group * this.rows * k),
      b: scratch.allocate(4 * (this.sharedB ? 1 : this.group) * k * n),
      c: scratch.allocate(4 * this.group * this.rows * n),
      batch: this.group,
      strideA: 4 * m * k,
      strideB: this.sharedB ? 0 : 4 * k * n,
      bias: biasLength === 0 ? 0 : scratch.allocate(4 * biasLength),
      activation: ACTIVATION[call.activation],
      alpha: call.alpha,
    };
    this.room = reserveProduct(scratch, this.product);
  }

  run(a: Float32Array, b: Float32Array, bias: Float32Array | undefined, out: Float32Array): void {
    const { n, k, aOf, m } = this.plan;
    if (bias !== undefined) this.scratch.float32(this.product.bias, n).set(bias);
    for (let first = 0; first < aOf.length; first += this.group) {
      const batch = Math.min(this.group, aOf.length - first);
      if (first === 0 || !this.sharedB) {
        this.copyRight(b, first, batch);
        packRight({ ...this.product, batch }, this.room);
      }
      for (let row = 0; row < m; row += this.rows) {
        const rows = Math.min(this.rows, m - row);
        for (let i = 0; i < batch; i++) this.copyLeft(a, aOf[first + i], i, row, rows);
        if (k === 0) this.scratch.float32(this.product.c, batch * rows * n).fill(0);
        multiplyPacked({ ...this.product, batch, m: rows }, this.room);
        out.set(this.scratch.float32(this.product.c, batch * rows * n), (first * m + row) * n);
      }
    }
  }

  private copyRight(b: Float32Array, first: number, batch: number): void {
    const size = this.plan.k * this.plan.n;
    const target = this.scratch.float32(this.product.b, (this.sharedB ? 1 : batch) * size);
    for (let i = 0; i * size < target.length; i++) {
      const from = this.plan.bOf[first + i] * size;
      target.set(b.subarray(from, from + size), i * size);
    }
  }

  /** Rows `row` to `row + rows` of op(a) of one matrix, stored the way that a is. */
  private copyLeft(a: Float32Array, matrix: number, slot: number, row: number, rows: number): void {
    const { m, k } = this.plan;
    const target = this.scratch.float32(this.product.a + 4 * slot * rows * k, rows * k);
    const start = matrix * m * k;
    if (!this.call.transposeA || rows === m) {
      const from = start + row * k;
      target.set(a.subarray(from, from + rows * k));
      return;
    }
    for (let i = 0; i < k; i++) {
      const from = start + i * m + row;
      target.set(a.subarray(from, from + rows), i * rows);
    }
  }
}

function multiply(op: string, call: MatMulCall, plan: Plan, backend: BackendWasm): TensorInfo {
  const out = backend.makeOutput(plan.shape, 'float32');
  const [filled] = fillOutputs(backend, [out], () => {
    if (plan.m === 0 || plan.n === 0 || plan.aOf.length === 0) return;
    withScratch(op, (scratch) => {
      const multiplication = new Multiplication(scratch, call, plan);
      multiplication.run(
        float32View(backend, call.a),
        float32View(backend, call.b),
        call.bias === undefined ? undefined : float32View(backend, call.bias),
        float32View(backend, out),
      );
    });
  });
  return filled;
}

/**
 * Multiplications from which our kernel is the faster one, by bench/matMul.bench.ts on one thread.
 * Below, the copies between the two heaps and the panels cost more than they save. Plain products of
 * a few hundred thousand multiplications are equally fast, those with a transposed factor are not.
 */
const MIN_PLAIN = 1_000_000;
const MIN_TRANSPOSED = 16_384;
/** A plain product of one row reads the right factor once: panels can only add to that. */
const MIN_PLAIN_ROWS = 2;

/** Which of the two implementations runs, for benches and tests. */
export const matMulSide = new SideChoice();

function useOurs({ m, n, k, aOf }: Plan, transposed: boolean): boolean {
  if (matMulSide.forced !== undefined) return matMulSide.forced === 'ours';
  const multiplications = m * n * k * aOf.length;
  if (transposed) return multiplications >= MIN_TRANSPOSED;
  return multiplications >= MIN_PLAIN && m >= MIN_PLAIN_ROWS;
}

interface FusedInputs {
  readonly a: TensorInfo;
  readonly b: TensorInfo;
  readonly bias?: TensorInfo | null;
  readonly preluActivationWeights?: TensorInfo | null;
}
interface FusedAttrs {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly activation?: string;
  readonly leakyreluAlpha?: number;
}

/** The registry's untyped record, as these two kernels get it. */
interface RawCall {
  readonly inputs: FusedInputs;
  readonly attrs: FusedAttrs;
  readonly backend: BackendWasm;
}

/** tfjs kernels that finish an activation which our module does not have. */
const FOLLOW_UP: Readonly<Record<string, string>> = { elu: 'Elu', sigmoid: 'Sigmoid' };

/** Our kernel in front of tfjs's one: theirs runs what ours does not cover or does slower. */
function override(theirs: KernelConfig): KernelConfig['kernelFunc'] {
  return (raw) => {
    const { inputs, attrs, backend } = raw as unknown as RawCall;
    const activation = attrs.activation ?? 'linear';
    const { a, b } = inputs;
    const bias = inputs.bias ?? undefined;
    const covered =
      a.dtype === 'float32' &&
      b.dtype === 'float32' &&
      a.shape.length >= 2 &&
      b.shape.length >= 2 &&
      inputs.preluActivationWeights == null &&
      (isOwnActivation(activation) || Object.hasOwn(FOLLOW_UP, activation));
    if (!covered) return theirs.kernelFunc(raw);
    const call: MatMulCall = {
      a,
      b,
      bias,
      transposeA: attrs.transposeA,
      transposeB: attrs.transposeB,
      activation: isOwnActivation(activation) ? activation : 'linear',
      alpha: attrs.leakyreluAlpha ?? 0,
    };
    const plan = planOf(call);
    const oddBias = bias !== undefined && (bias.shape.length !== 1 || bias.shape[0] !== plan.n);
    // tfjs leaves the result of an empty sum uninitialised.
    const empty = plan.shape.includes(0) || plan.k === 0;
    const transposed = attrs.transposeA || attrs.transposeB;
    if (oddBias || (!empty && !useOurs(plan, transposed))) return theirs.kernelFunc(raw);
    const product = multiply('matMul', call, plan, backend);
    if (isOwnActivation(activation)) return product;
    const finish = tf.getKernel(FOLLOW_UP[activation], 'wasm');
    const finished = finish.kernelFunc({ inputs: { x: product }, attrs: {}, backend });
    backend.disposeData(product.dataId);
    return finished;
  };
}

/** Put our matMul over tfjs's. */
export function overrideMatMul(): void {
  overrideKernel('wasm', 'BatchMatMul', override);
  overrideKernel('wasm', '_FusedMatMul', (theirs) => override(withFlatBias(theirs)));
}
