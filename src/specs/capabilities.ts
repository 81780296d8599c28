import { pairwiseDistanceSpec } from './pairwiseDistance.js';
import { knnSpec } from './knn.js';
import { relationStepsSpec } from './relationSteps.js';
import { rowDistanceSpec } from './rowDistance.js';
import { rowMapSpec } from './rowMap.js';

/** How an op runs on a backend: our own kernel, composed of the backend's tfjs kernels, or not at all. */
export type CapabilityState = 'kernel' | 'composed' | 'unsupported';

export interface Capability {
  readonly op: string;
  readonly backend: string;
  readonly state: CapabilityState;
  /** Why there is no kernel; required unless state is 'kernel'. */
  readonly reason?: string;
}

/** Backends that the project verifies. */
export const BACKENDS = ['cpu', 'wasm', 'webgpu', 'tensorflow'] as const;
export type BackendName = (typeof BACKENDS)[number];

/** Specs of all ops, sorted by name. */
export const SPECS = [
  knnSpec,
  pairwiseDistanceSpec,
  relationStepsSpec,
  rowDistanceSpec,
  rowMapSpec,
] as const;

/** One row per op and backend: the source of FEATURES.md, of `doctor`, and of the structure test. */
export const CAPABILITIES: readonly Capability[] = [
  { op: 'knn', backend: 'cpu', state: 'kernel' },
  { op: 'knn', backend: 'wasm', state: 'kernel' },
  { op: 'knn', backend: 'webgpu', state: 'kernel' },
  { op: 'knn', backend: 'tensorflow', state: 'kernel' },
  { op: 'pairwiseDistance', backend: 'cpu', state: 'kernel' },
  { op: 'pairwiseDistance', backend: 'wasm', state: 'kernel' },
  { op: 'pairwiseDistance', backend: 'webgpu', state: 'kernel' },
  { op: 'pairwiseDistance', backend: 'tensorflow', state: 'kernel' },
  { op: 'relationSteps', backend: 'cpu', state: 'kernel' },
  { op: 'relationSteps', backend: 'wasm', state: 'kernel' },
  { op: 'relationSteps', backend: 'webgpu', state: 'kernel' },
  { op: 'relationSteps', backend: 'tensorflow', state: 'kernel' },
  { op: 'rowDistance', backend: 'cpu', state: 'kernel' },
  { op: 'rowDistance', backend: 'wasm', state: 'kernel' },
  { op: 'rowDistance', backend: 'webgpu', state: 'kernel' },
  { op: 'rowDistance', backend: 'tensorflow', state: 'kernel' },
  { op: 'rowMap', backend: 'cpu', state: 'kernel' },
  { op: 'rowMap', backend: 'wasm', state: 'kernel' },
  { op: 'rowMap', backend: 'webgpu', state: 'kernel' },
  { op: 'rowMap', backend: 'tensorflow', state: 'kernel' },
];

/** A public function that has no kernels of its own: it runs on those of the ops named. */
export interface DerivedFeature {
  readonly name: string;
  readonly uses: readonly (typeof SPECS)[number]['op'][];
  readonly how: string;
}

/** Sorted by name; listed in FEATURES.md. */
export const DERIVED: readonly DerivedFeature[] = [
  {
    name: 'HyperbolicEmbedding',
    uses: ['relationSteps'],
    how: 'batches of Riemannian SGD in few calls; negatives from a counter',
  },
  {
    name: 'KnnIndex',
    uses: ['knn'],
    how: 'rows stay on the device with what kernels derive of them',
  },
  {
    name: 'addMissingGradients',
    uses: [],
    how: 'gradients of topk and gatherND, which tfjs lacks',
  },
  {
    name: 'convert, productDistance',
    uses: ['rowMap'],
    how: 'between all hyperbolic models; distances of products',
  },
  {
    name: 'elementary: asinh, acosh1p, atanh, log1p, expm1, sinh, cosh, tanh, sinhc, tanhc, asinhc, atanhc',
    uses: ['rowMap'],
    how: 'series and closed forms, at most 4 ulp over the whole domain; gradients to any order',
  },
  {
    name: 'gradients of knn',
    uses: ['knn'],
    how: 'derivatives of the pairs found, in slabs; sums over points by products with one-hot slabs',
  },
  {
    name: 'gradients of pairwiseDistance and rowDistance',
    uses: ['pairwiseDistance', 'rowDistance'],
    how: 'symbolic derivatives of the metric, in slabs',
  },
  {
    name: 'halfSpace: dist, egradToRgrad, expMap, inner, logMap, project, transport',
    uses: ['rowMap'],
    how: 'upper half-space of curvature -c; one fused pass, gradients by points and curvature',
  },
  {
    name: 'klein: dist, einsteinMidpoint',
    uses: ['rowMap'],
    how: 'Klein model; midpoints; one fused pass, gradients by points and curvature',
  },
  { name: 'knnGraph', uses: ['knn'], how: 'directed, mutual, symmetrised; CSR and edge list' },
  {
    name: 'logPolar: dist',
    uses: ['rowMap'],
    how: 'Euclidean parametrisation; never overflows; one fused pass, gradients by points and curvature',
  },
  {
    name: 'lorentz: add, centroid, dist, dist0, egradToRgrad, expMap, expMap0, exteriorAngle, gyration, halfAperture, hyperplaneDistance, inner, logMap, logMap0, matVec, minkowskiInner, norm, project, projectTangent, scalarMul, time, transport, transport0',
    uses: ['rowMap'],
    how: 'hyperboloid by its space coordinates, polar forms; one fused pass, gradients by points and curvature',
  },
  { name: 'mergeNeighbors', uses: [], how: 'joins the lists of shards on the host' },
  {
    name: 'poincare: add, coneAngle, coneHalfAperture, conformalFactor, dist, dist0, egradToRgrad, expMap, expMap0, gyration, hyperplaneDistance, hyperplaneLogit, inner, logMap, logMap0, matVec, norm, project, scalarMul, transport, transport0, weightedMidpoint',
    uses: ['rowMap'],
    how: 'ball; gaps 1 - c |x|^2 without cancellation; one fused pass, gradients by points and curvature',
  },
  {
    name: 'radiusNeighbors and radiusGraph',
    uses: ['knn'],
    how: 'searches with growing k until the radius is passed; CSR',
  },
  {
    name: 'reconstruction, neighborMap, distortion, gromovDelta',
    uses: ['pairwiseDistance'],
    how: 'measures of hierarchies in blocks of rows',
  },
  { name: 'searchBlocks', uses: ['knn'], how: 'references block by block, from disk' },
  {
    name: 'sphere: dist, egradToRgrad, expMap, inner, logMap, project, projectTangent, transport',
    uses: ['rowMap'],
    how: 'sphere of a radius; one fused pass, gradients by points and curvature',
  },
  {
    name: 'stereographic: add, conformalFactor, dist, dist0, egradToRgrad, expMap, expMap0, gyration, inner, logMap, logMap0, project, scalarMul, transport, weightedMidpoint',
    uses: ['rowMap'],
    how: 'constant curvature of any sign, smooth through 0; one fused pass, gradients by points and curvature',
  },
];
