// First: tfjs registers its own kernels when it is imported, and ours go over them.
import '@tensorflow/tfjs-backend-wasm';
import type { KernelConfig } from '@tensorflow/tfjs';
import { fusedPasses } from '../../specs/fusedPasses.js';
import { residency } from '../../specs/residency.js';
import { registerOnce } from '../../specs/spec.js';
import { overrideConvolutions } from './convolution.js';
import { addDepthwiseGradients } from './depthwise.js';
import { overrideElementwise } from './elementwise.js';
import { knnWasm } from './knn.js';
import { overrideMatMul } from './matMul.js';
import { pairwiseDistanceWasm } from './pairwiseDistance.js';
import { releasePoints } from './residentPoints.js';
import { relationStepsWasm } from './relationSteps.js';
import { rowDistanceWasm } from './rowDistance.js';
import { rowMapWasm } from './rowMap.js';

export { setThreads, threadInfo } from './threads.js';
export type { ThreadInfo } from './threads.js';

/** Our kernels of the wasm backend, sorted by name. */
export const kernels: readonly KernelConfig[] = [
  knnWasm,
  pairwiseDistanceWasm,
  relationStepsWasm,
  rowDistanceWasm,
  rowMapWasm,
];

registerOnce(kernels);
fusedPasses.declare('wasm');
residency.onRelease(releasePoints);
overrideMatMul();
overrideConvolutions();
addDepthwiseGradients();
overrideElementwise();
