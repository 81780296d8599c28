import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import type { KnnAttrs } from '../../specs/knn.js';
import type { KernelCall } from '../../specs/spec.js';

/** One call of the neighbour search. */
export type KnnCall = KernelCall<
  'queries' | 'points',
  KnnAttrs,
  WebGPUBackend,
  'queryAux' | 'pointAux' | 'allowed' | 'queryGroups' | 'pointGroups'
>;
