import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitRows } from '../../src/data/index.js';
import type { Sample } from '../../src/data/index.js';
import { PROPERTY } from '../support/arbitraries.js';

/** Rows whose value, target and condition are their index. */
function numbered(count: number): Sample {
  const values = Array.from({ length: count }, (_, i) => i);
  return {
    x: { data: Float32Array.from(values), count, rowShape: [1] },
    condition: { data: Float32Array.from(values), count, rowShape: [1] },
    y: { kind: 'class', values: Int32Array.from(values), classes: count },
  };
}

describe('splitRows', () => {
  it('property: the parts share no row, keep order and targets, and have the asked size', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 60 }),
        fc.double({ min: 0.01, max: 0.99, noNaN: true }),
        fc.integer(),
        (count, fraction, seed) => {
          const { fit, held } = splitRows(numbered(count), fraction, seed);
          const size = Math.min(count - 1, Math.max(1, Math.round(fraction * count)));
          expect([held.x.count, fit.x.count]).toEqual([size, count - size]);
          for (const { x, y, condition } of [fit, held]) {
            expect(condition).toEqual(x);
            expect(Array.from(x.data)).toEqual(Array.from(y?.values ?? []));
            expect(Array.from(x.data)).toEqual(Array.from(x.data).sort((a, b) => a - b));
          }
          const all = [...fit.x.data, ...held.x.data].sort((a, b) => a - b);
          expect(all).toEqual(Array.from({ length: count }, (_, i) => i));
        },
      ),
      PROPERTY,
    );
  });

  it('property: the seed decides; targets may be absent', () => {
    const { x } = numbered(50);
    const held = (seed: number): number[] => Array.from(splitRows({ x }, 0.3, seed).held.x.data);
    expect(held(1)).toEqual(held(1));
    expect(held(1)).not.toEqual(held(2));
    const { fit } = splitRows({ x }, 0.3, 1);
    expect([fit.y, fit.condition]).toEqual([undefined, undefined]);
  });

  it('error: fractions outside (0, 1) and a single row', () => {
    for (const fraction of [0, 1, -1, NaN]) {
      expect(() => splitRows(numbered(5), fraction, 1)).toThrow('fraction must be in (0, 1)');
    }
    expect(() => splitRows(numbered(1), 0.5, 1)).toThrow('x must have at least 2 rows, got 1');
  });
});
