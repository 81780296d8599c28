import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { METRICS } from '../../src/specs/metric.js';
import type { ReferenceParameters } from '../reference/distance.js';
import { referencePairwise } from '../reference/pairwiseDistance.js';
import { expectClose } from '../support/compare.js';
import { TOLERANCES } from '../support/tolerances.js';

interface GoldenCase {
  readonly metric: string;
  readonly source: string;
  readonly parameters: ReferenceParameters;
  readonly x: number[][];
  readonly y: number[][];
  /** 'inf' stands for Infinity, which JSON lacks. */
  readonly distances: (number | string)[][];
}

const golden = JSON.parse(readFileSync(new URL('./metrics.json', import.meta.url), 'utf8')) as {
  readonly cases: readonly GoldenCase[];
};

const tag = ({ p, c }: ReferenceParameters): string =>
  [p === undefined ? '' : `p=${p}`, c === undefined ? '' : `c=${c}`].join('');

describe('golden: the oracle equals other libraries', () => {
  it.each(golden.cases.map((entry) => [entry.metric, tag(entry.parameters), entry] as const))(
    '%s %s',
    (metric, _tag, { source, parameters, x, y, distances }) => {
      // These cancel near 0 themselves; mpmath's do not.
      const cancels = ['cosine', 'correlation', 'kl', 'jensenshannon', 'haversine'].includes(
        metric,
      );
      const tolerance =
        cancels && source !== 'mpmath' ? TOLERANCES.goldenCancelling : TOLERANCES.golden;
      const got = referencePairwise(metric, x, y, parameters).flat();
      const want = distances.flat().map((v) => (v === 'inf' ? Infinity : Number(v)));
      expectClose(got, want, tolerance);
    },
  );

  it('covers every metric', () => {
    expect([...new Set(golden.cases.map(({ metric }) => metric))].sort()).toEqual([...METRICS]);
  });
});
