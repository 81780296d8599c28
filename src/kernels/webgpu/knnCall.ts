import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import type { KnnCall as SpecCall } from '../../specs/knn.js';

/** One call of the neighbour search. */
export type KnnCall = SpecCall<WebGPUBackend>;
