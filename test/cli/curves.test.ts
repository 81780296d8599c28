import { describe, expect, it } from 'vitest';
import { histogram, rocCurve } from '../../src/cli/report/curves.js';

/** Area under a curve by the trapezoid rule. */
function area(points: readonly { x: number; y: number }[]): number {
  return points
    .slice(1)
    .reduce((sum, { x, y }, i) => sum + ((x - points[i].x) * (y + points[i].y)) / 2, 0);
}

describe('curves of the report', () => {
  it('histogram: shares sum to 1 and the end bins are closed', () => {
    expect(histogram([0, 0.24, 0.25, 1], 4)).toEqual([0.5, 0.25, 0, 0.25]);
  });

  it('rocCurve: separated sets have area 1, swapped ones 0, equal ones 0.5', () => {
    expect(area(rocCurve([3, 4], [1, 2]))).toBe(1);
    expect(area(rocCurve([1, 2], [3, 4]))).toBe(0);
    expect(area(rocCurve([1, 1], [1, 1]))).toBe(0.5);
  });

  it('rocCurve: thinned, but always from (0, 0) to (1, 1)', () => {
    const values = Array.from({ length: 5000 }, (_, i) => i);
    const points = rocCurve(values, values, 100);
    expect(points.length).toBeLessThanOrEqual(102);
    expect(points[0]).toEqual({ x: 0, y: 0 });
    expect(points[points.length - 1]).toEqual({ x: 1, y: 1 });
  });
});
