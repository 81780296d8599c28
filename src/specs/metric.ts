import { DomainError } from '../errors.js';

/** Canonical metric names, as kernels know them. */
export const METRICS = ['euclidean', 'sqeuclidean', 'manhattan', 'cosine'] as const;
export type Metric = (typeof METRICS)[number];

const ALIASES: Readonly<Record<string, Metric>> = {
  euclidean: 'euclidean',
  l2: 'euclidean',
  sqeuclidean: 'sqeuclidean',
  manhattan: 'manhattan',
  cityblock: 'manhattan',
  l1: 'manhattan',
  cosine: 'cosine',
};

/** Every accepted spelling of a metric. */
export type MetricName = Metric | 'l2' | 'cityblock' | 'l1';

/**
 * Canonical name of a metric or one of its aliases (scipy, scikit-learn and FAISS spellings).
 * @throws DomainError for an unknown name, listing the known ones.
 */
export function resolveMetric(op: string, name: string): Metric {
  if (Object.hasOwn(ALIASES, name)) return ALIASES[name];
  throw new DomainError({
    op,
    arg: 'metric',
    expected: `be one of ${Object.keys(ALIASES).join(', ')}`,
    got: `'${name}'`,
  });
}
