import { DataError } from '../errors.js';
import { sizeOf } from '../util/shape.js';
import { elementType } from './elements.js';
import type { ElementType } from './elements.js';

/** What a binary array file says about itself. */
export interface ArrayHeader {
  readonly shape: readonly number[];
  readonly type: ElementType;
  /** Where the elements start. */
  readonly dataOffset: number;
}

const OP = 'npy';
const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

/** Bytes before the length field of the header: magic and version. */
export const NPY_PREFIX = 8;

/** Longest header that we read; a real one has about 100 bytes. */
const LONGEST_HEADER = 1 << 16;

/** NumPy type codes that we read; the first character is the byte order. */
const TYPES: Readonly<Record<string, string>> = {
  '<f4': 'float32',
  '<f8': 'float64',
  '|u1': 'uint8',
  '|i1': 'int8',
  '|b1': 'bool',
  '<i2': 'int16',
  '<u2': 'uint16',
  '<i4': 'int32',
  '<u4': 'uint32',
  '<i8': 'int64',
};

/**
 * Check the first bytes of a .npy file.
 * @returns the number of bytes of the header's length field: 2 in version 1, 4 in versions 2 and 3.
 */
export function npyLengthBytes(path: string, prefix: Uint8Array): 2 | 4 {
  if (MAGIC.some((byte, i) => prefix[i] !== byte)) {
    throw new DataError({
      op: OP,
      arg: path,
      expected: 'start with the bytes 93 4e 55 4d 50 59 of a .npy file',
      got: Array.from(prefix.subarray(0, 6), (b) => b.toString(16).padStart(2, '0')).join(' '),
      fix: 'Write it with numpy.save.',
    });
  }
  const [major, minor] = [prefix[6], prefix[7]];
  if (major < 1 || major > 3 || minor !== 0) {
    throw new DataError({
      op: OP,
      arg: path,
      expected: 'be of format version 1.0, 2.0 or 3.0',
      got: `${major}.${minor}`,
      fix: 'Write it with numpy.save.',
    });
  }
  return major === 1 ? 2 : 4;
}

/** Decode the length field of the header. */
export function npyHeaderLength(path: string, field: Uint8Array): number {
  const view = new DataView(field.buffer, field.byteOffset, field.byteLength);
  const length = field.byteLength === 2 ? view.getUint16(0, true) : view.getUint32(0, true);
  if (length > LONGEST_HEADER) {
    throw new DataError({
      op: OP,
      arg: path,
      expected: `have a header of at most ${LONGEST_HEADER} bytes`,
      got: `${length} bytes`,
      fix: 'The file is corrupt or holds a structured array; save a plain array.',
    });
  }
  return length;
}

/** Read the header's dictionary: `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`. */
export function parseNpyHeader(path: string, text: string, dataOffset: number): ArrayHeader {
  const fail = (expected: string, got: string, fix: string): DataError =>
    new DataError({ op: OP, arg: path, expected, got, fix });
  const dictionary = /^\{(.*)\}\s*$/s.exec(text)?.[1];
  const fortran = /'fortran_order':\s*(True|False)/.exec(text)?.[1];
  const shapeText = /'shape':\s*\(([\d\s,]*)\)/.exec(text)?.[1];
  const hasType = text.includes("'descr':");
  if (dictionary === undefined || fortran === undefined || shapeText === undefined || !hasType) {
    const shown = text
      .replace(/[^\x20-\x7e]/g, '?')
      .slice(0, 60)
      .trim();
    const fix = 'The header is corrupt; write the file again with numpy.save.';
    throw fail("have a header with 'descr', 'fortran_order' and 'shape'", shown, fix);
  }
  const code = /'descr':\s*'([^']*)'/.exec(text)?.[1];
  const name = code === undefined ? undefined : TYPES[code];
  if (name === undefined) {
    const rule = `hold elements of type ${Object.keys(TYPES).join(' ')}`;
    const fix = "Convert it: numpy.save(path, array.astype('<f4')).";
    throw fail(rule, code === undefined ? 'a structured type' : `'${code}'`, fix);
  }
  const shape = shapeText.split(',').flatMap((part) => (part.trim() === '' ? [] : [Number(part)]));
  // The order of elements does not matter when there is at most one axis.
  if (fortran === 'True' && shape.length > 1) {
    const fix = 'Convert it: numpy.save(path, numpy.ascontiguousarray(array)).';
    throw fail('be in C order (row after row)', 'Fortran order (column after column)', fix);
  }
  const type = elementType(name, false);
  if (!Number.isSafeInteger(sizeOf(shape) * type.bytes)) {
    throw fail('have a shape that a file can hold', `(${shapeText})`, 'The header is corrupt.');
  }
  return { shape, type, dataOffset };
}

/** Digits that a writer reserves for a row count that it does not know yet: 2^53 has 16. */
const COUNT_DIGITS = 16;

/**
 * The bytes before the data of a version 1.0 file, padded so that the data is aligned to 64 bytes.
 * All row counts give the same length, so a writer can put the final count in afterwards.
 */
export function formatNpyHeader(
  dtype: 'float32' | 'int32' | 'float64',
  shape: readonly number[],
): Uint8Array<ArrayBuffer> {
  const code = { float32: '<f4', int32: '<i4', float64: '<f8' }[dtype];
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const dictionary = `{'descr': '${code}', 'fortran_order': False, 'shape': (${tuple}), }`;
  const reserve = shape.length === 0 ? 0 : COUNT_DIGITS - String(shape[0]).length;
  const start = NPY_PREFIX + 2;
  const total = Math.ceil((start + dictionary.length + reserve + 1) / 64) * 64;
  const text = `${dictionary.padEnd(total - start - 1)}\n`;
  const out = new Uint8Array(total);
  out.set([...MAGIC, 1, 0]);
  new DataView(out.buffer).setUint16(NPY_PREFIX, text.length, true);
  out.set(new TextEncoder().encode(text), start);
  return out;
}
