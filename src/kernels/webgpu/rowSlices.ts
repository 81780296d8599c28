import type { TensorInfo } from '@tensorflow/tfjs';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import { UnsupportedError } from '../../errors.js';
import { formatShape } from '../../util/shape.js';

const BYTES = 4;

/** Some consecutive rows of a set. */
export interface RowRange {
  readonly first: number;
  readonly count: number;
}

/**
 * All rows of a set in parts of which each fits one storage binding.
 * @param width Numbers per row.
 * @param limit Bytes of a binding.
 * @throws UnsupportedError when a single row does not fit.
 */
export function rowRanges(
  op: string,
  arg: string,
  rows: number,
  width: number,
  limit: number,
): RowRange[] {
  const most = width === 0 ? rows : Math.floor(limit / (width * BYTES));
  if (most === 0 && rows > 0) {
    throw new UnsupportedError({
      op,
      arg,
      expected: `have rows within the ${limit} bytes of one storage binding of this GPU device`,
      got: `rows of ${width * BYTES} bytes`,
    });
  }
  const ranges: RowRange[] = [];
  for (let first = 0; first < rows; first += most) {
    ranges.push({ first, count: Math.min(most, rows - first) });
  }
  return ranges;
}

/**
 * A copy of rows of one element of a batch, [B, n, w] -> [1, count, w]; what is larger than a binding
 * can be copied though no program can read it.
 */
export function copyRows(
  backend: WebGPUBackend,
  rows: TensorInfo,
  batch: number,
  { first, count }: RowRange,
): TensorInfo {
  const [, n, width] = rows.shape;
  const copy = backend.makeTensorInfo([1, count, width], 'float32');
  backend.uploadToGPU(rows.dataId);
  backend.uploadToGPU(copy.dataId);
  const bufferOf = ({ dataId, shape }: TensorInfo): GPUBuffer => {
    const { resource } = backend.tensorMap.get(dataId);
    if (resource === undefined || !('mapState' in resource)) {
      throw new Error(`no buffer for a tensor of shape ${formatShape(shape)}`);
    }
    return resource;
  };
  // What has been recorded so far may write the rows, so it goes first.
  backend.ensureCommandEncoderReady();
  backend.endComputePassEncoder();
  backend.submitQueue();
  const encoder = backend.device.createCommandEncoder();
  const start = (batch * n + first) * width * BYTES;
  encoder.copyBufferToBuffer(bufferOf(rows), start, bufferOf(copy), 0, count * width * BYTES);
  backend.queue.submit([encoder.finish()]);
  return copy;
}
