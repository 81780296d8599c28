import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { startBackend } from '../../src/backends/start.js';
import type { KnnResult } from '../../src/ops/knn.js';
import type { Neighbors } from '../../src/neighbors/index.js';
import { Rng } from '../../src/util/rng.js';

/** Declare tests once and run them on every backend of this machine. */
export function describeOnBackends(name: string, declare: (backend: string) => void): void {
  describe(name, () => {
    for (const { name: backend, available, detail } of inject('backends')) {
      if (!available) {
        describe.skip(`${backend} (not on this machine: ${detail})`, () => {
          it('runs', () => expect(available).toBe(true));
        });
        continue;
      }
      describe(backend, () => {
        beforeAll(async () => {
          await startBackend({ prefer: backend });
        });
        declare(backend);
      });
    }
  });
}

/**
 * Cases that a backend runs: all, or the first few on webgpu, where a software driver takes seconds to
 * build the pipelines of each metric. That each metric's kernel is right there is tested with the op;
 * here it is only the cutting and joining of its results.
 */
export function casesFor<T>(backend: string, cases: readonly T[], few: number): readonly T[] {
  return backend === 'webgpu' ? cases.slice(0, few) : cases;
}

/** Tensors of a search on the host; frees them. */
export async function toHost({ distances, indices }: KnnResult): Promise<Neighbors> {
  const [count, k] = distances.shape as [number, number];
  const [d, i] = await Promise.all([distances.data<'float32'>(), indices.data<'int32'>()]);
  tf.dispose([distances, indices]);
  return { count, k, distances: d, indices: i };
}

/** Rows on a coarse grid, so that many distances tie. */
export function gridRows(count: number, d: number, seed: number, steps = 3): number[][] {
  const rng = new Rng(seed);
  return Array.from({ length: count }, () =>
    Array.from({ length: d }, () => (rng.uint32() % steps) + 0),
  );
}

/** Cut rows into blocks of the given sizes, the last size repeated. */
export function* blocksOf<T>(rows: readonly T[], sizes: readonly number[]): Generator<T[]> {
  for (let at = 0, i = 0; at < rows.length; i++) {
    const size = sizes[Math.min(i, sizes.length - 1)];
    yield rows.slice(at, at + size);
    at += size;
  }
}

/** The bits of both arrays, so that -0 and 0 differ and NaN equals itself. */
export function bitsOf({ distances, indices }: Pick<Neighbors, 'distances' | 'indices'>): unknown {
  const bits = new Int32Array(distances.buffer, distances.byteOffset, distances.length);
  return { distances: Array.from(bits), indices: Array.from(indices) };
}
