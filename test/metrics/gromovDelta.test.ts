import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gromovDelta } from '../../src/metrics/index.js';
import { failureOf } from '../data/files.js';
import { describeOnBackends } from '../neighbors/onBackends.js';
import { pathLengths } from '../reference/hierarchy.js';
import { PROPERTY, normalRows } from '../support/arbitraries.js';

/** The four-point condition by its sums: half of the largest minus the second largest of three. */
function fourPoint(d: readonly (readonly number[])[], only?: number): number {
  const all = d.map((_, i) => i);
  let most = 0;
  for (const w of only === undefined ? all : [only]) {
    for (const x of all) {
      for (const y of all) {
        for (const z of all) {
          const sums = [d[w][x] + d[y][z], d[w][y] + d[x][z], d[w][z] + d[x][y]];
          const [large, middle] = sums.sort((a, b) => b - a);
          most = Math.max(most, (large - middle) / 2);
        }
      }
    }
  }
  return most;
}

const euclidean = (rows: readonly (readonly number[])[]): number[][] =>
  rows.map((x) => rows.map((y) => Math.hypot(...x.map((value, f) => value - y[f]))));

const ring = (n: number): number[][] =>
  pathLengths(
    Array.from({ length: n }, (_, i): [number, number] => [i, (i + 1) % n]),
    n,
  );

const sets = fc
  .tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 3 }), fc.nat())
  .map(([n, d, seed]) => euclidean(normalRows(n, d, seed)));

describe('gromovDelta', () => {
  it('golden: rings, a tree, one point', async () => {
    expect(await gromovDelta({ distances: ring(4) })).toEqual({
      delta: 1,
      relative: 1,
      diameter: 2,
      points: 4,
      base: 'all',
      exact: true,
    });
    // A ring of 4 k nodes has delta k.
    expect((await gromovDelta({ distances: ring(12) })).delta).toBe(3);
    const tree = pathLengths(
      Array.from({ length: 39 }, (_, i): [number, number] => [i + 1, Math.floor(i / 3)]),
      40,
    );
    expect((await gromovDelta({ distances: tree })).delta).toBe(0);
    expect(await gromovDelta({ distances: [[0]] })).toMatchObject({ delta: 0, relative: 0 });
  });

  it('reference: equals the four-point condition, for all points and for one base', async () => {
    await fc.assert(
      fc.asyncProperty(sets, fc.nat(8), async (distances, at) => {
        const exact = await gromovDelta({ distances });
        expect(exact.delta).toBeCloseTo(fourPoint(distances), 12);
        const base = at % distances.length;
        const one = await gromovDelta({ distances, base });
        expect(one.delta).toBeCloseTo(fourPoint(distances, base), 12);
        expect(one.delta).toBeLessThanOrEqual(exact.delta + 1e-12);
        expect(exact.delta).toBeLessThanOrEqual(2 * one.delta + 1e-12);
        expect(exact.relative).toBeLessThanOrEqual(1);
      }),
      PROPERTY,
    );
  });

  it('property: delta grows with the scale, relative delta does not', async () => {
    await fc.assert(
      fc.asyncProperty(sets, fc.double({ min: 0.1, max: 50, noNaN: true }), async (d, scale) => {
        const one = await gromovDelta({ distances: d });
        const scaled = await gromovDelta({ distances: d.map((row) => row.map((v) => v * scale)) });
        expect(scaled.delta).toBeCloseTo(one.delta * scale, 10);
        expect(scaled.relative).toBeCloseTo(one.relative, 10);
      }),
      PROPERTY,
    );
  });

  it('a sample is a lower bound, drawn by its seed, with the base in it', async () => {
    const distances = euclidean(normalRows(60, 2, 4));
    const all = await gromovDelta({ distances });
    const draw = (seed: number): ReturnType<typeof gromovDelta> =>
      gromovDelta({ distances, sampleSize: 20, seed });
    const sample = await draw(1);
    expect(sample).toMatchObject({ points: 20, exact: false, base: 'all' });
    expect(sample.delta).toBeLessThanOrEqual(all.delta);
    expect(await draw(1)).toEqual(sample);
    expect(await draw(2)).not.toEqual(sample);
    const based = await gromovDelta({ distances, sampleSize: 20, base: 59 });
    expect(based).toMatchObject({ base: 59, points: 20 });
    const many = euclidean(normalRows(120, 2, 4));
    const first = await gromovDelta({ distances: many });
    expect(first).toMatchObject({ base: 0, points: 120, exact: false });
    expect(first).toEqual(await gromovDelta({ distances: many, base: 0 }));
  });

  it('error: says what is wrong', async () => {
    const failing = (input: object): Promise<string> =>
      failureOf(gromovDelta({ distances: ring(4), ...input }));
    expect(await failing({ base: 4 })).toContain(
      "DomainError: gromovDelta: base must be 'all' or a point, 0 to 3, got 4",
    );
    expect(await failing({ sampleSize: 0 })).toContain('sampleSize must be an integer >= 1');
    expect(
      await failing({
        distances: [
          [0, Infinity],
          [Infinity, 0],
        ],
      }),
    ).toContain('distances must be finite, got Infinity between nodes 0 and 1');
    expect(await failing({ distances: undefined, points: [[1], [2]], metric: 'dot' })).toContain(
      'metric must be a distance, got a similarity',
    );
    expect(await failing({ signal: AbortSignal.abort() })).toContain('abort');
  });
});

describeOnBackends('gromovDelta of points', () => {
  it('reference: equals the four-point condition on float64 distances, to rounding', async () => {
    const rows = normalRows(12, 3, 8);
    const got = await gromovDelta({ points: rows });
    expect(got.delta).toBeCloseTo(fourPoint(euclidean(rows)), 5);
  });
});
