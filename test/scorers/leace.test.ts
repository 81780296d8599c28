import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { startBackend } from '../../src/backends/start.js';
import { auroc } from '../../src/metrics/index.js';
import { eraseConcept, LeaceEraser, scorers } from '../../src/scorers/index.js';
import type { EraseOptions } from '../../src/scorers/index.js';
import { Rng } from '../../src/util/rng.js';
import type { Rows } from '../../src/util/rows.js';
import * as erasure from '../reference/erasure.js';
import * as reference from '../reference/scorers.js';
import type { Matrix } from '../support/arbitraries.js';
import { normalRows, PROPERTY } from '../support/arbitraries.js';
import { expectNoLeak } from '../support/leaks.js';

const METHODS = ['leace', 'nullProjection'] as const;

/** Rows as nested arrays. */
function nested({ data, count, rowShape: [d] }: Rows): Matrix {
  return Array.from({ length: count }, (_, i) => Array.from(data.subarray(i * d, (i + 1) * d)));
}

const erased = async (
  features: Matrix,
  labels: number[],
  options: EraseOptions = {},
): Promise<Matrix> => nested(await eraseConcept(features, labels, options));

/** Correlated features whose mean depends on the concept. */
function concept({ n = 120, d = 6, classes = 3, seed = 1 } = {}): {
  features: Matrix;
  labels: number[];
} {
  const mix = normalRows(d, d, seed).map((row, i) => row.map((v, j) => v + (i === j ? 1 : 0)));
  const shifts = normalRows(classes, d, seed + 1, 1.5);
  const labels = Array.from({ length: n }, (_, i) => (i * i) % classes);
  const features = reference
    .times(normalRows(n, d, seed + 2), mix)
    .map((row, i) => row.map((v, j) => Math.fround(v + shifts[labels[i]][j])));
  return { features, labels };
}

const membersOf = (rows: Matrix, labels: number[], c: number): Matrix =>
  rows.filter((_, i) => labels[i] === c);

/** Largest distance between the mean of a class and that of all rows, over features. */
function meanGap(rows: Matrix, labels: number[]): number {
  const all = reference.mean(rows);
  return Math.max(
    ...[...new Set(labels)].flatMap((c) =>
      reference.minus(reference.mean(membersOf(rows, labels, c)), all).map(Math.abs),
    ),
  );
}

/** Accuracy on other rows of the linear discriminant of two classes, 0 and 1. */
function discriminant(
  train: { rows: Matrix; labels: number[] },
  test: { rows: Matrix; labels: number[] },
): number {
  const means = [0, 1].map((c) => reference.mean(membersOf(train.rows, train.labels, c)));
  const centers = train.labels.map((c) => means[c]);
  const precision = reference.inverse(reference.covariance(train.rows, centers));
  const normal = reference.times([reference.minus(means[1], means[0])], precision)[0];
  const middle = means[0].map((v, j) => (v + means[1][j]) / 2);
  const isRight = test.rows.filter((row, i) => {
    const side = reference.dot(normal, reference.minus(row, middle));
    return side > 0 === (test.labels[i] === 1);
  });
  return isRight.length / test.rows.length;
}

beforeAll(() => startBackend({ prefer: 'cpu' }));

describe('concept erasure', () => {
  it('reference: both methods are the formulas', async () => {
    const { features, labels } = concept();
    for (const method of METHODS) {
      const want = features.map(erasure[method](features, labels));
      const got = await erased(features, labels, { method });
      want.forEach((row, i) => row.forEach((v, j) => expect(got[i][j]).toBeCloseTo(v, 5)));
    }
  });

  it('property: class means are equal to 1e-6 and the cross-covariance is 0', async () => {
    for (const method of METHODS) {
      for (const { classes, seed } of [
        { classes: 2, seed: 3 },
        { classes: 5, seed: 4 },
      ]) {
        // prettier-ignore
        const { features, labels } = concept({ classes, seed });
        expect(meanGap(features, labels)).toBeGreaterThan(0.5);
        const got = await erased(features, labels, { method });
        expect(meanGap(got, labels)).toBeLessThan(1e-6);
        const crossed = erasure.crossCovariance(got, labels).flat();
        expect(Math.max(...crossed.map(Math.abs))).toBeLessThan(1e-6);
        // The mean of all rows stays.
        reference.mean(got).forEach((v, j) => {
          expect(v).toBeCloseTo(reference.mean(features)[j], 6);
        });
      }
    }
  });

  it('property: no linear classifier beats the share of the largest class', async () => {
    const { features, labels } = concept({ n: 400, classes: 2 });
    const whole = { rows: features, labels };
    expect(discriminant(whole, whole)).toBeGreaterThan(0.95);
    // The best linear prediction of the concept by least squares is its mean: no coefficient is left.
    const rows = await erased(features, labels);
    const m = reference.mean(rows);
    const centers = rows.map(() => m);
    const target = erasure.crossCovariance(rows, labels);
    const slopes = reference.times(reference.inverse(reference.covariance(rows, centers)), target);
    expect(Math.max(...slopes.flat().map(Math.abs))).toBeLessThan(1e-5);
  });

  it('property: erasing twice is erasing once', async () => {
    const { features, labels } = concept();
    for (const method of METHODS) {
      const eraser = await LeaceEraser.fit(features, labels, { method });
      const once = nested(await eraser.transform(features));
      const twice = nested(await eraser.transform(once));
      once.forEach((row, i) => row.forEach((v, j) => expect(twice[i][j]).toBeCloseTo(v, 5)));
      const again = await LeaceEraser.fit(once, labels, { method });
      const fresh = nested(await again.transform(once));
      once.forEach((row, i) => row.forEach((v, j) => expect(fresh[i][j]).toBeCloseTo(v, 5)));
    }
  });

  it('property: no other projection that erases changes less, by S^-1 and by any other norm', async () => {
    const { features, labels } = concept();
    const m = reference.mean(features);
    const centers = features.map(() => m);
    const precision = reference.inverse(reference.covariance(features, centers));
    const identity = m.map((_, i) => m.map((__, j) => Number(i === j)));
    const change = (rows: Matrix, norm: Matrix): number =>
      reference.sum(
        rows.map((row, i) => reference.quadratic(norm, reference.minus(row, features[i]))),
      ) / rows.length;
    const gaps = erasure.crossCovariance(features, labels);
    // x - B (B^T M B)^+ B^T M (x - m) erases for every positive M.
    const others = [11, 12, 13, 14].map((seed) => {
      const half = normalRows(6, 6, seed);
      const weight = reference.times(half, reference.transpose(half));
      const weighted = reference.times(reference.transpose(gaps), weight);
      const solved = reference.inverse(reference.times(weighted, gaps));
      const taken = reference.times(reference.times(gaps, solved), weighted);
      return features.map((x) =>
        reference.minus(x, reference.times([reference.minus(x, m)], reference.transpose(taken))[0]),
      );
    });
    others.push(await erased(features, labels, { method: 'nullProjection' }));
    const best = await erased(features, labels);
    for (const rows of others) {
      expect(meanGap(rows, labels)).toBeLessThan(1e-5);
      for (const norm of [precision, identity]) {
        expect(change(best, norm)).toBeLessThan(change(rows, norm) * (1 - 1e-3));
      }
    }
  });

  it('property: an invertible linear map of the features commutes with leace', async () => {
    const { features, labels } = concept();
    const want = await erased(features, labels);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 2 ** 31 - 1 }), async (seed) => {
        const map = normalRows(6, 6, seed).map((row, i) =>
          row.map((v, j) => 0.2 * v + Number(i === j)),
        );
        const mapped = reference.times(features, map).map((row) => row.map(Math.fround));
        const got = await erased(mapped, labels);
        reference.times(want, map).forEach((row, i) => {
          row.forEach((v, j) => expect(Math.abs(got[i][j] - v)).toBeLessThan(2e-5));
        });
      }),
      { ...PROPERTY, numRuns: 8 },
    );
  });
});

describe('a planted domain', () => {
  /**
   * Two classes along one direction; the second domain moves all rows along another one, which is not at a
   * right angle to the first, so that it carries rows across the border.
   */
  function domains(n: number, seed: number): { rows: Matrix; labels: number[]; domain: number[] } {
    const rng = new Rng(seed);
    const labels = Array.from({ length: 2 * n }, (_, i) => i % 2);
    const domain = labels.map((_, i) => Math.floor(i / n));
    const rows = labels.map((label, i) =>
      Array.from({ length: 20 }, (_, j) => {
        const own = j === 0 ? (label === 1 ? 1.75 : -1.75) : 0;
        const shift = domain[i] === 1 && j < 3 ? [2.4, 5, -5][j] : 0;
        return Math.fround(own + shift + rng.normal());
      }),
    );
    return { rows, labels, domain };
  }
  const part = (
    { labels, domain }: ReturnType<typeof domains>,
    rows: Matrix,
    which: number,
  ): { rows: Matrix; labels: number[] } => ({
    rows: rows.filter((_, i) => domain[i] === which),
    labels: labels.filter((_, i) => domain[i] === which),
  });

  it('cross-domain accuracy rises from about .6 to about .95, the domain becomes invisible', async () => {
    const [train, test] = [domains(300, 1), domains(500, 2)];
    const eraser = await LeaceEraser.fit(train.rows, train.domain);
    expect(eraser.rank).toBe(1);
    const accuracy = (a: Matrix, b: Matrix): number =>
      discriminant(part(train, a, 0), part(test, b, 1));
    const before = accuracy(train.rows, test.rows);
    const [a, b] = await Promise.all([train, test].map(({ rows }) => eraser.transform(rows)));
    const after = accuracy(nested(a), nested(b));
    expect(before).toBeGreaterThan(0.5);
    expect(before).toBeLessThan(0.75);
    expect(after).toBeGreaterThan(0.93);
    const tells = discriminant(
      { rows: nested(a), labels: train.domain },
      { rows: nested(b), labels: test.domain },
    );
    expect(Math.abs(tells - 0.5)).toBeLessThan(0.06);
  });

  it('a scorer on erased features no longer takes the other domain for novel, but novel rows', async () => {
    const [train, test] = [domains(300, 1), domains(200, 2)];
    const novel = test.rows.map((row) => row.map((v, j) => (j >= 12 ? v + 2.5 : v)));
    const home = (rows: Rows | Matrix): Matrix =>
      (Array.isArray(rows) ? rows : nested(rows)).filter((_, i) => train.domain[i] === 0);
    const compare = async (
      map: (rows: Matrix) => Promise<Matrix>,
    ): Promise<{ domain: number; novel: number }> => {
      const scorer = await scorers
        .knn({ k: 5, normalize: false })
        .fit({ features: home(await map(train.rows)) });
      const scores = await scorer.score({ features: await map(test.rows) });
      const far = await scorer.score({ features: await map(novel) });
      scorer.dispose();
      const of = (which: number): Float64Array => scores.filter((_, i) => test.domain[i] === which);
      return { domain: auroc(of(1), of(0)), novel: auroc(far, scores) };
    };
    const eraser = await LeaceEraser.fit(train.rows, train.domain);
    const raw = await compare((rows) => Promise.resolve(rows));
    const clean = await compare(async (rows) => nested(await eraser.transform(rows)));
    expect(raw.domain).toBeGreaterThan(0.95);
    expect(Math.abs(clean.domain - 0.5)).toBeLessThan(0.1);
    expect(clean.novel).toBeGreaterThan(0.99);
    expect(raw.novel).toBeLessThan(0.95);
  });
});

describe('concept erasure, edges', () => {
  it('golden: two classes on a line by hand', async () => {
    // S = diag(1, 1), means (+-1, 0): what is erased is the first coordinate.
    const features = [[1, 1], [1, -1], [-1, 1], [-1, -1]]; // prettier-ignore
    for (const method of METHODS) {
      const got = await erased(features, [7, 7, 2, 2], { method });
      expect(got).toEqual([[0, 1], [0, -1], [0, 1], [0, -1]]); // prettier-ignore
    }
  });

  it('edge: constant and dependent features, more features than rows, scales far apart', async () => {
    const { features, labels } = concept({ n: 40, d: 3 });
    const wide = features.map(([a, b, c]) => [a, 7, Math.fround(a + b), b * 2 ** 20, c * 2 ** -20]);
    const got = await erased(wide, labels);
    const sizes = [1, 1, 1, 2 ** 20, 2 ** -20];
    const scaled = got.map((row) => row.map((v, j) => v / sizes[j]));
    expect(meanGap(scaled, labels)).toBeLessThan(1e-6);
    got.forEach((row) => expect(row[1]).toBe(7));
    const few = normalRows(6, 10, 4);
    expect(meanGap(await erased(few, [0, 1, 0, 1, 0, 1]), [0, 1, 0, 1, 0, 1])).toBeLessThan(1e-6);
  });

  it('edge: a class without difference of means leaves the bits as they are', async () => {
    const features = [[1, 2], [-1, 3], [1, 2], [-1, 3]]; // prettier-ignore
    for (const method of METHODS) {
      const eraser = await LeaceEraser.fit(features, [0, 0, 1, 1], { method });
      expect(eraser.rank).toBe(0);
      expect(nested(await eraser.transform(features))).toEqual(features);
    }
    const equal = await LeaceEraser.fit([[5, 5], [5, 5]], [0, 1]); // prettier-ignore
    expect(nested(await equal.transform([[1, 2]]))).toEqual([[1, 2]]);
  });

  it('edge: one row per class takes out all that varies', async () => {
    const features = normalRows(4, 6, 9);
    const eraser = await LeaceEraser.fit(features, [0, 1, 2, 3]);
    expect(eraser.rank).toBe(3);
    const m = reference.mean(features);
    nested(await eraser.transform(features)).forEach((row) => {
      row.forEach((v, j) => expect(v).toBeCloseTo(m[j], 6));
    });
  });

  it('edge: duplicates, labels with gaps, and rows far from the origin', async () => {
    const { features, labels } = concept();
    const far = features.map((row) => row.map((v) => Math.round(v * 64) / 64 + 4096));
    const gaps = labels.map((label) => 1000 * label + 3);
    expect(meanGap(await erased(far, gaps), gaps)).toBeLessThan(1e-4);
    const twice = [...features, ...features];
    const got = await erased(twice, [...labels, ...labels]);
    const want = await erased(features, labels);
    want.forEach((row, i) => row.forEach((v, j) => expect(got[i][j]).toBeCloseTo(v, 5)));
    expect(got.slice(0, 120)).toEqual(got.slice(120));
  });

  it('memory: tensors, nested arrays and host rows give the same bits, nothing is left', async () => {
    const { features, labels } = concept();
    await expectNoLeak(async () => {
      const tensor = tf.tensor2d(features);
      const eraser = await LeaceEraser.fit(tensor, labels);
      const want = await eraser.transform(features);
      expect(await eraser.transform(tensor)).toEqual(want);
      const data = Float32Array.from(features.flat());
      const rows = { data, count: 120, rowShape: [6] };
      expect(await eraser.transform(rows)).toEqual(want);
      expect(rows.data).toEqual(Float32Array.from(features.flat()));
      tensor.dispose();
    });
  });

  it('a saved eraser gives the same bits; another model or format is refused', async () => {
    const { features, labels } = concept();
    for (const method of METHODS) {
      const eraser = await LeaceEraser.fit(features, labels, { method });
      const saved = await eraser.toArtifacts();
      const loaded = LeaceEraser.fromArtifacts(saved);
      expect(loaded.method).toBe(method);
      expect(await loaded.transform(features)).toEqual(await eraser.transform(features));
      expect(await loaded.toArtifacts()).toEqual(saved);
    }
    const saved = await (await LeaceEraser.fit(features, labels)).toArtifacts();
    expect(() => LeaceEraser.fromArtifacts({ ...saved, model: 'sage' })).toThrow(
      "LeaceEraser.fromArtifacts: model must be 'eraser.leace', got 'sage'",
    );
    expect(() => LeaceEraser.fromArtifacts({ ...saved, formatVersion: 2 })).toThrow(
      'formatVersion must be 1, got 2. A newer version of this package wrote format 2',
    );
    expect(() => LeaceEraser.fromArtifacts({ ...saved, config: {} })).toThrow(
      'config.method must be as toArtifacts wrote it',
    );
    expect(() => LeaceEraser.fromArtifacts({ ...saved, arrays: {} })).toThrow(
      "array 'mean' must be float64 [d], got nothing",
    );
  });

  it('error: rows, labels and options that do not fit are named', async () => {
    const { features, labels } = concept();
    await expect(
      LeaceEraser.fit(
        features,
        labels.map(() => 4),
      ),
    ).rejects.toThrow(
      // prettier-ignore
      'LeaceEraser.fit: labels must name two classes at least, got only 4. ' +
        'With one class there is nothing to erase.',
    );
    const spoilt = features.map((row, i) => (i === 5 ? [NaN, ...row.slice(1)] : row));
    await expect(eraseConcept(spoilt, labels)).rejects.toThrow('got NaN at row 5, feature 0');
    await expect(LeaceEraser.fit(features, [0, 1])).rejects.toThrow(
      'labels must have one row for each of the 120 of features, got 2 rows',
    );
    await expect(
      LeaceEraser.fit(
        features,
        labels.map((v) => v - 1),
      ),
    ).rejects.toThrow(
      // prettier-ignore
      'labels must be integers >= 0, got -1 at row 0',
    );
    await expect(LeaceEraser.fit(features, labels, { method: 'x' as never })).rejects.toThrow(
      'LeaceEraser.fit: method must be one of leace, nullProjection, got "x"',
    );
    const eraser = await LeaceEraser.fit(features, labels);
    await expect(eraser.transform([[1, 2]])).rejects.toThrow(
      'LeaceEraser.transform: features must have 6 columns, as in fit, got 2 columns',
    );
    await expect(eraser.transform(spoilt)).rejects.toThrow('got NaN at row 5');
  });
});
