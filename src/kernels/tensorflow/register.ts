import type { KernelConfig } from '@tensorflow/tfjs';
import { registerOnce } from '../../specs/spec.js';
import { knnTensorflow } from './knn.js';
import { pairwiseDistanceTensorflow } from './pairwiseDistance.js';
import { relationStepsTensorflow } from './relationSteps.js';
import { rowDistanceTensorflow } from './rowDistance.js';
import { rowMapTensorflow } from './rowMap.js';

/**
 * Our kernels of the tensorflow backend. Its native binding loads no custom ops, so they are compositions
 * of TensorFlow ops in slabs, in float64.
 */
export const kernels: readonly KernelConfig[] = [
  knnTensorflow,
  pairwiseDistanceTensorflow,
  relationStepsTensorflow,
  rowDistanceTensorflow,
  rowMapTensorflow,
];

registerOnce(kernels);
