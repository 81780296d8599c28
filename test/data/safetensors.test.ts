import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readSafetensors, writeSafetensors } from '../../src/data/index.js';
import type { SavedArray } from '../../src/util/artifacts.js';
import { PROPERTY } from '../support/arbitraries.js';
import { failureOf, useTempFolder } from './files.js';

const files = useTempFolder();

const savedArray: fc.Arbitrary<SavedArray> = fc.oneof(
  fc.array(fc.float(), { maxLength: 6 }).map((values) => ({
    dtype: 'float32' as const,
    shape: [values.length],
    data: Float32Array.from(values),
  })),
  fc.array(fc.double(), { minLength: 2, maxLength: 2 }).map((values) => ({
    dtype: 'float64' as const,
    shape: [1, 2],
    data: Float64Array.from(values),
  })),
  fc.integer().map((value) => ({ dtype: 'int32' as const, shape: [], data: Int32Array.of(value) })),
);

/** Bits of all arrays, so that NaN and -0 count. */
function bits(arrays: { readonly [name: string]: SavedArray }): unknown {
  return Object.entries(arrays)
    .map(([name, { dtype, shape, data }]) => [
      name,
      dtype,
      shape,
      Array.from(new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
    ])
    .sort();
}

/** A file with that header and that many bytes of data. */
function fileWith(header: unknown, dataBytes: number): Uint8Array {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, Buffer.alloc(dataBytes)]);
}

const entry = (
  offsets: [number, number],
  shape: number[] = [1],
  dtype = 'F32',
): { dtype: string; shape: number[]; data_offsets: [number, number] } => ({
  dtype,
  shape,
  data_offsets: offsets,
});

describe('safetensors', () => {
  it('property: arrays come back with the same bits; equal arrays give equal checksums', async () => {
    const names = fc.string().filter((name) => !/^__(proto|metadata)__$/.test(name));
    await fc.assert(
      fc.asyncProperty(fc.dictionary(names, savedArray), async (arrays) => {
        const path = files.path('p.safetensors');
        const sha256 = await writeSafetensors(path, arrays);
        const read = await readSafetensors(path);
        expect(bits(read.arrays)).toEqual(bits(arrays));
        expect(read.sha256).toBe(sha256);
        const turned = Object.fromEntries(Object.entries(arrays).reverse());
        expect(await writeSafetensors(path, turned)).toBe(sha256);
      }),
      PROPERTY,
    );
  });

  it('golden: layout of the file, data aligned to 8 bytes', async () => {
    const path = files.path('g.safetensors');
    const one: SavedArray = { dtype: 'float32', shape: [1], data: Float32Array.of(1) };
    await writeSafetensors(path, {
      b: one,
      a: { dtype: 'float64', shape: [1], data: Float64Array.of(2) },
    });
    const bytes = await readFile(path);
    const length = Number(bytes.readBigUInt64LE(0));
    expect(length % 8).toBe(0);
    expect(JSON.parse(bytes.subarray(8, 8 + length).toString())).toEqual({
      a: entry([0, 8], [1], 'F64'),
      b: entry([8, 12]),
    });
    expect(bytes.readDoubleLE(8 + length)).toBe(2);
    expect(bytes.readFloatLE(8 + length + 8)).toBe(1);
  });

  it('golden: reads __metadata__ of other writers over', async () => {
    const header = { __metadata__: { format: 'pt' }, a: entry([0, 4]) };
    const path = await files.put('m.safetensors', fileWith(header, 4));
    expect(Object.keys((await readSafetensors(path)).arrays)).toEqual(['a']);
  });

  it('error: cut at any byte, or with a byte more', async () => {
    const path = files.path('w.safetensors');
    await writeSafetensors(path, {
      a: { dtype: 'int32', shape: [3], data: Int32Array.of(1, 2, 3) },
    });
    const whole = await readFile(path);
    for (let cut = 0; cut < whole.length; cut++) {
      const short = await files.put('cut.safetensors', whole.subarray(0, cut));
      expect(await failureOf(readSafetensors(short))).toMatch(
        /^DataError: safetensors: .*cut\.safetensors must .*truncated/,
      );
    }
    const long = await files.put('cut.safetensors', Buffer.concat([whole, Buffer.from('x')]));
    expect(await failureOf(readSafetensors(long))).toContain('got 13 (too long)');
  });

  it.each([
    ['no JSON', '{"a":', 0, 'have a header in JSON'],
    ['a list', '[1]', 0, 'lists arrays by name'],
    ['an array without offsets', { a: { dtype: 'F32', shape: [1] } }, 4, "describe array 'a'"],
    ['a negative size', { a: entry([0, 4], [-1]) }, 4, "describe array 'a'"],
    [
      'an unknown type',
      { a: entry([0, 2], [1], 'F16') },
      2,
      "array 'a' of type F64, F32, I32, got F16",
    ],
    ['a wrong length', { a: entry([0, 8]) }, 8, "give array 'a' 4 bytes for its shape [1], got 8"],
    ['a gap', { a: entry([0, 4]), b: entry([8, 12]) }, 12, "array 'b' start at byte 4"],
    ['an overlap', { a: entry([0, 4]), b: entry([0, 4]) }, 8, "array 'b' start at byte 4"],
    ['numbers as metadata', { __metadata__: { a: 1 } }, 0, 'texts only in its __metadata__'],
    ['a huge shape', { a: entry([0, 4], [2 ** 40, 2 ** 40]) }, 4, "give array 'a'"],
  ])('error: header with %s', async (_, header, dataBytes, words) => {
    const path = await files.put('h.safetensors', fileWith(header, dataBytes));
    const message = await failureOf(readSafetensors(path));
    expect(message).toMatch(/^DataError: safetensors: .*h\.safetensors must /);
    expect(message).toContain(words);
  });

  it('error: a header length beyond the file, a missing file', async () => {
    const path = await files.put('l.safetensors', Buffer.alloc(16, 0xff));
    expect(await failureOf(readSafetensors(path))).toContain('must have a header of 2 to 8 bytes');
    expect(await failureOf(readSafetensors(files.path('no.safetensors')))).toContain('must exist');
  });

  it('error: writing a shape that does not fit, or a reserved name', async () => {
    const data = Float32Array.of(1);
    const path = files.path('e.safetensors');
    expect(
      await failureOf(writeSafetensors(path, { a: { dtype: 'float32', shape: [2], data } })),
    ).toContain("array 'a' for");
    const reserved = { __metadata__: { dtype: 'float32', shape: [1], data } } as const;
    expect(await failureOf(writeSafetensors(path, reserved))).toContain('DomainError');
    expect(await files.list()).not.toContain('e.safetensors');
  });
});
