import { createHash } from 'node:crypto';

/** sha256 of arrays, one after the other, in hexadecimal. */
export function digestOf(arrays: readonly ArrayBufferView[]): string {
  const hash = createHash('sha256');
  for (const { buffer, byteOffset, byteLength } of arrays) {
    hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  return hash.digest('hex');
}

/** Those of the keys under which two records of plain JSON differ. */
export function differingKeys<T extends object>(
  want: T,
  got: T,
  keys: readonly (string & keyof T)[],
): string[] {
  return keys.filter((key) => JSON.stringify(want[key]) !== JSON.stringify(got[key]));
}
