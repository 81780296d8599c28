import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  benjaminiHochberg,
  benjaminiYekutieli,
  thresholdAtTpr,
  tprLowerBound,
} from '../../src/calibration/index.js';
import { auroc, averagePrecision, fprAtTpr, oodMeasures } from '../../src/metrics/index.js';

interface Golden {
  readonly measures: readonly {
    readonly positive: number[];
    readonly negative: number[];
    readonly auroc: number;
    readonly averagePrecision: number;
    readonly averagePrecisionOfNegative: number;
    readonly fpr: readonly (readonly [number, number])[];
  }[];
  readonly discoveries: readonly {
    readonly pValues: number[];
    readonly hochberg: number[];
    readonly yekutieli: number[];
  }[];
  readonly thresholds: readonly {
    readonly rows: number;
    readonly tpr: number;
    readonly confidence: number;
    readonly rank: number;
    readonly attained: number;
  }[];
  readonly limits: readonly {
    readonly rows: number;
    readonly accepted: number;
    readonly confidence: number;
    readonly limit: number;
  }[];
}

const golden = JSON.parse(readFileSync(new URL('./ood.json', import.meta.url), 'utf8')) as Golden;

function expectAll(got: ArrayLike<number>, want: readonly number[]): void {
  expect(got).toHaveLength(want.length);
  want.forEach((value, i) => expect(got[i]).toBeCloseTo(value, 12));
}

describe('golden: measures equal scikit-learn', () => {
  it.each(golden.measures.map((entry, i) => [i, entry] as const))('case %i', (_i, entry) => {
    const { positive, negative } = entry;
    expect(auroc(positive, negative)).toBeCloseTo(entry.auroc, 12);
    expect(averagePrecision(positive, negative)).toBeCloseTo(entry.averagePrecision, 12);
    const { auprIn } = oodMeasures({ id: negative, ood: positive });
    expect(auprIn).toBeCloseTo(entry.averagePrecisionOfNegative, 12);
    for (const [tpr, fpr] of entry.fpr) {
      expect(fprAtTpr(positive, negative, tpr)).toBeCloseTo(fpr, 12);
    }
  });
});

describe('golden: adjusted p-values equal scipy', () => {
  it.each(golden.discoveries.map((entry, i) => [i, entry] as const))('case %i', (_i, entry) => {
    expectAll(benjaminiHochberg(entry.pValues, 0.1).adjusted, entry.hochberg);
    expectAll(benjaminiYekutieli(entry.pValues, 0.1).adjusted, entry.yekutieli);
  });
});

describe('golden: ranks and limits equal those of the binomial and beta laws of scipy', () => {
  it.each(golden.thresholds)('rank of $rows scores at $tpr, $confidence', (entry) => {
    const { rows, tpr, confidence } = entry;
    // Scores 1..n: the threshold is its own rank.
    const scores = Float64Array.from({ length: rows }, (_, i) => i + 1);
    const got = thresholdAtTpr(scores, tpr, { confidence });
    expect(got.rank).toBe(entry.rank);
    expect(got.threshold).toBe(entry.rank);
    expect(got.confidence).toBeCloseTo(entry.attained, 10);
  });

  it.each(golden.limits)('limit of $accepted of $rows at $confidence', (entry) => {
    const scores = Array.from({ length: entry.rows }, (_, i) => i + 1);
    const got = tprLowerBound(scores, entry.accepted, entry.confidence);
    expect(got).toBeCloseTo(entry.limit, 12);
  });
});
