import * as tf from '@tensorflow/tfjs';
import { withComposedForms } from '../ops/dispatch.js';
import { knn } from '../ops/knn.js';
import type { KnnOptions } from '../ops/knn.js';
import { pairwiseDistance } from '../ops/pairwiseDistance.js';
import { rowDistance } from '../ops/rowDistance.js';
import { FLOAT32_TINY } from '../numerics.js';
import { SPECS } from '../specs/capabilities.js';
import { boundOf, isDetermined } from './bounds.js';
import type { VerifyForm } from './bounds.js';
import type { Masks, VerifyCase } from './cases.js';
import { bitDifferences, checkNeighbours, isUndecided, Tally } from './compare.js';
import type { Limits } from './compare.js';
import { oracleNeighbours, oracleOf } from './oracle.js';
import type { Matrix, Oracle, OracleNeighbours } from './oracle.js';

/** The ops under test; tests put wrong ones in their place. */
export interface VerifyOps {
  readonly knn: typeof knn;
  readonly pairwiseDistance: typeof pairwiseDistance;
  readonly rowDistance: typeof rowDistance;
}

const OPS: VerifyOps = { knn, pairwiseDistance, rowDistance };

/** What an op returned, on the host. */
export interface Result {
  readonly distances: Float32Array;
  /** Neighbour searches only. */
  readonly indices?: Int32Array;
}

/** Outcome of one case on one backend in one form. */
export interface VerifyRow {
  readonly op: string;
  readonly backend: string;
  readonly form: VerifyForm;
  readonly case: string;
  /** Largest error in float32 ulp of the oracle's value. */
  readonly maxUlp: number;
  /** Largest |got - want| / |want|. */
  readonly maxRel: number;
  /** Allowed ulp, besides `absolute` ulp of the magnitude that cancels. */
  readonly bound: number;
  readonly absolute: number;
  /** Largest share of the allowed error that was used; null when the violation is not one of size. */
  readonly worst: number | null;
  /** Neighbours with another index than the oracle's; must be 0 where `determined`. */
  readonly mismatches: number;
  readonly determined: boolean;
  /** Elements whose bits differ from those of the backend that ran first; null on that one. */
  readonly bitDifferences: number | null;
  readonly milliseconds: number;
  readonly pass: boolean;
  /** The first violation. */
  readonly complaint?: string;
}

/** A case with its oracle, made once and used on every backend. */
export class PreparedCase {
  private readonly oracle: Oracle;
  private neighbours: OracleNeighbours[] | undefined;
  private reference: Result | undefined;

  get op(): string {
    return this.verifyCase.op;
  }

  get name(): string {
    return this.verifyCase.name;
  }

  constructor(private readonly verifyCase: VerifyCase) {
    const { options, mode, x, y } = verifyCase;
    this.oracle = oracleOf(options, x, y, mode);
  }

  /**
   * Run the case on the active backend and hold the result against the oracle.
   * @param asked 'kernel': as a user's call runs; 'composed': the composed form, kernel or not.
   * @param flushes Whether the backend takes subnormal numbers for 0, see {@link flushesSubnormals}: a
   * case that has some then promises no bits.
   * @throws whatever the op throws.
   */
  async run(
    asked: 'kernel' | 'composed',
    ops: VerifyOps = OPS,
    flushes = false,
  ): Promise<VerifyRow> {
    const { op, name } = this.verifyCase;
    const { result, form, milliseconds } = await runCase(this.verifyCase, asked, ops);
    const limits = this.limitsOf(form, flushes && this.hasSubnormals());
    const tally = new Tally(limits);
    const mismatches =
      result.indices === undefined
        ? this.checkDistances(result.distances, tally)
        : this.checkSearch(result.distances, result.indices, limits, tally);
    const bits = this.compareBits(result, limits, tally);
    return {
      op,
      backend: tf.getBackend(),
      form,
      case: name,
      maxUlp: tally.maxUlp,
      maxRel: tally.maxRel,
      bound: limits.bound.relative,
      absolute: limits.bound.absolute,
      worst: Number.isFinite(tally.worst) ? tally.worst : null,
      mismatches,
      determined: limits.isRounded,
      bitDifferences: bits,
      milliseconds,
      pass: tally.worst <= 1,
      ...(tally.complaint === undefined ? {} : { complaint: tally.complaint }),
    };
  }

  private hasSubnormals(): boolean {
    const { op, x, y, masks, options } = this.verifyCase;
    const isSubnormal = (value: number): boolean => value !== 0 && Math.abs(value) < FLOAT32_TINY;
    if (x.data.some(isSubnormal) || y.data.some(isSubnormal)) return true;
    if (op !== 'knn') return false;
    const found = this.wanted(options.metric === 'innerProduct', existsUnder(masks));
    return found.some(({ pairs }) => pairs.some(({ value }) => isSubnormal(value)));
  }

  private limitsOf(form: VerifyForm, losesBits: boolean): Limits {
    const { op, options, mode, x } = this.verifyCase;
    return {
      bound: boundOf(op, options.metric, mode, form),
      metric: options.metric,
      p: options.p,
      features: x.d,
      isRounded: isDetermined(op, options.metric, mode, form) && !losesBits,
    };
  }

  private checkDistances(distances: Float32Array, tally: Tally): number {
    const { op, x, y } = this.verifyCase;
    const paired = op === 'rowDistance';
    const columns = paired ? 1 : y.rows;
    if (distances.length !== x.rows * columns) {
      tally.fail(`${distances.length} distances, not ${x.rows * columns}`);
      return 0;
    }
    for (let at = 0; at < distances.length; at++) {
      const i = Math.floor(at / columns);
      const j = paired ? i : at % columns;
      tally.add(distances[at], this.oracle(i, j), () => `row ${i} of x, row ${j} of y`);
    }
    return 0;
  }

  private checkSearch(
    distances: Float32Array,
    indices: Int32Array,
    limits: Limits,
    tally: Tally,
  ): number {
    const { x, y, k, masks, options } = this.verifyCase;
    const isSimilarity = options.metric === 'innerProduct';
    const exists = existsUnder(masks);
    const wanted = this.wanted(isSimilarity, exists);
    let mismatches = 0;
    for (let i = 0; i < x.rows; i++) {
      const search = {
        query: i,
        points: y.rows,
        isSimilarity,
        limits,
        pairOf: (j: number) => this.oracle(i, j),
        exists: (j: number) => exists(i, j),
      };
      const found = {
        distances: distances.subarray(i * k, (i + 1) * k),
        indices: indices.subarray(i * k, (i + 1) * k),
      };
      mismatches += checkNeighbours(found, wanted[i], search, tally);
    }
    return mismatches;
  }

  private wanted(
    isSimilarity: boolean,
    exists: (i: number, j: number) => boolean,
  ): OracleNeighbours[] {
    const { x, y, k } = this.verifyCase;
    this.neighbours ??= Array.from({ length: x.rows }, (_, i) =>
      oracleNeighbours(this.oracle, i, y.rows, k, isSimilarity, exists),
    );
    return this.neighbours;
  }

  /** Elements that differ from the first result; a violation where float32 fixes every bit. */
  private compareBits(result: Result, limits: Limits, tally: Tally): number | null {
    if (this.reference === undefined) {
      this.reference = result;
      return null;
    }
    const { distances, indices } = this.reference;
    const differing = [
      ...bitDifferences(result.distances, distances),
      ...bitDifferences(result.indices ?? new Int32Array(), indices ?? new Int32Array()),
    ];
    const decided = limits.isRounded ? differing.find((at) => !this.isOpen(at, limits)) : undefined;
    if (decided !== undefined) {
      tally.fail(`element ${decided} differs in bits from the backend that ran first`);
    }
    return differing.length;
  }

  /** Whether the oracle's value at that element of the result lies on the edge between two numbers. */
  private isOpen(at: number, { bound }: Limits): boolean {
    const { k } = this.verifyCase;
    const pair = this.neighbours?.[Math.floor(at / k)]?.pairs[at % k];
    return pair !== undefined && isUndecided(pair, bound);
  }
}

function existsUnder({ selfOffset, allowed, groups }: Masks): (i: number, j: number) => boolean {
  return (i, j) =>
    (selfOffset === undefined || j !== i + selfOffset) &&
    (allowed === undefined || allowed(i, j)) &&
    (groups === undefined || groups.queries[i] === groups.points[j]);
}

/** Whether the active backend takes subnormal numbers, those below 2^-126, for 0: GPUs and TensorFlow may. */
export async function flushesSubnormals(): Promise<boolean> {
  const values = tf.tidy(() => tf.mul(tf.fill([64], 2 ** -127), tf.fill([64], 0.5)));
  const read = await values.data();
  values.dispose();
  return read.some((value) => value === 0);
}

const tensorOf = ({ data, rows, d }: Matrix): tf.Tensor2D => tf.tensor2d(data, [rows, d]);

interface Outcome {
  readonly result: Result;
  readonly form: VerifyForm;
  readonly milliseconds: number;
}

/** Run the op of a case on the active backend, wait for its result and free everything. */
async function runCase(
  verifyCase: VerifyCase,
  asked: 'kernel' | 'composed',
  ops: VerifyOps,
): Promise<Outcome> {
  const body = (): tf.Tensor[] => tf.tidy(() => callOp(verifyCase, ops));
  const start = performance.now();
  let tensors: tf.Tensor[] = [];
  const profile = await tf.profile(() => {
    tensors = asked === 'composed' ? withComposedForms(body) : body();
    return tensors;
  });
  try {
    const [distances, indices] = await Promise.all(tensors.map((tensor) => tensor.data()));
    const milliseconds = performance.now() - start;
    const found = (distances as Float32Array).slice();
    const spec = SPECS.find(({ op }) => op === verifyCase.op);
    const ranKernel = spec !== undefined && profile.kernelNames.includes(spec.kernelName);
    return {
      result:
        tensors.length === 1
          ? { distances: found }
          : { distances: found, indices: (indices as Int32Array).slice() },
      form: asked === 'composed' ? 'composed' : ranKernel ? 'kernel' : 'fallback',
      milliseconds,
    };
  } finally {
    tf.dispose(tensors);
  }
}

function callOp(verifyCase: VerifyCase, ops: VerifyOps): tf.Tensor[] {
  const { op, options, mode, k } = verifyCase;
  const [x, y] = [tensorOf(verifyCase.x), tensorOf(verifyCase.y)];
  switch (op) {
    case 'pairwiseDistance':
      return [ops.pairwiseDistance(x, y, { ...options, mode })];
    case 'rowDistance':
      return [ops.rowDistance(x, y, options)];
    case 'knn': {
      const { distances, indices } = ops.knn(x, y, k, {
        ...options,
        mode,
        ...maskOptions(verifyCase),
      });
      return [distances, indices];
    }
  }
}

/** The masks of a case as options of knn: made inside the tidy of the call. */
function maskOptions({ masks, x, y }: VerifyCase): KnnOptions {
  const { selfOffset, allowed, groups } = masks;
  const bits =
    allowed === undefined
      ? undefined
      : Array.from({ length: x.rows * y.rows }, (_, at) =>
          allowed(Math.floor(at / y.rows), at % y.rows),
        );
  return {
    ...(selfOffset === undefined ? {} : { excludeSelf: { offset: selfOffset } }),
    ...(bits === undefined ? {} : { allowed: tf.tensor2d(bits, [x.rows, y.rows], 'bool') }),
    ...(groups === undefined ? {} : { queryGroups: groups.queries, pointGroups: groups.points }),
  };
}
