import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { MODES } from '../../src/specs/metricForm.js';
import { Rng } from '../../src/util/rng.js';
import { referenceDistance } from '../reference/distance.js';
import { normalRows } from '../support/arbitraries.js';
import type { Matrix } from '../support/arbitraries.js';
import { describeOp } from '../support/backends.js';
import { expectClose } from '../support/compare.js';
import { METRIC_CASES, featuresOf, metricCase, optionsOf } from '../support/metricCases.js';
import { expectOracleNeighbours, findNeighbours } from '../support/neighbours.js';
import { TOLERANCES } from '../support/tolerances.js';

const moved = (rows: Matrix, by: number): Matrix =>
  rows.map((row) => row.map((v) => Math.fround(v + by)));

describeOp('knn', (context) => {
  const { form } = context;
  const euclidean = metricCase('euclidean');

  describe('far from the origin', () => {
    it.each(METRIC_CASES.filter(({ translates }) => translates).map(({ title }) => title))(
      '%s: moved by 1e6, exact and direct find what the moved rows say',
      async (title) => {
        const entry = metricCase(title);
        const queries = moved(entry.rows(6, 5, 1), 1e6);
        const points = moved(entry.rows(80, 5, 2), 1e6);
        const unmoved = { ...entry, scale: () => entry.scale(moved(points, -1e6), [[1]]) };
        for (const mode of ['exact', 'direct'] as const) {
          await expectOracleNeighbours(context, unmoved, queries, points, 9, { mode });
        }
      },
    );

    it('pairs of famous failures', async () => {
      for (const [a, b, want] of [
        [512695, 512804, 109],
        [10000, 10001, 1],
      ]) {
        for (const mode of ['exact', 'direct'] as const) {
          const found = await findNeighbours(context, [[a]], [[b]], 1, { mode });
          expect([...found.distances]).toEqual([want]);
        }
      }
    });

    it('the nearest of three places in metres', async () => {
      // Coordinates of a projected map: large, and close to each other.
      const points = [
        [5452211.5, 2571683.5],
        [5452205.5, 2571688],
        [5452300, 2571600],
      ];
      await expectOracleNeighbours(context, euclidean, [[5452204, 2571682.5]], points, 3);
    });

    it('rows of ones against 1.001 times ones', async () => {
      const d = 1000;
      const ones = [Array<number>(d).fill(1)];
      const points = [1.001, 1.0005, 0.9995, 1.0000001].map((v) =>
        Array<number>(d).fill(Math.fround(v)),
      );
      for (const mode of MODES) {
        if (mode === 'fast') continue;
        await expectOracleNeighbours(context, euclidean, ones, points, 4, { mode });
      }
    });

    it('1 against 1.1 in 100,000 features', async () => {
      const [query, point] = [1, 1.1].map((v) => Array<number>(1e5).fill(Math.fround(v)));
      const want = referenceDistance('euclidean', query, point);
      const found = await findNeighbours(context, [query], [point], 1);
      expectClose(found.distances, [want], TOLERANCES.distance);
    });

    it('one feature of huge variance beside small ones', async () => {
      const rng = new Rng(4);
      const row = (): number[] => [
        Math.fround(rng.normal() * 1e6),
        ...Array.from({ length: 7 }, () => Math.fround(rng.normal() * 1e-2)),
      ];
      const queries = Array.from({ length: 5 }, row);
      const points = queries.flatMap((query) =>
        Array.from({ length: 20 }, () => [query[0], ...row().slice(1)]),
      );
      await expectOracleNeighbours(context, euclidean, queries, points, 12);
    });
  });

  describe('near duplicates', () => {
    it('unit rows at squared distance 1e-4 and below keep their distance', async () => {
      const unit = (row: number[]): number[] => {
        const length = Math.hypot(...row);
        return row.map((v) => Math.fround(v / length));
      };
      const queries = normalRows(4, 64, 1).map(unit);
      const points = queries.flatMap((query, i) =>
        [1e-2, 1e-3, 1e-4, 1e-5].map((size) => {
          const [step] = normalRows(1, 64, i + 9).map(unit);
          return query.map((v, f) => Math.fround(v + size * step[f]));
        }),
      );
      for (const mode of ['exact', 'direct'] as const) {
        for (const title of ['euclidean', 'sqeuclidean', 'cityblock', 'chebyshev']) {
          await expectOracleNeighbours(context, metricCase(title), queries, points, 8, { mode });
        }
      }
      const found = await findNeighbours(context, queries, points, 4);
      for (const distance of found.distances) expect(distance).toBeGreaterThan(0);
    });

    it('points one ulp apart are told apart', async () => {
      const points = Array.from({ length: 40 }, (_, i) => [1 + ((i * 17) % 40) * 2 ** -23, 3, -2]);
      await expectOracleNeighbours(context, euclidean, [[1, 3, -2]], points, 40);
    });

    it('a cluster of 500 close points has the order of the oracle', async () => {
      const [centre] = normalRows(1, 32, 1, 100);
      const points = normalRows(500, 32, 2, 1e-4).map((row) =>
        row.map((v, f) => Math.fround(v + centre[f])),
      );
      for (const title of ['euclidean', 'sqeuclidean', 'cityblock']) {
        await expectOracleNeighbours(context, metricCase(title), points.slice(0, 9), points, 30);
      }
    });

    it('small angles, for cosine and spherical', async () => {
      const query = [1, 0, 0];
      const points = [1e-1, 1e-2, 1e-3].map((v) => [1, Math.fround(v), 0]);
      const angles = await findNeighbours(context, [query], points, 3, { metric: 'spherical' });
      expect([...angles.indices]).toEqual([2, 1, 0]);
      const want = [2, 1, 0].map((j) => referenceDistance('spherical', query, points[j]));
      // The composed form takes 1 - cos in float32.
      const tolerance = context.form === 'kernel' ? TOLERANCES.spherical : TOLERANCES.antipode;
      expectClose(angles.distances, want, tolerance);
      await expectOracleNeighbours(context, metricCase('cosine'), [query], points, 3);
    });

    it('opposite directions, for spherical', async () => {
      const points = [1e-1, 1e-2, 1e-3].map((v) => [-1, Math.fround(v), 0]);
      const found = await findNeighbours(context, [[1, 0, 0]], points, 3, { metric: 'spherical' });
      const want = [0, 1, 2].map((j) => referenceDistance('spherical', [1, 0, 0], points[j]));
      expectClose(found.distances, want, TOLERANCES.antipode);
    });
  });

  describe('large and small', () => {
    it('squares beyond float32 do not spoil cosine or spherical', async () => {
      for (const scale of [1e20, 1e30, 1e-20, 1e-30]) {
        const rows = normalRows(8, 4, 3, scale);
        for (const title of ['cosine', 'spherical']) {
          await expectOracleNeighbours(
            context,
            metricCase(title),
            rows.slice(0, 2),
            rows.slice(2),
            5,
          );
        }
      }
    });

    it('distances whose square does not fit float32 are finite in a kernel', async () => {
      if (context.form === 'composed') {
        const found = await findNeighbours(context, [[0]], [[1e20]], 1);
        expect([...found.distances]).toEqual([Infinity]);
        return;
      }
      const points = [[1e20], [3e20], [2e20]];
      await expectOracleNeighbours(context, euclidean, [[0]], points, 3);
    });

    it('denormal differences', async () => {
      const tiny = 2 ** -140;
      const points = [3, 1, 2].map((v) => [v * tiny]);
      const found = await findNeighbours(context, [[0]], points, 3, { metric: 'cityblock' });
      // A GPU, and TensorFlow on a CPU, may take a denormal for 0.
      for (const distance of found.distances) expect(distance).toBeLessThanOrEqual(3 * tiny);
      const keepsDenormals = context.backend !== 'webgpu' && context.backend !== 'tensorflow';
      if (form === 'kernel' && keepsDenormals) {
        expect([...found.indices]).toEqual([1, 2, 0]);
      } else expect([...found.indices].sort()).toEqual([0, 1, 2]);
    });
  });

  describe('edges of single metrics', () => {
    const one = async (
      title: string,
      x: number[],
      y: number[],
    ): Promise<{ got: number; want: number }> => {
      const entry = metricCase(title);
      const found = await findNeighbours(context, [x], [y], 1, optionsOf(entry, x.length));
      const want = referenceDistance(entry.metric, x, y, entry.parameters(x.length));
      return { got: found.distances[0], want };
    };

    it('zero rows: cosine and correlation 1, spherical pi / 2, 0 / 0 is 0', async () => {
      expect((await one('cosine', [0, 0], [1, 2])).got).toBe(1);
      expect((await one('correlation', [2, 2, 2], [1, 2, 4])).got).toBe(1);
      expect((await one('correlation', [0.1, 0.1, 0.1], [1, 2, 4].map(Math.fround))).got).toBe(1);
      expect((await one('spherical', [0, 0], [1, 2])).got).toBeCloseTo(Math.PI / 2, 6);
      expect((await one('canberra', [0, 0], [0, 0])).got).toBe(0);
      expect((await one('canberra', [0, 1], [0, 3])).got).toBe(0.5);
      expect((await one('braycurtis', [0, 0], [0, 0])).got).toBe(0);
      expect((await one('jaccard', [0, 0], [0, 0])).got).toBe(0);
      expect((await one('jaccard', [0, 1, 2], [0, 1, 3])).got).toBe(0.5);
    });

    it('shares of 0: kl infinite or 0, jensenshannon finite', async () => {
      expect((await one('kl', [1, 1], [1, 0])).got).toBe(Infinity);
      const zeroInX = await one('kl', [1, 0], [1, 1]);
      expect(zeroInX.got).toBeCloseTo(Math.LN2, 6);
      for (const [x, y] of [
        [
          [1, 0],
          [0, 1],
        ],
        [
          [0, 1, 1],
          [0, 2, 1],
        ],
        [
          [0, 0, 3],
          [0, 0, 5],
        ],
      ]) {
        const { got, want } = await one('jensenshannon', x, y);
        expectClose([got], [want], TOLERANCES.shares);
      }
    });

    it('haversine: poles, antimeridian, close places', async () => {
      const half = Math.fround(Math.PI / 2);
      for (const [x, y] of [
        [
          [half, 0],
          [half, 2],
        ],
        [
          [half, 1],
          [-half, 1],
        ],
        [
          [0.3, 3.14],
          [0.3, -3.14],
        ],
        [
          [0.5, 0.25],
          [0.5, 0.25 + 2 ** -12],
        ],
        [
          [0.5, 0.25],
          [0.5 + 2 ** -12, 0.25],
        ],
      ]) {
        const { got, want } = await one('haversine', x, y);
        const atEnd = want > 3;
        expectClose([got], [want], atEnd ? TOLERANCES.antipode : TOLERANCES.trigonometric);
      }
    });

    it('poincare: near the rim and near each other; outside there is no distance', async () => {
      for (const [x, y] of [
        [
          [0.999, 0],
          [-0.999, 0],
        ],
        [
          [0.9999, 0],
          [0.9998, 0],
        ],
        [
          [0.5, 0],
          [0.5 + 2 ** -20, 0],
        ],
        [
          [0, 0],
          [2 ** -30, 0],
        ],
      ]) {
        const rows = [x, y].map((row) => row.map(Math.fround));
        const { got, want } = await one('poincare c=1', rows[0], rows[1]);
        expectClose([got], [want], { ...TOLERANCES.hyperbolic, absolute: 0 });
      }
      const entry = optionsOf(metricCase('poincare c=1'), 2);
      const found = await findNeighbours(
        context,
        [[0, 0]],
        [
          [1.5, 0],
          [1, 0],
          [0.5, 0],
        ],
        3,
        entry,
      );
      expect([...found.indices]).toEqual([2, -1, -1]);
    });

    it('lorentz: near the origin, near each other and far out', async () => {
      for (const [x, y] of [
        [
          [0, 0],
          [2 ** -20, 0],
        ],
        [
          [3, 4],
          [-3, 4],
        ],
        [
          [1000, 0],
          [0, 1000],
        ],
        [
          [1e6, 0],
          [-1e6, 0],
        ],
      ]) {
        const { got, want } = await one('lorentz c=1', x, y);
        expectClose([got], [want], { ...TOLERANCES.hyperbolic, absolute: 0 });
      }
    });
  });

  describe('modes', () => {
    it('direct and fast agree with the oracle up to rounding, for every metric', async () => {
      for (const entry of METRIC_CASES) {
        const d = featuresOf(entry, 12);
        const queries = entry.rows(7, d, 1);
        const points = entry.rows(90, d, 2);
        const fast = {
          ...entry,
          tolerance: {
            ...entry.tolerance,
            absolute: Math.max(entry.tolerance.absolute, TOLERANCES.expandedRoot.absolute),
          },
        };
        await expectOracleNeighbours(context, entry, queries, points, 11, { mode: 'direct' });
        await expectOracleNeighbours(context, fast, queries, points, 11, { mode: 'fast' });
      }
    });

    it('fast is never negative and never NaN, also among equal points', async () => {
      const points = moved(normalRows(60, 9, 1), 100);
      for (const metric of ['euclidean', 'sqeuclidean', 'cosine'] as const) {
        const found = await findNeighbours(context, points, points, 5, { metric, mode: 'fast' });
        for (const distance of found.distances) expect(distance).toBeGreaterThanOrEqual(0);
      }
    });
  });

  if (form === 'kernel' && context.backend !== 'webgpu') {
    it('finds a point whose number float32 does not hold', async () => {
      const n = 2 ** 24 + 5;
      const values = new Float32Array(n).fill(2);
      values[n - 1] = 1.5;
      values[n - 4] = 1.75;
      const points = tf.tensor2d(values, [n, 1]);
      const found = await findNeighbours(context, [[1]], points, 2);
      expect([...found.indices]).toEqual([n - 1, n - 4]);
      points.dispose();
    });
  }
});
