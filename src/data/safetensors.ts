import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { z } from 'zod';
import { DataError, DomainError } from '../errors.js';
import type { SavedArray } from '../util/artifacts.js';
import { formatShape, sizeOf } from '../util/shape.js';
import { littleEndianBytes, toHostOrder } from './elements.js';
import { withFileErrors } from './fileErrors.js';

const OP = 'safetensors';

type Dtype = SavedArray['dtype'];

/** Element types that we store, by their names in the file. */
const TYPES: Readonly<Record<string, { readonly dtype: Dtype; readonly bytes: number }>> = {
  F64: { dtype: 'float64', bytes: 8 },
  F32: { dtype: 'float32', bytes: 4 },
  I32: { dtype: 'int32', bytes: 4 },
};

const CODES: Readonly<Record<Dtype, string>> = { float64: 'F64', float32: 'F32', int32: 'I32' };

/** Names that mean something else in the file or in JavaScript. */
const RESERVED = ['__metadata__', '__proto__'];

/** The header's length field. */
const LENGTH_BYTES = 8;

/** Longest header that the format's reference implementation reads. */
const LONGEST_HEADER = 100_000_000;

/** The data starts at a multiple of this, so that every element is aligned. */
const ALIGNMENT = 8;

/** Bytes of one call to the disk: calls of 2 GiB and more are refused by some systems. */
const PIECE_BYTES = 1 << 28;

const size = z.number().int().nonnegative();
const entrySchema = z.strictObject({
  dtype: z.string(),
  shape: z.array(size),
  data_offsets: z.tuple([size, size]),
});
const headerSchema = z.record(z.string(), z.unknown());
const metadataSchema = z.record(z.string(), z.string());

/** Arrays of a file, and the checksum of the whole file. */
export interface SafetensorsFile {
  readonly arrays: { readonly [name: string]: SavedArray };
  /** sha256 of all bytes of the file, in hexadecimal. */
  readonly sha256: string;
}

/**
 * Write arrays as a safetensors file: 8 bytes with the length of the header (lowest first), the
 * header in JSON, the data. Arrays stand in the order of element size, then name, so each is aligned;
 * equal arrays give equal bytes. The file is not atomic: write it into a staged folder.
 * @returns the sha256 of the file, in hexadecimal.
 * @throws DataError when the disk is full or read-only, or a shape and its data do not fit.
 * @throws DomainError for a reserved name (__metadata__, __proto__).
 */
export async function writeSafetensors(
  path: string,
  arrays: { readonly [name: string]: SavedArray },
): Promise<string> {
  const entries = Object.entries(arrays).sort(([nameA, a], [nameB, b]) => {
    const bySize = b.data.BYTES_PER_ELEMENT - a.data.BYTES_PER_ELEMENT;
    return bySize !== 0 ? bySize : nameA < nameB ? -1 : 1;
  });
  const header = formatHeader(path, entries);
  const hash = createHash('sha256');
  await withFileErrors(OP, path, async () => {
    const file = await open(path, 'w');
    try {
      for (const bytes of [header, ...entries.map(([, { data }]) => littleEndianBytes(data))]) {
        hash.update(bytes);
        await writeAll(file, bytes);
      }
    } finally {
      await file.close();
    }
  });
  return hash.digest('hex');
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    await file.writeFile(bytes.subarray(at, at + PIECE_BYTES));
  }
}

function formatHeader(path: string, entries: readonly [string, SavedArray][]): Uint8Array {
  let offset = 0;
  const header: [string, unknown][] = entries.map(([name, { dtype, shape, data }]) => {
    if (RESERVED.includes(name)) {
      const expected = `not be named ${RESERVED.join(' or ')}`;
      throw new DomainError({ op: OP, arg: `an array for ${path}`, expected, got: name });
    }
    if (sizeOf(shape) !== data.length) {
      throw new DataError({
        op: OP,
        arg: `array '${name}' for ${path}`,
        expected: `hold ${sizeOf(shape)} values for shape ${formatShape(shape)}`,
        got: String(data.length),
      });
    }
    const start = offset;
    offset += data.byteLength;
    return [name, { dtype: CODES[dtype], shape, data_offsets: [start, offset] }];
  });
  const text = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const length = Math.ceil(text.length / ALIGNMENT) * ALIGNMENT;
  const out = new Uint8Array(LENGTH_BYTES + length).fill(0x20);
  new DataView(out.buffer).setBigUint64(0, BigInt(length), true);
  out.set(text, LENGTH_BYTES);
  return out;
}

/** Where an array stands in the data. */
interface Entry {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly start: number;
  readonly end: number;
}

/**
 * Read a safetensors file. Strict: element types F32, I32 and F64; every array where the header says,
 * of the length that its shape needs; no gap, no overlap, nothing after the data.
 * @throws DataError when the file is missing, truncated, too long, or its header is wrong.
 */
export async function readSafetensors(path: string): Promise<SafetensorsFile> {
  return withFileErrors(OP, path, async () => {
    const file = await open(path, 'r');
    try {
      const facts = await file.stat();
      const hash = createHash('sha256');
      const take = async (bytes: Uint8Array): Promise<void> => {
        await readAll(file, path, bytes);
        hash.update(bytes);
      };
      const field = new Uint8Array(LENGTH_BYTES);
      if (facts.size < LENGTH_BYTES) throw truncated(path, LENGTH_BYTES, facts.size);
      await take(field);
      const length = headerLength(path, field, facts.size);
      const text = new Uint8Array(length);
      await take(text);
      const dataBytes = facts.size - LENGTH_BYTES - length;
      const entries = parseHeader(path, text, dataBytes);
      const arrays: [string, SavedArray][] = [];
      for (const { name, dtype, shape } of entries) {
        const data = allocate(dtype, sizeOf(shape));
        const bytes = new Uint8Array(data.buffer);
        await take(bytes);
        toHostOrder(bytes, data.BYTES_PER_ELEMENT);
        arrays.push([name, { dtype, shape, data }]);
      }
      return { arrays: Object.fromEntries(arrays), sha256: hash.digest('hex') };
    } finally {
      await file.close();
    }
  });
}

function allocate(dtype: Dtype, length: number): Float32Array | Int32Array | Float64Array {
  if (dtype === 'float32') return new Float32Array(length);
  return dtype === 'int32' ? new Int32Array(length) : new Float64Array(length);
}

async function readAll(file: FileHandle, path: string, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const length = Math.min(PIECE_BYTES, bytes.length - at);
    const { bytesRead } = await file.read(bytes, at, length, null);
    // The size was checked before: the file shrank while it was read.
    if (bytesRead === 0) throw truncated(path, bytes.length, at);
    at += bytesRead;
  }
}

function truncated(path: string, wanted: number, got: number): DataError {
  return new DataError({
    op: OP,
    arg: path,
    expected: `hold ${wanted} bytes there`,
    got: `${got} (truncated)`,
    fix: 'Write the file again.',
  });
}

function headerLength(path: string, field: Uint8Array<ArrayBuffer>, fileBytes: number): number {
  const length = new DataView(field.buffer).getBigUint64(0, true);
  const most = Math.min(LONGEST_HEADER, fileBytes - LENGTH_BYTES);
  if (length >= 2n && length <= BigInt(most)) return Number(length);
  throw new DataError({
    op: OP,
    arg: path,
    expected: `have a header of 2 to ${most} bytes`,
    got: `${length.toString()} (truncated, or not a safetensors file)`,
    fix: 'Write the file again.',
  });
}

/** Entries in the order of the data. */
function parseHeader(path: string, bytes: Uint8Array, dataBytes: number): Entry[] {
  const fail = (expected: string, got: string): DataError =>
    new DataError({ op: OP, arg: path, expected, got, fix: 'Write the file again.' });
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw fail('have a header in JSON', error instanceof Error ? error.message : String(error));
  }
  const header = headerSchema.safeParse(json);
  if (!header.success) throw fail('have a header that lists arrays by name', typeof json);
  const entries: Entry[] = [];
  for (const [name, value] of Object.entries(header.data)) {
    if (name === '__metadata__') {
      if (!metadataSchema.safeParse(value).success) {
        throw fail('have texts only in its __metadata__', JSON.stringify(value).slice(0, 60));
      }
      continue;
    }
    entries.push(parseEntry(name, value, fail));
  }
  entries.sort((a, b) => a.start - b.start || a.end - b.end);
  let offset = 0;
  for (const { name, start, end } of entries) {
    if (start !== offset) {
      throw fail(`have array '${name}' start at byte ${offset} of the data`, String(start));
    }
    offset = end;
  }
  if (offset !== dataBytes) {
    const what = dataBytes < offset ? 'truncated' : 'too long';
    throw fail(`hold ${offset} bytes of data`, `${dataBytes} (${what})`);
  }
  return entries;
}

function parseEntry(
  name: string,
  value: unknown,
  fail: (expected: string, got: string) => DataError,
): Entry {
  const parsed = entrySchema.safeParse(value);
  if (!parsed.success) {
    const rule = `describe array '${name}' by dtype, shape and data_offsets`;
    throw fail(rule, (JSON.stringify(value) as string | undefined)?.slice(0, 60) ?? 'nothing');
  }
  const { dtype: code, shape, data_offsets: offsets } = parsed.data;
  const [start, end] = offsets;
  if (!Object.hasOwn(TYPES, code)) {
    throw fail(`have array '${name}' of type ${Object.keys(TYPES).join(', ')}`, code);
  }
  const { dtype, bytes } = TYPES[code];
  const length = sizeOf(shape) * bytes;
  if (end - start !== length) {
    const rule = `give array '${name}' ${length} bytes for its shape ${formatShape(shape)}`;
    throw fail(rule, String(end - start));
  }
  return { name, dtype, shape, start, end };
}
