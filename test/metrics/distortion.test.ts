import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { distortion } from '../../src/metrics/index.js';
import type { DistortionInput } from '../../src/metrics/index.js';
import { failureOf } from '../data/files.js';
import { describeOnBackends } from '../neighbors/onBackends.js';
import { pathLengths } from '../reference/hierarchy.js';
import { PROPERTY, normalRows } from '../support/arbitraries.js';
import { expectNoLeak } from '../support/leaks.js';

/** The definition over all pairs with a path. */
function brute(
  embedded: readonly (readonly number[])[],
  lengths: readonly (readonly number[])[],
  scale: number,
): { average: number; worstCase: number; pairs: number } {
  const ratios = embedded.flatMap((row, u) =>
    row.flatMap((d, v) => (v > u && lengths[u][v] < Infinity ? [d / lengths[u][v]] : [])),
  );
  const errors = ratios.map((ratio) => Math.abs(scale * ratio - 1));
  const worstCase = Math.max(...ratios) * Math.max(...ratios.map((ratio) => 1 / ratio));
  const average = errors.reduce((sum, error) => sum + error, 0) / errors.length;
  return { average, worstCase, pairs: ratios.length };
}

const cases = fc.integer({ min: 2, max: 10 }).chain((n) =>
  fc.tuple(
    fc.array(
      fc.array(fc.double({ min: 0.1, max: 9, noNaN: true }), { minLength: n, maxLength: n }),
      { minLength: n, maxLength: n },
    ),
    fc
      .array(fc.tuple(fc.nat(n - 1), fc.nat(n - 1)), { minLength: 1, maxLength: 2 * n })
      .filter((edges) => edges.some(([u, v]) => u !== v)),
  ),
);

describe('distortion of given distances', () => {
  it('golden: distances in proportion, and one pair out of it', async () => {
    const path = { edges: [0, 1, 1, 2] };
    const doubled = [
      [0, 2, 4],
      [2, 0, 2],
      [4, 2, 0],
    ];
    expect(await distortion({ ...path, distances: doubled })).toEqual({
      average: 1,
      worstCase: 1,
      scale: 1,
      pairs: 3,
      unreachable: 0,
    });
    const fitted = await distortion({ ...path, distances: doubled, scale: 'fit' });
    expect([fitted.average, fitted.scale]).toEqual([0, 0.5]);
    const bent = [
      [0, 1, 1],
      [1, 0, 1],
      [1, 1, 0],
    ];
    const { average, worstCase } = await distortion({ ...path, distances: bent });
    expect([average, worstCase]).toEqual([1 / 6, 2]);
    const together = [
      [0, 0, 1],
      [0, 0, 1],
      [1, 1, 0],
    ];
    expect((await distortion({ ...path, distances: together })).worstCase).toBe(Infinity);
  });

  it('reference: equals the definition over all pairs, and counts those without a path', async () => {
    await fc.assert(
      fc.asyncProperty(
        cases,
        fc.double({ min: 0.1, max: 4, noNaN: true }),
        async (given, scale) => {
          const [distances, edges] = given;
          const n = distances.length;
          const got = await distortion({ distances, edges: edges.flat(), scale });
          const want = brute(distances, pathLengths(edges, n), scale);
          expect(got.average).toBeCloseTo(want.average, 10);
          expect(got.worstCase / want.worstCase).toBeCloseTo(1, 10);
          expect(got.pairs).toBe(want.pairs);
          expect(got.pairs + got.unreachable).toBe((n * (n - 1)) / 2);
        },
      ),
      PROPERTY,
    );
  });

  it('property: no scale has a smaller mean square than the fitted one', async () => {
    const mean = (distances: number[][], lengths: number[][], s: number): number => {
      const terms = distances.flatMap((row, u) =>
        row.flatMap((d, v) =>
          v > u && lengths[u][v] < Infinity ? [((s * d) / lengths[u][v] - 1) ** 2] : [],
        ),
      );
      return terms.reduce((sum, term) => sum + term, 0);
    };
    await fc.assert(
      fc.asyncProperty(cases, async ([distances, edges]) => {
        const { scale } = await distortion({ distances, edges: edges.flat(), scale: 'fit' });
        const lengths = pathLengths(edges, distances.length);
        const best = mean(distances, lengths, scale);
        for (const factor of [0.9, 0.999, 1.001, 1.1]) {
          expect(mean(distances, lengths, scale * factor)).toBeGreaterThan(best);
        }
      }),
      PROPERTY,
    );
  });

  it('error: says what is wrong', async () => {
    const failing = (input: unknown): Promise<string> =>
      failureOf(distortion(input as DistortionInput));
    const square = [
      [0, 1],
      [1, 0],
    ];
    expect(await failing({ distances: square, edges: [0, 1], scale: 0 })).toContain(
      "DomainError: distortion: scale must be a number above 0, or 'fit', got 0",
    );
    expect(await failing({ distances: square, edges: [] })).toContain('no pair with a path');
    expect(
      await failing({
        distances: [
          [0, NaN],
          [0, 0],
        ],
        edges: [0, 1],
      }),
    ).toContain('NaN between');
    expect(await failing({ points: [[1], [2]], edges: [0, 1], metric: 'dot' })).toContain(
      'metric must be a distance, got a similarity',
    );
  });
});

describeOnBackends('distortion of points', (backend) => {
  it('reference: equals float64 distances to rounding and leaves no tensor behind', async () => {
    const n = backend === 'webgpu' ? 12 : 40;
    const rows = normalRows(n, 3, 4);
    const edges = Array.from({ length: n - 1 }, (_, i): [number, number] => [i + 1, i >> 1]);
    const embedded = rows.map((x) => rows.map((y) => Math.hypot(...x.map((a, i) => a - y[i]))));
    const want = brute(embedded, pathLengths(edges, n), 0.7);
    await expectNoLeak(async () => {
      const got = await distortion({ points: rows, edges: edges.flat(), scale: 0.7 });
      expect(got.average).toBeCloseTo(want.average, 5);
      expect(got.worstCase / want.worstCase).toBeCloseTo(1, 5);
    });
  });
});
