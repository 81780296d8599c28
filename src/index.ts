/**
 * Operations, models, measures and errors. What needs Node or starts a backend has its own entry:
 * `tfjs-latent/backends`, `tfjs-latent/data`, `tfjs-latent/kernels/<backend>`.
 */
export * from './calibration/index.js';
export * from './errors.js';
export * from './metrics/index.js';
export * from './manifolds/index.js';
export * from './models/index.js';
export * from './models/layers/hyperbolic/index.js';
export * from './optim/index.js';
export { convert, HYPERBOLIC_MODELS } from './ops/convert.js';
export type { HyperbolicModel } from './ops/convert.js';
export * from './ops/geometry.js';
export { productDistance } from './ops/productDistance.js';
export { SparseMatrix } from './ops/sparseMatrix.js';
export type { CsrMatrix, Edges } from './ops/sparseMatrix.js';
export { customMetric } from './ops/customMetric.js';
export type { CustomMetric, CustomMetricParts } from './ops/customMetric.js';
export * from './neighbors/index.js';
export * as elementary from './ops/elementaryFunctions.js';
export { knn } from './ops/knn.js';
export type { KnnOptions, KnnResult } from './ops/knn.js';
export type { MaskOptions } from './ops/masks.js';
export type { MetricOptions } from './ops/metricRows.js';
export { addMissingGradients } from './ops/missingGradients.js';
export { pairwiseDistance } from './ops/pairwiseDistance.js';
export type { PairwiseDistanceOptions } from './ops/pairwiseDistance.js';
export { relationSteps } from './ops/relationSteps.js';
export type {
  NegativeWeights,
  RelationCsr,
  RelationSteps,
  RelationStepsOptions,
} from './ops/relationSteps.js';
export { rowDistance } from './ops/rowDistance.js';
export type { RowArguments, RowsLike, ScalarsLike } from './ops/applyRows.js';
export { rowMap } from './ops/rowMap.js';
export * from './scorers/index.js';
export { BACKENDS, CAPABILITIES } from './specs/capabilities.js';
export type { BackendName, Capability, CapabilityState } from './specs/capabilities.js';
export { expressions } from './specs/expression.js';
export type { Expression, Expressions, Operand } from './specs/expression.js';
export { METRIC_NAMES } from './specs/metric.js';
export type { Metric, MetricName } from './specs/metric.js';
export type { Mode } from './specs/metricForm.js';
export { RowGraph } from './specs/rowProgram/graph.js';
export type { RowOperand, RowProgram, Value } from './specs/rowProgram/graph.js';
export type { Geometry } from './specs/relationSteps.js';
export { residency } from './specs/residency.js';
export type { Artifacts, Json, SavedArray } from './util/artifacts.js';
export * from './train/index.js';
export { packBits, unpackBits } from './util/bits.js';
export type { Dataset, Rows, Targets } from './util/rows.js';
