/** How the elements of a binary file are stored. */
export interface ElementType {
  /** As a person would call it: "uint8". */
  readonly name: string;
  readonly bytes: number;
  readonly bigEndian: boolean;
  readonly read: (view: DataView, offset: number, littleEndian: boolean) => number;
}

type Reader = ElementType['read'];

const READERS: Readonly<Record<string, { readonly bytes: number; readonly read: Reader }>> = {
  bool: { bytes: 1, read: (view, at) => (view.getUint8(at) === 0 ? 0 : 1) },
  uint8: { bytes: 1, read: (view, at) => view.getUint8(at) },
  int8: { bytes: 1, read: (view, at) => view.getInt8(at) },
  int16: { bytes: 2, read: (view, at, little) => view.getInt16(at, little) },
  uint16: { bytes: 2, read: (view, at, little) => view.getUint16(at, little) },
  int32: { bytes: 4, read: (view, at, little) => view.getInt32(at, little) },
  uint32: { bytes: 4, read: (view, at, little) => view.getUint32(at, little) },
  int64: { bytes: 8, read: (view, at, little) => Number(view.getBigInt64(at, little)) },
  float32: { bytes: 4, read: (view, at, little) => view.getFloat32(at, little) },
  float64: { bytes: 8, read: (view, at, little) => view.getFloat64(at, little) },
};

/** @returns the type of that name, in the given byte order. */
export function elementType(name: string, bigEndian: boolean): ElementType {
  const { bytes, read } = READERS[name];
  return { name, bytes, bigEndian, read };
}

/** True where numbers in memory have their lowest byte first, as on every common processor. */
const HOST_IS_LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/**
 * Decode elements into `out`, divided by `divisor` (255 turns bytes into [0, 1]). float64 and 64-bit
 * integers are rounded to float32 when `out` is a Float32Array.
 */
export function decodeElements(
  type: ElementType,
  bytes: Uint8Array,
  out: Float32Array | Float64Array,
  divisor = 1,
): void {
  const little = !type.bigEndian;
  const isNative = type.name === 'float32' && little === HOST_IS_LITTLE_ENDIAN;
  if (isNative && bytes.byteOffset % 4 === 0) {
    out.set(new Float32Array(bytes.buffer, bytes.byteOffset, out.length));
    if (divisor !== 1) for (let i = 0; i < out.length; i++) out[i] /= divisor;
    return;
  }
  if (type.name === 'uint8') {
    for (let i = 0; i < out.length; i++) out[i] = bytes[i] / divisor;
    return;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let i = 0; i < out.length; i++) {
    out[i] = type.read(view, i * type.bytes, little) / divisor;
  }
}

/** The bytes of an array, lowest byte of each number first; a view where the host stores them so. */
export function littleEndianBytes(values: Float32Array | Int32Array | Float64Array): Uint8Array {
  const view = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  if (HOST_IS_LITTLE_ENDIAN) return view;
  const copy = Buffer.from(view);
  return values.BYTES_PER_ELEMENT === 8 ? copy.swap64() : copy.swap32();
}

/** Put bytes that were read with the lowest first into the host's order, in place. */
export function toHostOrder(bytes: Uint8Array, elementBytes: number): void {
  if (HOST_IS_LITTLE_ENDIAN) return;
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (elementBytes === 8) view.swap64();
  else view.swap32();
}
