import { prepareMetric } from '../../src/ops/metricRows.js';
import type { MetricForm } from '../../src/specs/metricForm.js';

/** Metrics whose rows go to the kernels as they are. */
export const PLAIN_METRICS = ['euclidean', 'sqeuclidean', 'cityblock', 'cosine'] as const;
export type PlainMetric = (typeof PLAIN_METRICS)[number];

/** What the kernels know of a metric without parameters. */
export function formOf(metric: PlainMetric): MetricForm {
  return prepareMetric('test', { metric }, 1).form;
}
