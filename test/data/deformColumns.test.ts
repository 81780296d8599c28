import { describe, expect, it } from 'vitest';
import { COLUMN_DEFORMATIONS, deformColumns } from '../../src/data/index.js';
import { DomainError, ShapeError } from '../../src/errors.js';
import { Rng } from '../../src/util/rng.js';
import type { Rows } from '../../src/util/rows.js';

function table(count: number): Rows {
  const rng = new Rng(5);
  const data = Float32Array.from({ length: 3 * count }, (_, i) => (i % 3) + (1 + (i % 3)) * rng.normal()); // prettier-ignore
  return { data, count, rowShape: [3] };
}

const column = (rows: Rows, j: number): number[] =>
  Array.from({ length: rows.count }, (_, i) => rows.data[3 * i + j]);

function deviation(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}

describe('deformColumns', () => {
  it.each(COLUMN_DEFORMATIONS)(
    'property: %s keeps the shape, is seeded, leaves its input and other columns',
    (kind) => {
      const rows = table(50);
      const before = rows.data.slice();
      const out = deformColumns(rows, kind, { seed: 3, columns: [1] });
      expect([out.count, out.rowShape]).toEqual([50, [3]]);
      expect(rows.data).toEqual(before);
      expect([column(out, 0), column(out, 2)]).toEqual([column(rows, 0), column(rows, 2)]);
      expect(column(out, 1)).not.toEqual(column(rows, 1));
      expect(deformColumns(rows, kind, { seed: 3, columns: [1] }).data).toEqual(out.data);
    },
  );

  it('golden: scale multiplies, shuffle keeps the values of each column', () => {
    const rows = table(40);
    const doubled = deformColumns(rows, 'scale-high', { seed: 1 });
    expect(doubled.data).toEqual(rows.data.map((value) => 2 * value));
    const shuffled = deformColumns(rows, 'shuffle', { seed: 1 });
    for (const j of [0, 1, 2]) {
      expect(column(shuffled, j).sort()).toEqual(column(rows, j).sort());
      expect(column(shuffled, j)).not.toEqual(column(rows, j));
    }
  });

  it('reference: noise has the stated deviation in each column', () => {
    const rows = table(4000);
    for (const [kind, factor] of [
      ['noise-low', 0.5],
      ['noise-high', 2],
    ] as const) {
      // prettier-ignore
      const out = deformColumns(rows, kind, { seed: 1 });
      for (const j of [0, 1, 2]) {
        const added = column(out, j).map((value, i) => value - rows.data[3 * i + j]);
        // The deviation of 4,000 draws has itself a deviation of 1.1 %: five of them.
        const ratio = deviation(added) / deviation(column(rows, j)) / factor;
        expect(Math.abs(ratio - 1)).toBeLessThan(0.056);
      }
    }
  });

  it('error: unknown kind, column that is not there, empty rows, NaN', () => {
    const rows = table(4);
    expect(() => deformColumns(rows, 'blur' as never, { seed: 1 })).toThrow(
      "deformColumns: kind must be one of noise-low, noise-high, scale-low, scale-high, shuffle, got 'blur'.",
    );
    expect(() => deformColumns(rows, 'shuffle', { seed: 1, columns: [3] })).toThrow(
      'deformColumns: columns must be columns in [0, 2], got 3.',
    );
    const none = { data: new Float32Array(0), count: 0, rowShape: [3] };
    expect(() => deformColumns(none, 'shuffle', { seed: 1 })).toThrow(ShapeError);
    rows.data[5] = NaN;
    expect(() => deformColumns(rows, 'shuffle', { seed: 1 })).toThrow(DomainError);
  });
});
