import type { MetricOptions } from '../ops/metricRows.js';
import { METRICS } from '../specs/metric.js';
import type { Metric } from '../specs/metric.js';
import { MODES } from '../specs/metricForm.js';
import type { Mode } from '../specs/metricForm.js';
import type { Matrix } from './oracle.js';
import {
  ballRows,
  matrixOf,
  normalRows,
  rowOf,
  shareRows,
  sphereRows,
  wholeRows,
  withRows,
} from './rows.js';

export const VERIFIED_OPS = ['knn', 'pairwiseDistance', 'rowDistance'] as const;
export type VerifiedOp = (typeof VERIFIED_OPS)[number];

/** Pairs that a search leaves out. */
export interface Masks {
  readonly selfOffset?: number;
  /** Whether point j may be a neighbour of query i. */
  readonly allowed?: (i: number, j: number) => boolean;
  /** Group of every query and of every point: only equal ones meet. */
  readonly groups?: { readonly queries: Int32Array; readonly points: Int32Array };
}

/** One piece of work whose result is held against the oracle. */
export interface VerifyCase {
  readonly op: VerifiedOp;
  readonly name: string;
  /** With a metric by name; oracles exist for those only. */
  readonly options: MetricOptions & { readonly metric: Metric };
  readonly mode: Mode;
  readonly x: Matrix;
  readonly y: Matrix;
  /** Neighbours per query; 0 for the other ops. */
  readonly k: number;
  readonly masks: Masks;
  /** Whether it belongs to the quick selection. */
  readonly quick: boolean;
}

interface Family {
  readonly options: (d: number) => MetricOptions;
  readonly rows: (rows: number, d: number, seed: number) => Matrix;
  /** Feature counts when the metric does not take any. */
  readonly features?: readonly number[];
}

const NORMAL: Family = { options: () => ({}), rows: (n, d, seed) => normalRows(n, d, seed) };
const SHARES: Family = { options: () => ({}), rows: shareRows };

/** Positive definite, with off-diagonal entries. */
function precision(d: number): number[][] {
  return Array.from({ length: d }, (_, r) =>
    Array.from({ length: d }, (_unused, c) =>
      r === c ? 1 + r / d : 0.25 / (1 + Math.abs(r - c)) / d,
    ),
  );
}

const FAMILIES: Readonly<Partial<Record<Metric, Family>>> = {
  minkowski: { ...NORMAL, options: () => ({ p: 3 }) },
  mahalanobis: { ...NORMAL, options: (d) => ({ VI: precision(d) }) },
  seuclidean: {
    ...NORMAL,
    options: (d) => ({ V: Array.from({ length: d }, (_, f) => 0.5 + (f % 7)) }),
  },
  hamming: { ...NORMAL, rows: (n, d, seed) => wholeRows(n, d, seed, 3) },
  jaccard: { ...NORMAL, rows: (n, d, seed) => wholeRows(n, d, seed, 2) },
  hellinger: SHARES,
  jensenshannon: SHARES,
  kl: SHARES,
  haversine: { ...NORMAL, rows: (n, _, seed) => sphereRows(n, seed), features: [2] },
  poincare: {
    options: () => ({ c: 0.5 }),
    rows: (n, d, seed) => ballRows(n, d, seed, 0.5),
  },
  lorentz: { ...NORMAL, options: () => ({ c: 2 }) },
};

const familyOf = (metric: Metric): Family => FAMILIES[metric] ?? NORMAL;

const QUICK_FEATURES = [3, 33];
const FEATURES = [1, 3, 8, 17, 33, 65, 129];
/** Around the block and tile sizes of the kernels. */
const TILE_FEATURES = [
  1, 2, 4, 7, 8, 9, 15, 16, 17, 31, 32, 63, 64, 65, 127, 128, 255, 256, 257, 784, 1025, 4096,
];
const QUICK_TILES = new Set([1, 8, 17, 65, 257]);
const COUNTS = [
  [1, 1],
  [3, 5],
  [8, 32],
  [33, 129],
  [65, 257],
] as const;

type Draft = Pick<VerifyCase, 'op' | 'name' | 'x' | 'y' | 'quick'> &
  Partial<Pick<VerifyCase, 'k' | 'mode' | 'masks'>> & {
    readonly metric: Metric;
    readonly options?: MetricOptions;
  };

function finished({ metric, options = {}, ...draft }: Draft): VerifyCase {
  return {
    k: draft.op === 'knn' ? Math.min(10, draft.y.rows) : 0,
    mode: 'exact',
    masks: {},
    ...draft,
    options: { ...options, metric },
  };
}

/** Rows of both sides for the op: paired rows need as many on both. */
function paired(op: VerifiedOp, x: Matrix, y: Matrix): { readonly x: Matrix; readonly y: Matrix } {
  if (op !== 'rowDistance') return { x, y };
  return { x: matrixOf(y.rows, y.d, (i, f) => rowOf(x, i % x.rows)[f]), y };
}

function metricCases(): Draft[] {
  return METRICS.flatMap((metric) => {
    const family = familyOf(metric);
    return (family.features ?? FEATURES).flatMap((d) =>
      VERIFIED_OPS.map((op) => ({
        op,
        name: `${metric} d=${d}`,
        metric,
        options: family.options(d),
        ...paired(op, family.rows(6, d, 11), family.rows(67, d, 12)),
        quick: family.features !== undefined || QUICK_FEATURES.includes(d),
      })),
    );
  });
}

function shapeCases(): Draft[] {
  const features = TILE_FEATURES.flatMap((d) =>
    VERIFIED_OPS.map((op) => ({
      op,
      name: `tiles d=${d}`,
      metric: 'euclidean' as const,
      ...paired(op, normalRows(5, d, 21), normalRows(70, d, 22)),
      quick: QUICK_TILES.has(d),
    })),
  );
  const counts = COUNTS.flatMap(([n, m]) =>
    (['knn', 'pairwiseDistance'] as const).flatMap((op) =>
      (['sqeuclidean', 'cityblock'] as const).map((metric) => ({
        op,
        name: `rows ${n} x ${m} ${metric}`,
        metric,
        x: normalRows(n, 19, 23),
        y: normalRows(m, 19, 24),
        quick: n === 33,
      })),
    ),
  );
  return [...features, ...counts];
}

/** Rows that break careless arithmetic: name, metrics, both sides. */
interface Hard {
  readonly name: string;
  readonly metrics: readonly Metric[];
  readonly x: Matrix;
  readonly y: Matrix;
}

const DIFFERENCES = ['euclidean', 'sqeuclidean', 'cityblock'] as const;

function hardRows(): Hard[] {
  const points = normalRows(67, 20, 31);
  const queries = normalRows(6, 20, 32);
  const nudged = matrixOf(6, 20, (i, f) => rowOf(points, i)[f] * (1 + (f === i ? 2 ** -22 : 0)));
  const bits = wholeRows(67, 20, 33, 2);
  return [
    {
      name: 'translation 1e6',
      metrics: [...DIFFERENCES, 'chebyshev', 'correlation', 'seuclidean'],
      x: normalRows(6, 20, 32, 1, 1e6),
      y: normalRows(67, 20, 31, 1, 1e6),
    },
    { name: 'near duplicates', metrics: [...DIFFERENCES, 'cosine'], x: nudged, y: points },
    { name: 'the same rows', metrics: [...METRICS].filter(isFree), x: points, y: points },
    {
      name: 'ties',
      metrics: [...DIFFERENCES, 'chebyshev', 'hamming', 'jaccard', 'innerProduct', 'canberra'],
      x: wholeRows(6, 20, 34, 2),
      y: bits,
    },
    {
      name: 'equal points',
      metrics: [...DIFFERENCES, 'cosine'],
      x: queries,
      y: matrixOf(67, 20, (_, f) => f - 7),
    },
    {
      name: 'NaN rows',
      metrics: [...METRICS].filter(isFree),
      x: withRows(queries, (i) => (i === 2 ? new Array<number>(20).fill(NaN) : undefined)),
      y: withRows(points, (i) => {
        if (i % 9 !== 4) return undefined;
        return rowOf(points, i).map((value, f) => (f === i % 20 ? NaN : value));
      }),
    },
    {
      name: 'infinite rows',
      metrics: [...DIFFERENCES],
      x: queries,
      y: withRows(points, (i) => (i % 5 === 1 ? new Array<number>(20).fill(Infinity) : undefined)),
    },
    {
      name: 'zero rows',
      metrics: [...METRICS].filter(isFree),
      x: withRows(queries, (i) => (i === 1 ? new Array<number>(20).fill(0) : undefined)),
      y: withRows(points, (i) => (i % 6 === 2 ? new Array<number>(20).fill(0) : undefined)),
    },
    {
      name: 'constant rows',
      metrics: ['correlation', 'cosine'],
      x: withRows(queries, (i) => (i === 1 ? new Array<number>(20).fill(0.1) : undefined)),
      y: withRows(points, (i) => (i % 6 === 2 ? new Array<number>(20).fill(3.3) : undefined)),
    },
    {
      name: 'tiny 1e-39',
      metrics: [...DIFFERENCES, 'chebyshev'],
      x: normalRows(6, 20, 32, 1e-39),
      y: normalRows(67, 20, 31, 1e-39),
    },
    {
      name: 'small 1e-21',
      metrics: [...DIFFERENCES, 'cosine'],
      x: normalRows(6, 20, 32, 1e-21),
      y: normalRows(67, 20, 31, 1e-21),
    },
    {
      name: 'large 1e15',
      metrics: [...DIFFERENCES, 'cosine', 'innerProduct', 'canberra'],
      x: normalRows(6, 20, 32, 1e15),
      y: normalRows(67, 20, 31, 1e15),
    },
    {
      name: 'huge 1e25',
      metrics: [...DIFFERENCES, 'cosine', 'chebyshev'],
      x: normalRows(6, 20, 32, 1e25),
      y: normalRows(67, 20, 31, 1e25),
    },
    {
      name: 'one heavy feature',
      metrics: [...DIFFERENCES, 'cosine'],
      x: matrixOf(6, 20, (i, f) => rowOf(queries, i)[f] * (f === 3 ? 1e4 : 1)),
      y: matrixOf(67, 20, (i, f) => rowOf(points, i)[f] * (f === 3 ? 1e4 : 1)),
    },
  ];
}

/** Metrics defined for rows of any numbers, without a parameter. */
function isFree(metric: Metric): boolean {
  return FAMILIES[metric] === undefined;
}

function hardCases(): Draft[] {
  return hardRows().flatMap(({ name, metrics, x, y }) =>
    metrics.flatMap((metric) =>
      VERIFIED_OPS.map((op) => ({
        op,
        name: `${name}, ${metric}`,
        metric,
        options: familyOf(metric).options(x.d),
        ...paired(op, x, y),
        quick: metric === 'euclidean' || metric === 'cosine',
      })),
    ),
  );
}

function modeCases(): Draft[] {
  const metrics = ['euclidean', 'sqeuclidean', 'cosine', 'innerProduct', 'cityblock'] as const;
  return MODES.filter((mode) => mode !== 'exact').flatMap((mode) =>
    metrics.flatMap((metric) =>
      [17, 129].flatMap((d) =>
        (['knn', 'pairwiseDistance'] as const).map((op) => ({
          op,
          name: `mode ${mode} ${metric} d=${d}`,
          metric,
          mode,
          x: normalRows(9, d, 41, 1, 3),
          y: normalRows(300, d, 42, 1, 3),
          quick: d === 17 && metric === 'euclidean',
        })),
      ),
    ),
  );
}

function searchCases(): Draft[] {
  const [x, y] = [normalRows(9, 12, 51), normalRows(1030, 12, 52)];
  const some = { op: 'knn', metric: 'euclidean', x, y } as const;
  const counts = [1, 2, 31, 32, 33, 64, 65, 100, 256, 257, 1000, 1024, 1025, 1030].map((k) => ({
    ...some,
    name: `k=${k} of 1030`,
    k,
    quick: k === 1 || k === 65 || k === 1030,
  }));
  return [...counts, ...maskCases()];
}

function maskCases(): Draft[] {
  const y = wholeRows(130, 6, 53, 4);
  const x = matrixOf(40, 6, (i, f) => rowOf(y, i + 7)[f]);
  const groups = {
    queries: Int32Array.from({ length: 40 }, (_, i) => i % 3),
    points: Int32Array.from({ length: 130 }, (_, j) => (j * 7) % 4),
  };
  const sparse = (i: number, j: number): boolean => (i * 31 + j * 17) % 23 === 0;
  const masks: readonly (readonly [string, Masks])[] = [
    ['self excluded', { selfOffset: 7 }],
    ['few allowed', { allowed: sparse }],
    ['none allowed', { allowed: () => false }],
    ['all allowed', { allowed: () => true }],
    ['groups', { groups }],
    ['all masks', { selfOffset: 7, allowed: (i, j) => (i + j) % 3 > 0, groups }],
  ];
  return masks.flatMap(([name, mask]) =>
    (['euclidean', 'cosine', 'cityblock'] as const).map((metric) => ({
      op: 'knn' as const,
      name: `${name}, ${metric}`,
      metric,
      x,
      y,
      k: 12,
      masks: mask,
      quick: metric === 'euclidean',
    })),
  );
}

/**
 * The cases of `verify`: every op and metric over a grid of shapes, and the inputs that break careless
 * arithmetic.
 * @param quick A selection that takes seconds.
 */
export function verifyCases(quick: boolean): VerifyCase[] {
  const drafts = [metricCases(), shapeCases(), hardCases(), modeCases(), searchCases()].flat();
  return drafts.filter((draft) => !quick || draft.quick).map(finished);
}
