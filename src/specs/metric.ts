import { DomainError } from '../errors.js';

/** Canonical metric names, in the spelling of scipy where scipy has the metric. */
export const METRICS = [
  'braycurtis',
  'canberra',
  'chebyshev',
  'cityblock',
  'correlation',
  'cosine',
  'euclidean',
  'hamming',
  'haversine',
  'hellinger',
  'innerProduct',
  'jaccard',
  'jensenshannon',
  'kl',
  'lorentz',
  'mahalanobis',
  'minkowski',
  'poincare',
  'seuclidean',
  'spherical',
  'sqeuclidean',
] as const;
export type Metric = (typeof METRICS)[number];

const ALIASES = {
  dot: 'innerProduct',
  ip: 'innerProduct',
  l1: 'cityblock',
  l2: 'euclidean',
  linf: 'chebyshev',
  lp: 'minkowski',
  manhattan: 'cityblock',
} as const satisfies Readonly<Record<string, Metric>>;

/** Every accepted spelling of a metric. */
export type MetricName = Metric | keyof typeof ALIASES;

export const METRIC_NAMES: readonly string[] = [...METRICS, ...Object.keys(ALIASES)].sort();

/**
 * Canonical name of a metric or one of its aliases (scipy, scikit-learn and FAISS spellings).
 * @throws DomainError for an unknown name, listing the known ones.
 */
export function resolveMetric(op: string, name: string): Metric {
  const known = METRICS.find((metric) => metric === name);
  if (known !== undefined) return known;
  if (Object.hasOwn(ALIASES, name)) return ALIASES[name as keyof typeof ALIASES];
  throw new DomainError({
    op,
    arg: 'metric',
    expected: `be one of ${METRIC_NAMES.join(', ')}`,
    got: `'${name}'`,
  });
}
