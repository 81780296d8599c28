import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { distortion, neighborMap } from '../../../src/metrics/index.js';
import { hMDS } from '../../../src/models/hmds/index.js';
import type { HmdsOptions } from '../../../src/models/hmds/index.js';
import { ballDistance, pathLengths } from '../../reference/hierarchy.js';
import { PROPERTY, normalRows } from '../../support/arbitraries.js';

/** Distances on the hyperboloid by the textbook acosh; the points are far enough from one another. */
function hyperboloidDistances(rows: readonly (readonly number[])[]): number[][] {
  const time = rows.map((x) => Math.sqrt(1 + x.reduce((sum, value) => sum + value * value, 0)));
  return rows.map((x, i) =>
    rows.map((y, j) => {
      const product = x.reduce((sum, value, f) => sum + value * y[f], 0);
      return i === j ? 0 : Math.acosh(Math.max(1, time[i] * time[j] - product));
    }),
  );
}

/** Largest difference of an embedding's distances from the given ones. */
function worst(distances: readonly (readonly number[])[], options: Omit<HmdsOptions, 'distances'>) {
  const found = hMDS({ distances, ...options });
  const errors = distances.flatMap((row, i) =>
    row.map((value, j) => Math.abs(found.distance(i, j) - found.scale * value)),
  );
  return Math.max(...errors);
}

describe('hMDS', () => {
  it('reference: 50 points of H^5 come back up to isometry, distance error below 1e-6', () => {
    const distances = hyperboloidDistances(normalRows(50, 5, 3));
    expect(worst(distances, { dim: 5 })).toBeLessThan(1e-6);
    expect(worst(distances, { dim: 8 })).toBeLessThan(1e-5);
    expect(worst(distances, { dim: 4 })).toBeGreaterThan(1e-2);
  });

  it('property: exact points of any dimension come back, wherever their centre is', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 2, max: 25 }),
        fc.nat(),
        fc.double({ min: -3, max: 3, noNaN: true }),
        (dim, count, seed, shift) => {
          const rows = normalRows(count, dim, seed).map(([first, ...rest]) => [
            first + shift,
            ...rest,
          ]);
          expect(worst(hyperboloidDistances(rows), { dim })).toBeLessThan(1e-5);
        },
      ),
      PROPERTY,
    );
  });

  it('golden: three points on a line, the scale, and points of the ball', () => {
    const distances = [
      [0, 1, 3],
      [1, 0, 2],
      [3, 2, 0],
    ];
    expect(worst(distances, { dim: 1 })).toBeLessThan(1e-12);
    const half = hMDS({ distances, dim: 2, scale: 0.5 });
    expect(half.distance(0, 2)).toBeCloseTo(1.5, 12);
    expect(half.distances(1)[1]).toBe(0);
    const ball = half.ball();
    const row = (i: number): number[] => Array.from(ball.subarray(2 * i, 2 * i + 2));
    expect(ballDistance(row(0), row(2))).toBeCloseTo(1.5, 7);
    expect(half.eigenvalues[0]).toBeGreaterThan(0);
    expect(half.eigenvalues[1]).toBeLessThan(1e-12);
    expect(hMDS({ distances: [[0]], dim: 3 }).points).toEqual(new Float64Array(3));
  });

  it('a tree is approximated: more dimensions, less distortion, neighbours first', async () => {
    const n = 31;
    const pairs = Array.from({ length: n - 1 }, (_, i): [number, number] => [i + 1, i >> 1]);
    const edges = pairs.flat();
    const lengths = pathLengths(pairs, n);
    const averages: number[] = [];
    for (const dim of [2, 5, 20]) {
      const { distances, nodes } = hMDS({ distances: lengths, dim, scale: 1 });
      averages.push((await distortion({ distances, nodes, edges })).average);
      if (dim === 20) expect(await neighborMap({ distances, nodes, edges })).toBeGreaterThan(0.95);
    }
    expect(averages[1]).toBeLessThan(averages[0]);
    expect(averages[2]).toBeLessThan(averages[1]);
  });

  it.each<[Partial<HmdsOptions>, string]>([
    [{ distances: [] }, 'distances must have a row, got none'],
    [{ distances: [[0, 1]] }, 'distances must be square, 1 x 1, got 2 values in row 0'],
    [
      {
        distances: [
          [0, 1],
          [2, 0],
        ],
      },
      'be symmetric, got 1 at [0, 1]',
    ],
    [{ distances: [[1]] }, 'be 0 on the diagonal, got 1 at [0, 0]'],
    [
      {
        distances: [
          [0, NaN],
          [NaN, 0],
        ],
      },
      'be finite and >= 0, got NaN at [0, 1]',
    ],
    [
      {
        distances: [
          [0, 800],
          [800, 0],
        ],
      },
      'be at most 700 once scaled, got 800 at [0, 1]',
    ],
    [{ dim: 0 }, 'dim must be an integer >= 1, got 0'],
    [{ scale: -1 }, 'scale must be a number above 0, got -1'],
  ])('error: %j', (options, message) => {
    expect(() => hMDS({ distances: [[0]], dim: 2, ...options })).toThrow(`hMDS: `);
    expect(() => hMDS({ distances: [[0]], dim: 2, ...options })).toThrow(message);
    expect(() => hMDS({ distances: [[0]], dim: 2 }).distance(0, 1)).toThrow('0 to 0, got 1');
  });
});
