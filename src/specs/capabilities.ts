import { pairwiseDistanceSpec } from './pairwiseDistance.js';
import { knnSpec } from './knn.js';
import { rowDistanceSpec } from './rowDistance.js';

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
export const SPECS = [knnSpec, pairwiseDistanceSpec, rowDistanceSpec] as const;

/** One row per op and backend: the source of FEATURES.md, of `doctor`, and of the structure test. */
export const CAPABILITIES: readonly Capability[] = [
  { op: 'knn', backend: 'cpu', state: 'kernel' },
  { op: 'knn', backend: 'wasm', state: 'kernel' },
  { op: 'knn', backend: 'webgpu', state: 'kernel' },
  {
    op: 'knn',
    backend: 'tensorflow',
    state: 'composed',
    reason: 'the binding loads no custom ops; runs as slabs of TensorFlow ops',
  },
  { op: 'pairwiseDistance', backend: 'cpu', state: 'kernel' },
  { op: 'pairwiseDistance', backend: 'wasm', state: 'kernel' },
  { op: 'pairwiseDistance', backend: 'webgpu', state: 'kernel' },
  {
    op: 'pairwiseDistance',
    backend: 'tensorflow',
    state: 'composed',
    reason: 'the binding loads no custom ops; runs as slabs of TensorFlow ops',
  },
  { op: 'rowDistance', backend: 'cpu', state: 'kernel' },
  { op: 'rowDistance', backend: 'wasm', state: 'kernel' },
  { op: 'rowDistance', backend: 'webgpu', state: 'kernel' },
  {
    op: 'rowDistance',
    backend: 'tensorflow',
    state: 'composed',
    reason: 'the binding loads no custom ops; runs as TensorFlow ops',
  },
];
