import type { TensorInfo } from '@tensorflow/tfjs';
import type { WebGPUBackend, WebGPUProgram } from '@tensorflow/tfjs-backend-webgpu';
import { paddedWidth } from './preparedRows.js';
import { blockLanes, programSubgroups } from './subgroups.js';
import type { Subgroups } from './subgroups.js';
import { WORKGROUP_NUMBER, workgroupFolds } from './wgsl/workgroup.js';

const THREADS = 64;

/** Features appended to every row: one marks a zero row of the first set, the other of the second. */
const MARKERS = 2;
/** What a marker holds at a zero row: its square is more than any two unit vectors can add to. */
const MARK = 2;

/** Numbers per row that {@link unitRows} makes of d features. */
export const unitWidth = (features: number): number => paddedWidth(features + MARKERS);

/**
 * Rows [B, n, d] divided by their length, with {@link MARKERS} features appended, and zeros up to the
 * next multiple of 4.
 */
class UnitRowsProgram implements WebGPUProgram {
  readonly variableNames = ['rows'];
  readonly uniforms = 'marker : i32,';
  readonly workgroupSize: [number, number, number] = [THREADS, 1, 1];
  readonly dispatchLayout = { x: [0, 1, 2] };
  dispatch: [number, number, number];
  shaderKey: string;

  constructor(
    readonly outputShape: number[],
    private readonly block: number,
  ) {
    this.shaderKey = `latentUnitRows_${block}`;
    this.dispatch = [outputShape[0] * outputShape[1], 1, 1];
  }

  /**
   * Rows are scaled by a power of two first, exactly, so that no square overflows or vanishes. Length
   * and quotient may be off by a few ulp on a GPU; that is a common factor of the row.
   */
  getUserCode(): string {
    return `
  ${WORKGROUP_NUMBER}
  ${workgroupFolds(THREADS, this.block)}

  fn main(index : i32) {
    let row = workgroupNumber();
    let live = row < uniforms.outShape.x * uniforms.outShape.y;
    let d = uniforms.rowsShape.z;
    let source = select(0, row * d, live);
    let lane = i32(localIndex);

    var largest = 0.0;
    for (var f = lane; f < d; f = f + ${THREADS}) {
      largest = max(largest, abs(rows[source + f]));
    }
    largest = workgroupMax(largest);
    var scale = 1.0;
    if (largest > 0x1p32) { scale = 0x1p-80; }
    if (largest < 0x1p-32) { scale = 0x1p80; }

    var squares = 0.0;
    for (var f = lane; f < d; f = f + ${THREADS}) {
      let value = rows[source + f] * scale;
      squares = squares + value * value;
    }
    squares = workgroupSum(squares);
    let zero = squares == 0.0;
    let inverse = select(1.0 / sqrt(squares), 0.0, zero);

    if (live) {
      let width = uniforms.outShape.z;
      let target_ = row * width;
      for (var f = lane; f < d; f = f + ${THREADS}) {
        result[target_ + f] = (rows[source + f] * scale) * inverse;
      }
      if (d + lane < width) {
        result[target_ + d + lane] = select(0.0, ${MARK}.0, zero && lane == uniforms.marker);
      }
    }
  }
`;
  }
}

/**
 * Unit rows of one of two sets. Half the squared distance of two of them is 1 - cos of the rows'
 * angle, without the cancellation of computing it so; where a row was zero the squared distance is
 * above {@link ZERO_ROW_BOUND}.
 * @param set 0 for the first set, 1 for the second: a zero row is marked in a feature of its own set.
 */
export function unitRows(
  backend: WebGPUBackend,
  rows: TensorInfo,
  set: 0 | 1,
  subgroups: Subgroups | undefined = programSubgroups(backend),
): TensorInfo {
  const [batch, n, d] = rows.shape;
  const block = blockLanes(subgroups, THREADS);
  const program = new UnitRowsProgram([batch, n, unitWidth(d)], block);
  return backend.runWebGPUProgram(program, [rows], 'float32', [{ type: 'int32', data: [set] }]);
}

/** Between 4, the largest squared distance of two unit vectors, and 4 + 1, one of them being zero. */
export const ZERO_ROW_BOUND = 4.5;
