import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Blocks } from '../../../src/kernels/wasm/blocks.js';
import type { Block } from '../../../src/kernels/wasm/blocks.js';
import { residentBytes } from '../../../src/kernels/wasm/residentPoints.js';
import { knnSpec } from '../../../src/specs/knn.js';
import type { KnnAttrs } from '../../../src/specs/knn.js';
import { residency } from '../../../src/specs/residency.js';
import { runKernel } from '../../../src/specs/spec.js';
import { formOf } from '../../support/forms.js';
import type { PlainMetric } from '../../support/forms.js';
import { normals, startWasm, valuesOf } from './start.js';

type Found = readonly [distances: number[], indices: number[]];

interface Call {
  readonly metric: PlainMetric;
  readonly mode: KnnAttrs['mode'];
  readonly k: number;
}

async function search(
  queries: Float32Array,
  points: tf.Tensor3D,
  { metric, mode, k }: Call,
  resident: boolean,
): Promise<Found> {
  const [batch, , d] = points.shape;
  const [distances, indices] = tf.tidy(() => {
    const rows = tf.tensor3d(queries, [batch, queries.length / d / batch, d]);
    const attrs = { form: formOf(metric), k, selfOffset: undefined, mode, resident } as const;
    return runKernel(knnSpec, { queries: rows, points }, attrs);
  });
  return [await valuesOf(distances), await valuesOf(indices)];
}

beforeAll(startWasm);

describe('points that are kept', () => {
  const kept: tf.Tensor3D[] = [];
  const keep = (values: Float32Array, shape: [number, number, number]): tf.Tensor3D => {
    const points = tf.tensor3d(values, shape);
    kept.push(points);
    return points;
  };

  afterEach(() => {
    for (const points of kept.splice(0)) {
      residency.release(points.dataId);
      points.dispose();
    }
    expect(residentBytes()).toBe(0);
  });

  it.each([
    ['euclidean', 'exact', 7],
    ['euclidean', 'fast', 64],
    ['sqeuclidean', 'exact', 130],
    ['cosine', 'exact', 33],
    ['cosine', 'fast', 16],
  ] as const)('gives %s %s the same bits at d = %i, call after call', async (metric, mode, d) => {
    const points = keep(normals(2 * 1003 * d, 1), [2, 1003, d]);
    const call = { metric, mode, k: 5 };
    for (const rows of [30, 170]) {
      const queries = normals(2 * rows * d, rows);
      const want = await search(queries, points, call, false);
      expect(await search(queries, points, call, true)).toEqual(want);
      const bytes = residentBytes();
      expect(bytes).toBeGreaterThanOrEqual(2 * 1003 * d * 4);
      expect(await search(queries, points, call, true)).toEqual(want);
      expect(residentBytes()).toBe(bytes);
    }
  });

  it('packs anew for queries that need another scale, and for another family', async () => {
    const points = keep(normals(2000 * 9, 2), [1, 2000, 9]);
    const euclidean = { metric: 'euclidean', mode: 'exact', k: 3 } as const;
    const small = normals(40 * 9, 3);
    const huge = normals(40 * 9, 4, 1e25);
    await search(small, points, euclidean, true);
    const bytes = residentBytes();
    expect(await search(huge, points, euclidean, true)).toEqual(
      await search(huge, points, euclidean, false),
    );
    expect(residentBytes()).toBe(bytes);
    const cosine = { ...euclidean, metric: 'cosine' } as const;
    expect(await search(small, points, cosine, true)).toEqual(
      await search(small, points, cosine, false),
    );
    expect(residentBytes()).toBe(2 * bytes);
  });

  it('keeps nothing for a search that does not ask for it', async () => {
    const points = keep(normals(2000 * 9, 5), [1, 2000, 9]);
    await search(normals(40 * 9, 6), points, { metric: 'euclidean', mode: 'exact', k: 3 }, false);
    expect(residentBytes()).toBe(0);
  });

  it('lets go of released points and gives their room to others', async () => {
    const call = { metric: 'euclidean', mode: 'exact', k: 3 } as const;
    const first = keep(normals(2000 * 9, 7), [1, 2000, 9]);
    const second = keep(normals(3000 * 9, 8), [1, 3000, 9]);
    const queries = normals(40 * 9, 9);
    await search(queries, first, call, true);
    await search(queries, second, call, true);
    const both = residentBytes();
    residency.release(first.dataId);
    expect(residentBytes()).toBeLessThan(both);
    const third = keep(normals(1900 * 9, 10), [1, 1900, 9]);
    const want = await search(queries, second, call, false);
    await search(queries, third, call, true);
    // The third stands where the first did: the second is as it was.
    expect(await search(queries, second, call, true)).toEqual(want);
  });
});

describe('Blocks', () => {
  it('never overlaps blocks, and fills gaps first', () => {
    const steps = fc.array(
      fc.oneof(
        fc.record({ bytes: fc.integer({ min: 0, max: 1000 }) }),
        fc.record({ free: fc.nat({ max: 30 }) }),
      ),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(steps, (all) => {
        const blocks = new Blocks(64);
        const used: Block[] = [];
        for (const step of all) {
          if ('bytes' in step) used.push(blocks.reserve(step.bytes));
          else if (step.free < used.length) blocks.free(used.splice(step.free, 1)[0]);
          const filled = used
            .filter(({ bytes }) => bytes > 0)
            .sort((a, b) => a.address - b.address);
          filled.forEach(({ address, bytes }, i) => {
            expect(address % 64).toBe(0);
            expect(address).toBeGreaterThanOrEqual(64);
            const next = filled.at(i + 1);
            if (next !== undefined) expect(address + bytes).toBeLessThanOrEqual(next.address);
          });
          expect(blocks.bytes).toBe(used.reduce((sum, { bytes }) => sum + bytes, 0));
        }
        for (const block of used) blocks.free(block);
        expect(blocks.end).toBe(64);
      }),
    );
    const blocks = new Blocks(0);
    const [first] = [blocks.reserve(100), blocks.reserve(10)];
    blocks.free(first);
    expect(blocks.reserve(128).address).toBe(0);
  });
});
