import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';
import { DomainError, ShapeError } from '../errors.js';
import { formatShape } from '../util/shape.js';

/** Entries of row i stand at [offsets[i], offsets[i + 1]) of indices (columns) and values. */
export interface CsrMatrix {
  readonly offsets: ArrayLike<number>;
  readonly indices: ArrayLike<number>;
  /** Default: all 1. */
  readonly values?: ArrayLike<number>;
}

/** Entry e stands at row source[e], column target[e]; equal places add up. */
export interface Edges {
  readonly source: ArrayLike<number>;
  readonly target: ArrayLike<number>;
  /** Default: all 1. */
  readonly weight?: ArrayLike<number>;
}

/** Rows with about as many entries each, padded to `width` with weights 0. */
export interface RowBlock {
  /** Rows of the matrix that the block holds. */
  readonly rows: Int32Array;
  readonly width: number;
  /** Columns, rows.length x width. */
  readonly columns: Int32Array;
  readonly weights: Float32Array;
}

const OP = 'SparseMatrix';

function checkIndices(arg: string, values: ArrayLike<number>, size: number): Int32Array {
  const wrong = Array.from(values).find((v) => !(Number.isInteger(v) && v >= 0 && v < size));
  if (wrong === undefined) return Int32Array.from(values);
  throw new DomainError({
    op: OP,
    arg,
    expected: `hold integers in [0, ${size})`,
    got: String(wrong),
  });
}

function checkLength(arg: string, got: number, expected: number): void {
  if (got === expected) return;
  throw new ShapeError({
    op: OP,
    arg,
    expected: `have one value per entry, ${expected}`,
    got: String(got),
  });
}

/**
 * A constant sparse matrix that multiplies rows of features, as an adjacency does in a graph layer. Its
 * entries are on the host; each product gathers rows in blocks of similar length, so that it sums in a
 * fixed order on every backend and needs no scatter.
 */
export class SparseMatrix {
  private turned: SparseMatrix | undefined;
  private blocks: readonly RowBlock[] | undefined;

  private constructor(
    readonly rows: number,
    readonly columns: number,
    private readonly offsets: Int32Array,
    private readonly indices: Int32Array,
    private readonly values: Float32Array,
  ) {}

  /** @throws DomainError for indices out of range or offsets that fall; ShapeError for lengths. */
  static fromCsr({ offsets, indices, values }: CsrMatrix, columns: number): SparseMatrix {
    const starts = Array.from(offsets);
    const isRising = starts.every((v, i) => Number.isInteger(v) && (i === 0 || v >= starts[i - 1]));
    if (starts.length === 0 || starts[0] !== 0 || !isRising) {
      throw new DomainError({
        op: OP,
        arg: 'offsets',
        expected: 'begin with 0 and not fall',
        got: `[${starts.slice(0, 8).join(', ')}]`,
      });
    }
    const count = starts[starts.length - 1];
    checkLength('indices', indices.length, count);
    if (values !== undefined) checkLength('values', values.length, count);
    return new SparseMatrix(
      starts.length - 1,
      columns,
      Int32Array.from(starts),
      checkIndices('indices', indices, columns),
      values === undefined ? new Float32Array(count).fill(1) : Float32Array.from(values),
    );
  }

  /** @throws DomainError for indices out of range; ShapeError for lengths that differ. */
  static fromEdges({ source, target, weight }: Edges, rows: number, columns = rows): SparseMatrix {
    const count = source.length;
    checkLength('target', target.length, count);
    if (weight !== undefined) checkLength('weight', weight.length, count);
    const from = checkIndices('source', source, rows);
    const to = checkIndices('target', target, columns);
    const offsets = new Int32Array(rows + 1);
    for (const row of from) offsets[row + 1]++;
    for (let i = 0; i < rows; i++) offsets[i + 1] += offsets[i];
    const next = offsets.slice(0, rows);
    const [indices, values] = [new Int32Array(count), new Float32Array(count)];
    for (let e = 0; e < count; e++) {
      const place = next[from[e]]++;
      indices[place] = to[e];
      values[place] = weight?.[e] ?? 1;
    }
    return new SparseMatrix(rows, columns, offsets, indices, values);
  }

  /** The matrix with rows scaled so that their entries sum to 1; rows whose sum is 0 stay. */
  normalised(): SparseMatrix {
    const values = this.values.slice();
    for (let i = 0; i < this.rows; i++) {
      const [start, end] = [this.offsets[i], this.offsets[i + 1]];
      let sum = 0;
      for (let e = start; e < end; e++) sum += values[e];
      if (sum === 0) continue;
      for (let e = start; e < end; e++) values[e] /= sum;
    }
    return new SparseMatrix(this.rows, this.columns, this.offsets, this.indices, values);
  }

  get transposed(): SparseMatrix {
    if (this.turned === undefined) {
      const source = this.indices;
      const target = new Int32Array(source.length);
      for (let i = 0; i < this.rows; i++) target.fill(i, this.offsets[i], this.offsets[i + 1]);
      this.turned = SparseMatrix.fromEdges(
        { source, target, weight: this.values },
        this.columns,
        this.rows,
      );
      this.turned.turned = this;
    }
    return this.turned;
  }

  /** Rows by the power of two that holds their entries, so that padding at most doubles the work. */
  get rowBlocks(): readonly RowBlock[] {
    this.blocks ??= this.makeBlocks();
    return this.blocks;
  }

  private makeBlocks(): RowBlock[] {
    const byWidth = new Map<number, number[]>();
    for (let i = 0; i < this.rows; i++) {
      const degree = this.offsets[i + 1] - this.offsets[i];
      const width = 2 ** Math.ceil(Math.log2(Math.max(1, degree)));
      const list = byWidth.get(width);
      if (list === undefined) byWidth.set(width, [i]);
      else list.push(i);
    }
    return [...byWidth].map(([width, rows]) => {
      const columns = new Int32Array(rows.length * width);
      const weights = new Float32Array(rows.length * width);
      rows.forEach((row, b) => {
        const [start, end] = [this.offsets[row], this.offsets[row + 1]];
        columns.set(this.indices.subarray(start, end), b * width);
        weights.set(this.values.subarray(start, end), b * width);
      });
      return { rows: Int32Array.from(rows), width, columns, weights };
    });
  }

  /** Rows computed block by block, [rows of the block, d] each, in the order of the matrix. */
  assemble(compute: (block: RowBlock) => Tensor): Tensor {
    return tf.tidy(() => {
      const blocks = this.rowBlocks;
      const order = new Int32Array(this.rows);
      let at = 0;
      for (const { rows } of blocks) for (const row of rows) order[row] = at++;
      const parts = blocks.map(compute);
      return gatherRows(parts.length === 1 ? parts[0] : tf.concat(parts, 0), order);
    });
  }

  /**
   * The product with rows of features: out[i] = sum_j A[i, j] x[j].
   * @param x Shape [columns, d], float32. @returns Shape [rows, d]. Gradient: x, any order, through the
   * transposed matrix; not the entries. Cost: O(entries d), at most twice that in memory.
   * @throws ShapeError for rows that are not as many as columns.
   */
  times(x: Tensor): Tensor {
    if (x.rank !== 2 || x.shape[0] !== this.columns) {
      throw new ShapeError({
        op: `${OP}.times`,
        arg: 'x',
        expected: `have shape [${this.columns}, features]`,
        got: formatShape(x.shape),
      });
    }
    const op = tf.customGrad<Tensor>((...args) => {
      const [rows] = args as [Tensor];
      return {
        value: this.product(rows),
        gradFunc: (dy: Tensor) => this.transposed.times(dy),
      };
    });
    return op(x);
  }

  private product(x: Tensor): Tensor {
    const [, d] = x.shape;
    // Not every backend sums over nothing.
    if (this.rows === 0 || x.size === 0) return tf.zeros([this.rows, d]);
    return this.assemble(({ rows, width, columns, weights }) => {
      const gathered = tf.gather(x, tf.tensor1d(columns, 'int32'));
      const scaled = tf.mul(gathered, tf.tensor2d(weights, [columns.length, 1]));
      return tf.sum(scaled.reshape([rows.length, width, d]), 1);
    });
  }
}

/**
 * Rows of x by their numbers on the host: out[i] = x[indices[i]], with a gradient that needs no scatter.
 * @param x Shape [n, d]. @param indices In [0, n). @returns Shape [indices, d]. Gradient: x, any order.
 */
export function gatherRows(x: Tensor, indices: Int32Array): Tensor {
  const [n] = x.shape;
  const op = tf.customGrad<Tensor>((...args) => {
    const [rows] = args as [Tensor];
    return {
      value: tf.tidy(() => tf.gather(rows, tf.tensor1d(indices, 'int32'))),
      gradFunc: (dy: Tensor) => {
        const target = Int32Array.from(indices, (_, i) => i);
        return SparseMatrix.fromEdges({ source: indices, target }, n, indices.length).times(dy);
      },
    };
  });
  return op(x);
}
