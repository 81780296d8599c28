import type { DataId } from '@tensorflow/tfjs';

/**
 * Kernels may keep what they derive from a tensor that is searched again and again; whoever owns the
 * tensor says when that memory can go.
 */
const listeners: ((dataId: DataId) => void)[] = [];

export const residency = {
  /** Called by kernels, once, when they are registered. */
  onRelease(listener: (dataId: DataId) => void): void {
    listeners.push(listener);
  },
  /** Called by the owner of a tensor before it is disposed of. */
  release(dataId: DataId): void {
    for (const listener of listeners) listener(dataId);
  },
} as const;
