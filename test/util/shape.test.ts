import { describe, expect, it } from 'vitest';
import { broadcastShapes, formatShape, sizeOf } from '../../src/util/shape.js';

describe('shape', () => {
  it('counts elements', () => {
    expect(sizeOf([])).toBe(1);
    expect(sizeOf([2, 3])).toBe(6);
    expect(sizeOf([2, 0])).toBe(0);
    expect(formatShape([2, 3])).toBe('[2, 3]');
  });

  it('broadcasts by the NumPy rule', () => {
    expect(broadcastShapes([2, 1], [3])).toEqual([2, 3]);
    expect(broadcastShapes([], [4])).toEqual([4]);
    expect(broadcastShapes([0], [1])).toEqual([0]);
    expect(broadcastShapes([2], [3])).toBeUndefined();
  });
});
