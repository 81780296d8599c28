import type { KernelConfig } from '@tensorflow/tfjs';
import { registerOnce } from '../../specs/spec.js';
import { knnCpu } from './knn.js';
import { pairwiseDistanceCpu } from './pairwiseDistance.js';
import { relationStepsCpu } from './relationSteps.js';
import { rowDistanceCpu } from './rowDistance.js';
import { rowMapCpu } from './rowMap.js';

/** Our kernels of the cpu backend, sorted by name. */
export const kernels: readonly KernelConfig[] = [
  knnCpu,
  pairwiseDistanceCpu,
  relationStepsCpu,
  rowDistanceCpu,
  rowMapCpu,
];

registerOnce(kernels);
