import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { neighborMap, reconstruction } from '../../src/metrics/index.js';
import type { HierarchyInput } from '../../src/metrics/index.js';
import { failureOf } from '../data/files.js';
import { describeOnBackends, gridRows } from '../neighbors/onBackends.js';
import { ballDistance, rankScores } from '../reference/hierarchy.js';
import { PROPERTY, normalRows } from '../support/arbitraries.js';
import { expectNoLeak } from '../support/leaks.js';

/** Complete binary tree of the given depth: child i hangs at (i - 1) / 2. */
function binaryTree(depth: number): { nodes: number; edges: number[]; closure: number[] } {
  const nodes = 2 ** (depth + 1) - 1;
  const up = (i: number): number => Math.floor((i - 1) / 2);
  const edges: number[] = [];
  const closure: number[] = [];
  for (let i = 1; i < nodes; i++) {
    edges.push(i, up(i));
    for (let a = up(i); ; a = up(a)) {
      closure.push(i, a);
      if (a === 0) break;
    }
  }
  return { nodes, edges, closure };
}

const has = (edges: ArrayLike<number>, u: number, v: number): boolean => {
  for (let i = 0; i < edges.length; i += 2) if (edges[i] === u && edges[i + 1] === v) return true;
  return false;
};

/** A matrix of distances of few values, so that ties are common, and edges with repeats and loops. */
const cases = fc.integer({ min: 2, max: 12 }).chain((n) =>
  fc.tuple(
    fc.array(fc.array(fc.integer({ min: 0, max: 5 }), { minLength: n, maxLength: n }), {
      minLength: n,
      maxLength: n,
    }),
    fc
      .array(fc.tuple(fc.nat(n - 1), fc.nat(n - 1)), { minLength: 1, maxLength: 4 * n })
      .filter((edges) => edges.some(([u, v]) => u !== v))
      .map((edges) => edges.flat()),
  ),
);

describe('reconstruction of given distances', () => {
  it('golden: ancestors first, last, and level with others', async () => {
    // Node 0 has ancestors 1 and 2, node 3 is neither.
    const scores = async (row: number[]): Promise<number[]> => {
      const distances = [row, [9, 9, 9, 9], [9, 9, 9, 9], [9, 9, 9, 9]];
      const { map, meanRank } = await reconstruction({ distances, edges: [0, 1, 0, 2] });
      return [map, meanRank];
    };
    expect(await scores([0, 1, 2, 3])).toEqual([1, 1]);
    expect(await scores([0, 2, 3, 1])).toEqual([(1 / 2 + 2 / 3) / 2, 2]);
    expect(await scores([0, 1, 2, 2])).toEqual([(1 + 2 / 3) / 2, 1.25]);
    expect(await scores([7, 1, 1, 1])).toEqual([2 / 3, 1.5]);
    expect(await scores([0, Infinity, Infinity, Infinity])).toEqual([2 / 3, 1.5]);
  });

  it('golden: counts distinct pairs of nodes that have ancestors', async () => {
    const distances = [
      [0, 1, 2],
      [1, 0, 1],
      [2, 1, 0],
    ];
    const found = await reconstruction({ distances, edges: [0, 1, 0, 1, 2, 2, 2, 1] });
    expect(found).toEqual({ map: 1, meanRank: 1, nodes: 2, pairs: 2 });
  });

  it('reference: equals precision over recall and counted ranks, with ties', async () => {
    await fc.assert(
      fc.asyncProperty(cases, async ([distances, edges]) => {
        const got = await reconstruction({ distances, edges });
        const want = rankScores(distances, (u, v) => has(edges, u, v));
        expect(got.map).toBeCloseTo(want.map, 12);
        expect(got.meanRank).toBeCloseTo(want.meanRank, 12);
      }),
      PROPERTY,
    );
  });

  it('property: depends on the order of distances only, and not on the names of nodes', async () => {
    await fc.assert(
      fc.asyncProperty(cases, fc.integer(), async ([distances, edges], seed) => {
        const got = await reconstruction({ distances, edges });
        const stretched = (u: number): number[] => distances[u].map((d) => Math.exp(d) + u);
        const nodes = distances.length;
        expect(await reconstruction({ distances: stretched, nodes, edges })).toEqual(got);
        const shift = (u: number): number => (((u + seed) % nodes) + nodes) % nodes;
        const renamed = distances.map((row) => [...row]);
        distances.forEach((row, u) => {
          row.forEach((d, v) => (renamed[shift(u)][shift(v)] = d));
        });
        const moved = await reconstruction({ distances: renamed, edges: edges.map(shift) });
        expect(moved.map).toBeCloseTo(got.map, 12);
        expect(moved.meanRank).toBeCloseTo(got.meanRank, 12);
      }),
      PROPERTY,
    );
  });

  it('error: says what is wrong', async () => {
    const square = [
      [0, 1],
      [1, 0],
    ];
    const failing = (input: unknown): Promise<string> =>
      failureOf(reconstruction(input as HierarchyInput));
    expect(await failing({ distances: square, edges: [0, 2] })).toContain('nodes 0 to 1, got 2');
    expect(await failing({ distances: square, edges: [1, 1] })).toContain(
      'DomainError: reconstruction: edges must have an edge between two different nodes, got none',
    );
    expect(await failing({ distances: [[0], [1]], edges: [0, 1] })).toContain(
      'ShapeError: reconstruction: distances must have 2 values in every row, got 1 in row 0',
    );
    expect(await failing({ distances: () => [0], edges: [0, 1] })).toContain(
      'nodes must be an int',
    );
    expect(await failing({ distances: [], edges: [0, 1] })).toContain('distances must have a row');
    for (const row of [
      [0, NaN, 1],
      [0, 1, NaN],
    ]) {
      const distances = [row, row, row];
      expect(await failing({ distances, edges: [0, 1] })).toMatch(
        /must be numbers between all nodes, got NaN between nodes 0 and [12]\./,
      );
    }
    expect(await failing({ points: [[[1]]], edges: [0, 1] })).toContain('shape [n, d], n >= 1');
    expect(await failing({ points: [[1], [2]], edges: [0, 1], metric: 'l9' })).toContain(
      'metric must be one of',
    );
    expect(await failing({ points: [[1], [2]], edges: [0, 1], c: 1 })).toContain(
      'c must be absent',
    );
    const signal = AbortSignal.abort();
    expect(await failing({ points: [[1], [2]], edges: [0, 1], signal })).toContain('abort');
    expect(await failing({ distances: square, edges: [0, 1], signal })).toContain('abort');
  });
});

describe('neighborMap of given distances', () => {
  it('golden: graph distances of a tree give 1, as does anything that keeps neighbours first', async () => {
    const { nodes, edges } = binaryTree(3);
    const depthOf = (i: number): number => Math.floor(Math.log2(i + 1));
    const length = (u: number, v: number): number => {
      let [a, b] = [u, v];
      while (a !== b) {
        if (a > b) a = Math.floor((a - 1) / 2);
        else b = Math.floor((b - 1) / 2);
      }
      return depthOf(u) + depthOf(v) - 2 * depthOf(a);
    };
    const row = (u: number): number[] => Array.from({ length: nodes }, (_, v) => length(u, v));
    expect(await neighborMap({ distances: row, nodes, edges })).toBe(1);
    const flipped = (u: number): number[] => row(u).map((d) => -d);
    expect(await neighborMap({ distances: flipped, nodes, edges })).toBeLessThan(0.3);
  });

  it('reference: equals precision over recall of the neighbours in either direction', async () => {
    await fc.assert(
      fc.asyncProperty(cases, async ([distances, edges]) => {
        const either = (u: number, v: number): boolean => has(edges, u, v) || has(edges, v, u);
        const want = rankScores(distances, either).map;
        expect(await neighborMap({ distances, edges })).toBeCloseTo(want, 12);
      }),
      PROPERTY,
    );
  });
});

describeOnBackends('reconstruction of points', (backend) => {
  const count = backend === 'webgpu' ? 15 : 63;
  const { closure, edges } = binaryTree(backend === 'webgpu' ? 3 : 5);

  it('reference: equals ranks by textbook distances in float64, in the ball and on the hyperboloid', async () => {
    const rows = normalRows(count, 3, 5, 0.2);
    const all = rows.map((x) => rows.map((y) => ballDistance(x, y)));
    const want = rankScores(all, (u, v) => has(closure, u, v));
    const got = await reconstruction({ points: rows, edges: closure, metric: 'poincare' });
    expect(got.map).toBeCloseTo(want.map, 10);
    expect(got.meanRank).toBeCloseTo(want.meanRank, 10);
    const spaces = rows.map((x) => {
      const gap = 1 - x.reduce((sum, value) => sum + value * value, 0);
      return x.map((value) => (2 * value) / gap);
    });
    const lorentz = await reconstruction({ points: spaces, edges: closure, metric: 'lorentz' });
    expect(lorentz.map).toBeCloseTo(want.map, 10);
  });

  it('reference: equal distances on a grid, other metrics, tensors', async () => {
    const rows = gridRows(count, 2, 7, 4);
    const points = tf.tensor2d(rows, [count, 2], 'float32');
    const steps = rows.map((x) => rows.map((y) => Math.abs(x[0] - y[0]) + Math.abs(x[1] - y[1])));
    const near = (u: number, v: number): boolean => has(edges, u, v) || has(edges, v, u);
    const got = await neighborMap({ points, edges, metric: 'manhattan' });
    expect(got).toBeCloseTo(rankScores(steps, near).map, 12);
    const products = rows.map((x) => rows.map((y) => -(x[0] * y[0] + x[1] * y[1])));
    const similar = await reconstruction({ points, edges, metric: 'innerProduct' });
    const want = rankScores(products, (u, v) => has(edges, u, v));
    expect(similar.map).toBeCloseTo(want.map, 12);
    points.dispose();
  });

  it('leaves no tensor behind, also when it fails or is stopped on the way', async () => {
    const rows = gridRows(15, 2, 7);
    const points = tf.tensor2d(rows, [15, 2], 'float32');
    const small = binaryTree(3).edges;
    await expectNoLeak(async () => {
      await reconstruction({ points, edges: small });
      await reconstruction({ points: rows, edges: small });
      const outside = reconstruction({ points: rows, edges: small, metric: 'poincare' });
      await expect(outside).rejects.toThrow('NaN between nodes');
    });
    expect(points.isDisposed).toBe(false);
    points.dispose();
  });
});

describe('reconstruction in several blocks', () => {
  it('gives what one block gives and reports its progress', async () => {
    const n = 4200;
    const rows = gridRows(n, 2, 3, 9);
    const edges = Array.from({ length: n - 1 }, (_, i) => [i + 1, i >> 1]).flat();
    const seen: number[] = [];
    const onProgress = (done: number): void => void seen.push(done);
    const got = await reconstruction({ points: rows, edges, metric: 'cityblock', onProgress });
    expect(seen.length).toBeGreaterThan(1);
    expect(seen[seen.length - 1]).toBe(n - 1);
    const row = (u: number): number[] =>
      rows.map((y) => Math.abs(rows[u][0] - y[0]) + Math.abs(rows[u][1] - y[1]));
    expect(await reconstruction({ distances: row, nodes: n, edges })).toEqual(got);
  });
});
