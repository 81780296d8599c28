import { describe, expect, it } from 'vitest';
import type { MetricOptions } from '../../src/ops/metricRows.js';
import { METRICS } from '../../src/specs/metric.js';
import { oracleNeighbours, oracleOf, sum } from '../../src/verify/oracle.js';
import { matrixOf } from '../../src/verify/rows.js';
import { referenceDistance } from '../reference/distance.js';
import { METRIC_CASES, featuresOf, optionsOf } from '../support/metricCases.js';

const matrix = (rows: readonly (readonly number[])[]): ReturnType<typeof matrixOf> =>
  matrixOf(rows.length, rows[0].length, (i, f) => rows[i][f]);

const distance = (options: MetricOptions, x: number[], y: number[]): number =>
  oracleOf(options, matrix([x]), matrix([y]), 'exact')(0, 0).value;

describe('the float64 oracle of verify', () => {
  it('knows every metric', () => {
    const parameters = {
      VI: [
        [1, 0],
        [0, 1],
      ],
      V: [1, 1],
    };
    const given = (metric: string): MetricOptions => ({
      ...(metric === 'minkowski' ? { p: 3 } : {}),
      ...(metric === 'mahalanobis' ? { VI: parameters.VI } : {}),
      ...(metric === 'seuclidean' ? { V: parameters.V } : {}),
    });
    const values = METRICS.map((metric) =>
      distance({ ...given(metric), metric }, [0.1, 0.3], [0.4, 0.2]),
    );
    expect(values.filter(Number.isFinite)).toHaveLength(METRICS.length);
  });

  it.each(METRIC_CASES.map((metricCase) => [metricCase.title, metricCase] as const))(
    'agrees with the reference of the tests: %s',
    (_, metricCase) => {
      const d = featuresOf(metricCase, 7);
      const x = metricCase.rows(4, d, 1);
      const y = metricCase.rows(5, d, 2);
      const oracle = oracleOf(optionsOf(metricCase, d), matrix(x), matrix(y), 'exact');
      const parameters = metricCase.parameters(d);
      x.forEach((a, i) =>
        y.forEach((b, j) => {
          const want = referenceDistance(metricCase.metric, a, b, parameters);
          expect(Math.abs(oracle(i, j).value - want)).toBeLessThanOrEqual(
            1e-7 * Math.abs(want) + 3e-8,
          );
        }),
      );
    },
  );

  it('does not cancel', () => {
    expect(distance({ metric: 'euclidean' }, [512695], [512804])).toBe(109);
    const step = 2 ** -20;
    expect(distance({ metric: 'cosine' }, [1, 0], [1, step])).toBeCloseTo(step ** 2 / 2, 23);
    expect(distance({ metric: 'kl' }, [0.5, 0.5], [0.5, 0.5])).toBe(0);
  });

  it('adds with compensation, and infinities as they are', () => {
    const terms = [1e16, 1, -1e16];
    expect(sum(3, (f) => terms[f])).toBe(1);
    expect(sum(2, (f) => [1, Infinity][f])).toBe(Infinity);
  });

  it('leaves NaN and forbidden points out of a search and prefers the lower index', () => {
    const points = matrix([[2], [NaN], [1], [-1], [1]]);
    const oracle = oracleOf({ metric: 'euclidean' }, matrix([[0]]), points, 'exact');
    const found = oracleNeighbours(oracle, 0, 5, 5, false, (_, j) => j !== 2);
    expect(found.indices).toEqual([3, 4, 0]);
    expect(found.pairs.map(({ value }) => value)).toEqual([1, 1, 2]);
  });

  it('sorts similarities from the largest down', () => {
    const oracle = oracleOf(
      { metric: 'innerProduct' },
      matrix([[1]]),
      matrix([[1], [3], [2]]),
      'exact',
    );
    expect(oracleNeighbours(oracle, 0, 3, 2, true, () => true).indices).toEqual([1, 2]);
  });
});
