import { ShapeError } from '../errors.js';
import { formatShape, sizeOf } from '../util/shape.js';
import { writeFileAtomic } from './atomicFile.js';
import { littleEndianBytes } from './elements.js';
import { formatNpyHeader } from './npyFormat.js';

/** Array types that writeNpy stores. */
export type NpyData = Float32Array | Int32Array | Float64Array;

/** The bytes of a .npy file (version 1.0, C order) with an array of that shape. */
export function encodeNpy(data: NpyData, shape: readonly number[]): Uint8Array {
  if (sizeOf(shape) !== data.length) {
    throw new ShapeError({
      op: 'npy',
      arg: 'data',
      expected: `hold ${sizeOf(shape)} values for shape ${formatShape(shape)}`,
      got: String(data.length),
    });
  }
  const isFloat = data instanceof Float32Array;
  const dtype = isFloat ? 'float32' : data instanceof Int32Array ? 'int32' : 'float64';
  const header = formatNpyHeader(dtype, shape);
  const out = new Uint8Array(header.length + data.byteLength);
  out.set(header);
  out.set(littleEndianBytes(data), header.length);
  return out;
}

/**
 * Write an array as a .npy file (version 1.0, C order); the file appears complete or not at all.
 * @param data float32, int32 or float64; the file has the same type.
 * @param shape Product must be the number of values. Default: one axis.
 * @throws ShapeError when data and shape do not fit. @throws DataError when it cannot be written.
 * @example
 * await writeNpy('latents.npy', rows.data, [rows.count, ...rows.rowShape]);
 */
export async function writeNpy(
  path: string,
  data: NpyData,
  shape: readonly number[] = [data.length],
): Promise<void> {
  await writeFileAtomic(path, encodeNpy(data, shape));
}
