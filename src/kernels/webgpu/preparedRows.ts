import type { TensorInfo } from '@tensorflow/tfjs';
import type { WebGPUBackend, WebGPUProgram } from '@tensorflow/tfjs-backend-webgpu';
import { IS_FINITE } from './wgsl/numbers.js';

const THREADS = 64;
/** Rows that one thread adds up. */
const CHUNK = 64;

/** The next multiple of 4: rows of that length can be read four numbers at a time. */
export const paddedWidth = (features: number): number => 4 * Math.ceil(features / 4);

/** A program in which every thread computes one element of the output, in order. */
abstract class ElementProgram implements WebGPUProgram {
  abstract readonly variableNames: string[];
  abstract readonly uniforms?: string;
  readonly workgroupSize: [number, number, number] = [THREADS, 1, 1];
  readonly dispatchLayout = { x: [0, 1, 2] };
  readonly size = true;
  dispatch: [number, number, number];
  abstract shaderKey: string;

  constructor(readonly outputShape: number[]) {
    const elements = outputShape.reduce((product, length) => product * length, 1);
    this.dispatch = [Math.ceil(elements / THREADS), 1, 1];
  }

  abstract getUserCode(): string;
}

/** Rows less a common row, with zeros appended: [B, n, d] and [B, 1, d] -> [B, n, w]. */
class ShiftedRowsProgram extends ElementProgram {
  readonly variableNames: string[];
  readonly uniforms = '';
  shaderKey: string;

  constructor(
    shape: number[],
    private readonly shifted: boolean,
  ) {
    super(shape);
    this.variableNames = shifted ? ['rows', 'shift'] : ['rows'];
    this.shaderKey = `latentShiftedRows_${shifted}`;
  }

  getUserCode(): string {
    return `
  fn main(index : i32) {
    if (index >= uniforms.size) { return; }
    let width = uniforms.outShape.z;
    let d = uniforms.rowsShape.z;
    let row = index / width;
    let f = index % width;
    var value = 0.0;
    if (f < d) {
      value = rows[row * d + f]${
        this.shifted ? ' - shift[(row / uniforms.outShape.y) * d + f]' : ''
      };
    }
    result[index] = value;
  }
`;
  }
}

/** Sums of every {@link CHUNK} rows times a factor, without what is not finite: [B, n, d] -> [B, n / CHUNK, d]. */
class ColumnSumsProgram extends ElementProgram {
  readonly variableNames = ['rows'];
  readonly uniforms = 'factor : f32,';
  shaderKey = 'latentColumnSums';

  getUserCode(): string {
    return `
  ${IS_FINITE}
  fn main(index : i32) {
    if (index >= uniforms.size) { return; }
    let n = uniforms.rowsShape.y;
    let d = uniforms.rowsShape.z;
    let chunk = (index / d) % uniforms.outShape.y;
    let batch = index / (d * uniforms.outShape.y);
    let stop = min(n, (chunk + 1) * ${CHUNK});
    var sum = 0.0;
    for (var row = chunk * ${CHUNK}; row < stop; row = row + 1) {
      let value = rows[(batch * n + row) * d + index % d] * uniforms.factor;
      if (isFinite(value)) { sum = sum + value; }
    }
    result[index] = select(0.0, sum, isFinite(sum));
  }
`;
  }
}

/** Squared length of every row, added in blocks: [B, n, w] -> [B, n, 1]. */
class SquaredLengthsProgram extends ElementProgram {
  readonly variableNames = ['rows'];
  readonly uniforms = '';
  shaderKey = 'latentSquaredLengths';

  getUserCode(): string {
    return `
  fn main(index : i32) {
    if (index >= uniforms.size) { return; }
    let width = uniforms.rowsShape.z;
    var total = 0.0;
    for (var first = 0; first < width; first = first + 64) {
      var sum = 0.0;
      for (var f = first; f < min(first + 64, width); f = f + 1) {
        let value = rows[index * width + f];
        sum = sum + value * value;
      }
      total = total + sum;
    }
    result[index] = total;
  }
`;
  }
}

/** Rows [B, n, d] with zeros appended to a length that is a multiple of 4. */
export function paddedRows(backend: WebGPUBackend, rows: TensorInfo): TensorInfo {
  const [batch, n, d] = rows.shape;
  const program = new ShiftedRowsProgram([batch, n, paddedWidth(d)], false);
  return backend.runWebGPUProgram(program, [rows], 'float32');
}

/** Rows less `shift` [B, 1, d], padded. */
export function shiftedRows(
  backend: WebGPUBackend,
  rows: TensorInfo,
  shift: TensorInfo,
): TensorInfo {
  const [batch, n, d] = rows.shape;
  const program = new ShiftedRowsProgram([batch, n, paddedWidth(d)], true);
  return backend.runWebGPUProgram(program, [rows, shift], 'float32');
}

/** Mean row [B, 1, d] of the finite numbers of every column (those that are not count as 0). */
export function meanRow(backend: WebGPUBackend, rows: TensorInfo): TensorInfo {
  const [batch, n, d] = rows.shape;
  let sums = rows;
  // The factor comes first, so that no sum overflows.
  let factor = 1 / n;
  do {
    const program = new ColumnSumsProgram([batch, Math.ceil(sums.shape[1] / CHUNK), d]);
    const uniforms = [{ type: 'float32', data: [factor] }];
    const next = backend.runWebGPUProgram(program, [sums], 'float32', uniforms);
    if (sums !== rows) backend.disposeData(sums.dataId);
    sums = next;
    factor = 1;
  } while (sums.shape[1] > 1);
  return sums;
}

/** Squared length [B, n, 1] of every row. */
export function squaredLengths(backend: WebGPUBackend, rows: TensorInfo): TensorInfo {
  const [batch, n] = rows.shape;
  return backend.runWebGPUProgram(new SquaredLengthsProgram([batch, n, 1]), [rows], 'float32');
}
