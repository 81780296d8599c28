/**
 * The part of the ZIP format that .npz files need (APPNOTE 6.3): entries without encryption on one disk,
 * with the 64-bit fields where a size or a position needs them.
 */

/** What the central directory says of an entry. */
export interface ZipEntry {
  readonly name: string;
  /** 0 stored, 8 deflate. */
  readonly method: number;
  readonly crc: number;
  readonly packedBytes: number;
  readonly bytes: number;
  /** Where the entry's local header starts. */
  readonly offset: number;
  /** Whether the entry is encrypted. */
  readonly isEncrypted: boolean;
}

/** Where the central directory is. */
export interface ZipDirectory {
  readonly entries: number;
  readonly bytes: number;
  readonly offset: number;
}

export const LOCAL_HEADER = 30;
const CENTRAL_HEADER = 46;
/** Longest end of a file: the end record, a comment, the 64-bit record and its locator. */
export const LONGEST_END = 22 + 0xffff + 56 + 20;

const SIGNATURE = {
  local: 0x04034b50,
  central: 0x02014b50,
  end: 0x06054b50,
  end64: 0x06064b50,
  locator64: 0x07064b50,
} as const;

/** Values from here on stand in the 64-bit fields. */
const BIG = 0xffffffff;
const BIG_COUNT = 0xffff;

/** Version needed to read: 2.0, and 4.5 with 64-bit fields. */
const [VERSION, VERSION_64] = [20, 45];

/** Bit 11: names are UTF-8. */
const UTF8 = 0x0800;

/** 1980-01-01, the first day that the format knows: equal content gives equal bytes. */
const DATE = 0x0021;

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let c = byte;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

/** CRC-32 of bytes that follow those whose sum is `before`. */
export function crc32(bytes: Uint8Array, before = 0): number {
  let c = ~before;
  for (let i = 0; i < bytes.length; i++) c = CRC_TABLE[(c ^ bytes[i]) & 0xff] ^ (c >>> 8);
  return ~c >>> 0;
}

class FieldWriter {
  private readonly out: number[] = [];

  u16(value: number): this {
    this.out.push(value & 0xff, (value >>> 8) & 0xff);
    return this;
  }

  u32(value: number): this {
    return this.u16(value & 0xffff).u16(Math.floor(value / 0x10000) & 0xffff);
  }

  u64(value: number): this {
    return this.u32(value % 0x100000000).u32(Math.floor(value / 0x100000000));
  }

  bytes(values: Uint8Array): this {
    for (const value of values) this.out.push(value);
    return this;
  }

  done(): Uint8Array {
    return Uint8Array.from(this.out);
  }
}

const capped = (value: number): number => Math.min(value, BIG);

/** The header before a stored entry's data. */
export function zipLocalHeader({ name, crc, bytes }: ZipEntry): Uint8Array {
  const text = new TextEncoder().encode(name);
  const isBig = bytes >= BIG;
  const header = new FieldWriter()
    .u32(SIGNATURE.local)
    .u16(isBig ? VERSION_64 : VERSION)
    .u16(UTF8)
    .u16(0)
    .u16(0)
    .u16(DATE)
    .u32(crc)
    .u32(capped(bytes))
    .u32(capped(bytes))
    .u16(text.length)
    .u16(isBig ? 20 : 0)
    .bytes(text);
  if (isBig) header.u16(1).u16(16).u64(bytes).u64(bytes);
  return header.done();
}

function centralHeader({ name, crc, bytes, offset }: ZipEntry): Uint8Array {
  const text = new TextEncoder().encode(name);
  const fields = [...(bytes >= BIG ? [bytes, bytes] : []), ...(offset >= BIG ? [offset] : [])];
  const isBig = fields.length > 0;
  const header = new FieldWriter()
    .u32(SIGNATURE.central)
    .u16(isBig ? VERSION_64 : VERSION)
    .u16(isBig ? VERSION_64 : VERSION)
    .u16(UTF8)
    .u16(0)
    .u16(0)
    .u16(DATE)
    .u32(crc)
    .u32(capped(bytes))
    .u32(capped(bytes))
    .u16(text.length)
    .u16(isBig ? 4 + 8 * fields.length : 0)
    .u16(0)
    .u16(0)
    .u16(0)
    .u32(0)
    .u32(capped(offset))
    .bytes(text);
  if (isBig) {
    header.u16(1).u16(8 * fields.length);
    for (const field of fields) header.u64(field);
  }
  return header.done();
}

/** The central directory and the end of a file whose stored entries end at `offset`. */
export function zipEnd(entries: readonly ZipEntry[], offset: number): Uint8Array {
  const headers = entries.map(centralHeader);
  const bytes = headers.reduce((sum, header) => sum + header.length, 0);
  const count = entries.length;
  const end = new FieldWriter();
  for (const header of headers) end.bytes(header);
  if (offset >= BIG || bytes >= BIG || count >= BIG_COUNT) {
    end.u32(SIGNATURE.end64).u64(44).u16(VERSION_64).u16(VERSION_64).u32(0).u32(0);
    end.u64(count).u64(count).u64(bytes).u64(offset);
    end
      .u32(SIGNATURE.locator64)
      .u32(0)
      .u64(offset + bytes)
      .u32(1);
  }
  const most = Math.min(count, BIG_COUNT);
  end.u32(SIGNATURE.end).u16(0).u16(0).u16(most).u16(most);
  return end.u32(capped(bytes)).u32(capped(offset)).u16(0).done();
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const u64At = (fields: DataView, at: number): number => Number(fields.getBigUint64(at, true));

/**
 * Find the central directory from the last bytes of a file (LONGEST_END of them, or all).
 * @param start Position in the file of the first of these bytes.
 * @returns undefined when there is no end record.
 */
export function findZipDirectory(tail: Uint8Array, start: number): ZipDirectory | undefined {
  const fields = view(tail);
  for (let at = tail.length - 22; at >= 0; at--) {
    if (fields.getUint32(at, true) !== SIGNATURE.end) continue;
    if (at + 22 + fields.getUint16(at + 20, true) !== tail.length) continue;
    const locator = at - 20;
    if (locator >= 0 && fields.getUint32(locator, true) === SIGNATURE.locator64) {
      const record = u64At(fields, locator + 8) - start;
      if (record < 0 || record + 56 > tail.length) return undefined;
      if (fields.getUint32(record, true) !== SIGNATURE.end64) return undefined;
      return {
        entries: u64At(fields, record + 32),
        bytes: u64At(fields, record + 40),
        offset: u64At(fields, record + 48),
      };
    }
    return {
      entries: fields.getUint16(at + 10, true),
      bytes: fields.getUint32(at + 12, true),
      offset: fields.getUint32(at + 16, true),
    };
  }
  return undefined;
}

/** The entries of a central directory; undefined when it is damaged. */
export function parseZipDirectory(bytes: Uint8Array, count: number): ZipEntry[] | undefined {
  const fields = view(bytes);
  const entries: ZipEntry[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + CENTRAL_HEADER > bytes.length) return undefined;
    if (fields.getUint32(at, true) !== SIGNATURE.central) return undefined;
    const name = fields.getUint16(at + 28, true);
    const extra = fields.getUint16(at + 30, true);
    const next = at + CENTRAL_HEADER + name + extra + fields.getUint16(at + 32, true);
    if (next > bytes.length) return undefined;
    const text = bytes.subarray(at + CENTRAL_HEADER, at + CENTRAL_HEADER + name);
    const plain = {
      bytes: fields.getUint32(at + 24, true),
      packedBytes: fields.getUint32(at + 20, true),
      offset: fields.getUint32(at + 42, true),
    };
    const extraStart = at + CENTRAL_HEADER + name;
    entries.push({
      name: new TextDecoder().decode(text),
      method: fields.getUint16(at + 10, true),
      crc: fields.getUint32(at + 16, true),
      isEncrypted: (fields.getUint16(at + 8, true) & 1) === 1,
      ...bigFields(fields, extraStart, extraStart + extra, plain),
    });
    at = next;
  }
  return entries;
}

type Sizes = Pick<ZipEntry, 'bytes' | 'packedBytes' | 'offset'>;

/** Fields that are all ones stand, in this order, in the extra field 1. */
function bigFields(fields: DataView, start: number, end: number, plain: Sizes): Sizes {
  let at = start;
  while (at + 4 <= end) {
    const length = fields.getUint16(at + 2, true);
    if (fields.getUint16(at, true) === 1) {
      let next = at + 4;
      const read = (value: number): number => {
        if (value !== BIG || next + 8 > Math.min(end, at + 4 + length)) return value;
        next += 8;
        return u64At(fields, next - 8);
      };
      return {
        bytes: read(plain.bytes),
        packedBytes: read(plain.packedBytes),
        offset: read(plain.offset),
      };
    }
    at += 4 + length;
  }
  return plain;
}

/** Bytes from the start of a local header to the entry's data; undefined when it is no such header. */
export function zipDataStart(header: Uint8Array): number | undefined {
  const fields = view(header);
  if (header.length < LOCAL_HEADER || fields.getUint32(0, true) !== SIGNATURE.local) {
    return undefined;
  }
  return LOCAL_HEADER + fields.getUint16(26, true) + fields.getUint16(28, true);
}
