import type { Rows } from '../util/rows.js';
import { rowSize } from '../util/rows.js';

/**
 * Rows on their way to a format that is written in whole groups: the number of the row as float64, then
 * its values as float32, all with the lowest byte first. A part of such a file is kept like this.
 */
export function recordBytes(width: number): number {
  return 8 + 4 * width;
}

/** Rows as records; `numbers` are those of the rows. */
export function toRecords(rows: Rows, numbers: ArrayLike<number>): Uint8Array {
  const width = rowSize(rows);
  const bytes = recordBytes(width);
  const out = new DataView(new ArrayBuffer(rows.count * bytes));
  for (let row = 0; row < rows.count; row++) {
    out.setFloat64(row * bytes, numbers[row], true);
    for (let c = 0; c < width; c++) {
      out.setFloat32(row * bytes + 8 + 4 * c, rows.data[row * width + c], true);
    }
  }
  return new Uint8Array(out.buffer);
}

/** Records as columns. */
export function fromRecords(
  records: Uint8Array,
  width: number,
): { readonly numbers: BigInt64Array; readonly columns: Float32Array[] } {
  const bytes = recordBytes(width);
  const count = records.length / bytes;
  const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
  const numbers = new BigInt64Array(count);
  const columns = Array.from({ length: width }, () => new Float32Array(count));
  for (let row = 0; row < count; row++) {
    numbers[row] = BigInt(view.getFloat64(row * bytes, true));
    for (let c = 0; c < width; c++) {
      columns[c][row] = view.getFloat32(row * bytes + 8 + 4 * c, true);
    }
  }
  return { numbers, columns };
}
