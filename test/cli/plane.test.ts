import { describe, expect, it } from 'vitest';
import { principalPlane, projectRow } from '../../src/cli/report/plane.js';
import { Rng } from '../../src/util/rng.js';

describe('principalPlane', () => {
  it('finds the axes of a flat cloud, larger variance first', () => {
    const rng = new Rng(1);
    const data = Array.from({ length: 400 }, () => [rng.normal(), 5 * rng.normal(), 0, 2]).flat();
    const { axes, mean } = principalPlane(data, 400, 4);
    expect(Math.abs(axes[0][1])).toBeCloseTo(1, 3);
    expect(Math.abs(axes[1][0])).toBeCloseTo(1, 3);
    expect(mean[3]).toBeCloseTo(2, 10);
  });

  it('gives a zero second axis for points on a line and zeros for one point', () => {
    const line = principalPlane([0, 0, 0, 1, 1, 1, 2, 2, 2], 3, 3);
    expect(projectRow(line, [0, 0, 0], 0)[1]).toBeCloseTo(0, 10);
    expect(projectRow(principalPlane([7, 8, 9], 1, 3), [7, 8, 9], 0)).toEqual([0, 0]);
  });
});
