import { DataError } from '../errors.js';
import { sizeOf } from '../util/shape.js';
import { elementType } from './elements.js';
import type { ArrayHeader } from './npyFormat.js';

const OP = 'idx';

/** Type codes of the idx format; numbers are stored highest byte first. */
const TYPES: Readonly<Record<number, string>> = {
  0x08: 'uint8',
  0x09: 'int8',
  0x0b: 'int16',
  0x0c: 'int32',
  0x0d: 'float32',
  0x0e: 'float64',
};

/** Bytes of the magic number: 0, 0, type code, number of dimensions. */
export const IDX_MAGIC = 4;

/** Most dimensions that we accept; images in colour have 4. */
const MOST_DIMENSIONS = 8;

/** @returns the number of dimensions. */
export function idxRank(path: string, magic: Uint8Array): number {
  const [zero, nought, code, rank] = magic;
  const known = Object.hasOwn(TYPES, code) && rank >= 1 && rank <= MOST_DIMENSIONS;
  if (zero !== 0 || nought !== 0 || !known) {
    throw new DataError({
      op: OP,
      arg: path,
      expected: `start with an idx magic number (0, 0, type 8 to 14, 1 to ${MOST_DIMENSIONS} dimensions)`,
      got: magic.join(', '),
      fix: 'Check that it is an idx file as on the MNIST site.',
    });
  }
  return rank;
}

/** @param dims The sizes that follow the magic number, 4 bytes each. */
export function parseIdxHeader(path: string, magic: Uint8Array, dims: Uint8Array): ArrayHeader {
  const view = new DataView(dims.buffer, dims.byteOffset, dims.byteLength);
  const shape = Array.from({ length: dims.byteLength / 4 }, (_, i) => view.getUint32(4 * i, false));
  const type = elementType(TYPES[magic[2]], true);
  if (!Number.isSafeInteger(sizeOf(shape) * type.bytes)) {
    throw new DataError({
      op: OP,
      arg: path,
      expected: 'have dimensions that a file can hold',
      got: shape.join(' x '),
      fix: 'The header is corrupt.',
    });
  }
  return { shape, type, dataOffset: IDX_MAGIC + dims.byteLength };
}
