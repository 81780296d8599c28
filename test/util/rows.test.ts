import { describe, expect, it } from 'vitest';
import { DomainError, ShapeError } from '../../src/errors.js';
import { checkRows, sliceRows, takeRows, takeTargets } from '../../src/util/rows.js';
import type { Rows } from '../../src/util/rows.js';

const rows: Rows = { data: Float32Array.of(1, 2, 3, 4, 5, 6), count: 3, rowShape: [2] };

describe('rows', () => {
  it('slices are views, takes are copies', () => {
    const slice = sliceRows(rows, 1, 9);
    expect([...slice.data]).toEqual([3, 4, 5, 6]);
    expect(slice.count).toBe(2);
    expect(slice.data.buffer).toBe(rows.data.buffer);
    const taken = takeRows(rows, [2, 0, 2]);
    expect([...taken.data]).toEqual([5, 6, 1, 2, 5, 6]);
    expect(taken.data.buffer).not.toBe(rows.data.buffer);
  });

  it('takes targets of both kinds', () => {
    const labels = takeTargets(
      { kind: 'class', values: Int32Array.of(4, 5, 6), classes: 7 },
      [2, 1],
    );
    expect(labels).toEqual({ kind: 'class', values: Int32Array.of(6, 5), classes: 7 });
    const real = takeTargets({ kind: 'real', values: Float32Array.of(0.5, 1.5) }, [1]);
    expect(real).toEqual({ kind: 'real', values: Float32Array.of(1.5) });
  });

  it('accepts what is whole', () => {
    expect(() => checkRows('op', 'x', rows, [2])).not.toThrow();
  });

  it('error: empty, wrong length and wrong row shape', () => {
    for (const [bad, got] of [
      [undefined, 'undefined'],
      [[[1, 2]], 'an array'],
      [new Map(), 'a Map'],
      [{ a: 1 }, 'an object with a'],
      [{ ...rows, data: [1, 2] }, 'data that are an array'],
      [{ ...rows, rowShape: 2 }, 'an object with data, count, rowShape'],
    ] as const) {
      expect(() => checkRows('op', 'x', bad as never)).toThrow(
        `op: x must be rows, { data: Float32Array, count: number, rowShape: number[] }, got ${got}.`,
      );
    }
    expect(() => checkRows('op', 'x', { ...rows, count: 0 })).toThrow(
      new ShapeError({ op: 'op', arg: 'x', expected: 'have at least one row', got: '0 rows' }),
    );
    expect(() => checkRows('op', 'x', { ...rows, count: 2 })).toThrow(
      'op: x must hold count x product(rowShape) = 2 x 2 values, got 6 values.',
    );
    expect(() => checkRows('op', 'x', rows, [3])).toThrow(
      'op: x must have rows of shape [3] (3 features), as in training, got rows of shape [2] (2 features).',
    );
  });

  it('error: NaN and infinity are named with their place', () => {
    const bad = { ...rows, data: Float32Array.of(1, 2, 3, -Infinity, 5, 6) };
    expect(() => checkRows('op', 'x', bad)).toThrow(DomainError);
    expect(() => checkRows('op', 'x', bad)).toThrow(
      'op: x must be finite, got -Infinity at row 1, feature 1. Remove or impute such rows first.',
    );
  });
});
