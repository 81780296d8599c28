// First: tfjs registers its own kernels when it is imported. It needs no GPU for that.
import '@tensorflow/tfjs-backend-webgpu';
import type { KernelConfig } from '@tensorflow/tfjs';
import { fusedPasses } from '../../specs/fusedPasses.js';
import { registerOnce } from '../../specs/spec.js';
import { overrideFilterGradient } from './filterGradient.js';
import { knnWebgpu } from './knn.js';
import { pairwiseDistanceWebgpu } from './pairwiseDistance.js';
import { relationStepsWebgpu } from './relationSteps.js';
import { rowDistanceWebgpu } from './rowDistance.js';
import { rowMapWebgpu } from './rowMap.js';

/** Our kernels of the webgpu backend, sorted by name. */
export const kernels: readonly KernelConfig[] = [
  knnWebgpu,
  pairwiseDistanceWebgpu,
  relationStepsWebgpu,
  rowDistanceWebgpu,
  rowMapWebgpu,
];

registerOnce(kernels);
fusedPasses.declare('webgpu');
overrideFilterGradient();
