import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import {
  csrToEdges,
  edgesToCsr,
  knnGraph,
  radiusGraph,
  radiusNeighbors,
} from '../../src/neighbors/index.js';
import type { GraphOptions, NeighborLists } from '../../src/neighbors/index.js';
import { knn } from '../../src/ops/knn.js';
import { normalRows } from '../support/arbitraries.js';
import { expectNoLeak } from '../support/leaks.js';
import { casesFor, describeOnBackends, gridRows, toHost } from './onBackends.js';

/** Edges as text, in order. */
function edges(graph: NeighborLists): string[] {
  const { source, target, distance } = csrToEdges(graph);
  return Array.from(source, (node, e) => `${node}>${target[e]}:${distance[e]}`);
}

function sorted(graph: NeighborLists): string[] {
  return edges(graph).sort();
}

describeOnBackends('knnGraph', (backend) => {
  it('holds the neighbours of knn', async () => {
    const points = gridRows(30, 2, 1, 5);
    const graph = await knnGraph(points, 4);
    const want = await toHost(knn(points, points, 4, { excludeSelf: true }));
    expect(Array.from(graph.indices)).toEqual(Array.from(want.indices));
    expect(Array.from(graph.distances)).toEqual(Array.from(want.distances));
    expect(Array.from(graph.offsets)).toEqual(Array.from({ length: 31 }, (_, i) => 4 * i));
  });

  it.each(casesFor(backend, ['euclidean', 'innerProduct', 'cosine'] as const, 2))(
    'joins directions: mutual is the intersection, symmetric the union (%s)',
    async (metric) => {
      const points = normalRows(25, 3, 7);
      const directed = csrToEdges(await knnGraph(points, 3, { metric }));
      const known = new Map(
        Array.from(directed.source, (node, e): [string, number] => [
          `${node}>${directed.target[e]}`,
          directed.distance[e],
        ]),
      );
      const back = (edge: string): string => edge.split('>').reverse().join('>');
      const mutual = [...known].filter(([edge]) => known.has(back(edge)));
      const union = new Map(known);
      for (const [edge, distance] of known) {
        if (!union.has(back(edge))) union.set(back(edge), distance);
      }
      const text = (list: Iterable<[string, number]>): string[] =>
        Array.from(list, ([edge, distance]) => `${edge}:${distance}`).sort();
      expect(mutual.length).toBeGreaterThan(0);
      expect(sorted(await knnGraph(points, 3, { metric, kind: 'mutual' }))).toEqual(text(mutual));
      const both = await knnGraph(points, 3, { metric, kind: 'symmetric' });
      expect(sorted(both)).toEqual(text(union));
      const sign = metric === 'innerProduct' ? -1 : 1;
      for (let row = 0; row < 25; row++) {
        const own = both.distances.subarray(both.offsets[row], both.offsets[row + 1]);
        expect(own.every((v, e) => e === 0 || sign * v >= sign * own[e - 1])).toBe(true);
      }
    },
  );

  it('gives both directions of an asymmetric metric the nearer distance', async () => {
    const rows = normalRows(12, 4, 3).map((row) => row.map((v) => Math.abs(v) + 0.1));
    const { source, target, distance } = csrToEdges(
      await knnGraph(rows, 3, { metric: 'kl', kind: 'symmetric' }),
    );
    const of = new Map(Array.from(source, (s, e) => [`${s}>${target[e]}`, distance[e]]));
    for (const [edge, value] of of) expect(of.get(edge.split('>').reverse().join('>'))).toBe(value);
  });

  it('keeps edges within groups; small groups have fewer', async () => {
    const points = gridRows(11, 2, 4);
    const groups = [0, 0, 0, 0, 0, 0, 1, 1, 2, 0, 1];
    const graph = await knnGraph(points, 3, { groups });
    const { source, target } = csrToEdges(graph);
    source.forEach((node, e) => expect(groups[node]).toBe(groups[target[e]]));
    const counts = Array.from(groups, (_, i) => graph.offsets[i + 1] - graph.offsets[i]);
    expect(counts).toEqual([3, 3, 3, 3, 3, 3, 2, 2, 0, 3, 2]);
    const own = points.filter((_, i) => groups[i] === 1);
    const alone = await toHost(knn(own, own, 2, { excludeSelf: true }));
    const ids = [6, 7, 10];
    const found = ids.flatMap((i) =>
      Array.from(graph.indices.slice(graph.offsets[i], graph.offsets[i + 1])),
    );
    expect(found).toEqual(Array.from(alone.indices, (i) => ids[i]));
  });

  it('has self edges and plain weights when asked, keeps twins, and drops NaN rows', async () => {
    const points = [[0], [0], [NaN], [5]];
    const graph = await knnGraph(points, 1, { includeSelf: true, weights: 'connectivity' });
    expect(edges(graph)).toEqual(['0>0:1', '1>0:1', '3>3:1']);
    const others = await knnGraph(points, 2);
    expect(edges(others)).toEqual(['0>1:0', '0>3:5', '1>0:0', '1>3:5', '3>0:5', '3>1:5']);
  });

  it('leaves no tensor behind', async () => {
    const points = normalRows(20, 2, 2);
    await expectNoLeak(async () => {
      await knnGraph(points, 3, { kind: 'mutual', groups: points.map((_, i) => i % 2) });
      await radiusGraph(points, 1, { kind: 'symmetric' });
      await expect(knnGraph(points, 20)).rejects.toThrow('k must be an integer in [1, n - 1 = 19]');
      const stopped = knnGraph(points, 3, { signal: AbortSignal.abort() });
      await expect(stopped).rejects.toThrow('abort');
    });
  });

  it.each([
    [{ kind: 'both' }, "kind must be one of directed, mutual, symmetric, got 'both'"],
    [{ weights: 'heavy' }, "weights must be one of distance, connectivity, got 'heavy'"],
    [{ groups: [1] }, 'groups must hold one group for each of the 3 points, got 1'],
  ])('says what is wrong with %j', async (options, message) => {
    const run = knnGraph([[0], [1], [2]], 1, options as GraphOptions);
    await expect(run).rejects.toThrow(message);
  });
});

describeOnBackends('radiusGraph', () => {
  it('holds the edges of radiusNeighbors without the points themselves', async () => {
    const points = gridRows(25, 2, 8, 4);
    const graph = await radiusGraph(points, 1);
    const want = await radiusNeighbors(points, points, 1, { excludeSelf: true });
    expect(edges(graph)).toEqual(edges(want));
    expect(sorted(await radiusGraph(points, 1, { kind: 'symmetric' }))).toEqual(sorted(graph));
    expect(sorted(await radiusGraph(points, 1, { kind: 'mutual' }))).toEqual(sorted(graph));
  });

  it('respects groups', async () => {
    const points = tf.tensor2d(gridRows(20, 1, 2, 6));
    const groups = Int32Array.from({ length: 20 }, (_, i) => i % 4);
    const { source, target } = csrToEdges(await radiusGraph(points, 1, { groups }));
    expect(source.length).toBeGreaterThan(0);
    source.forEach((node, e) => expect(groups[node]).toBe(groups[target[e]]));
    points.dispose();
  });
});

describe('csrToEdges and edgesToCsr', () => {
  const graph = {
    offsets: Int32Array.of(0, 2, 2, 3),
    indices: Int32Array.of(1, 2, 0),
    distances: Float32Array.of(0.5, 1, 0.5),
  };

  it('undo each other', () => {
    expect(csrToEdges(graph)).toEqual({
      source: Int32Array.of(0, 0, 2),
      target: graph.indices,
      distance: graph.distances,
    });
    expect(edgesToCsr(csrToEdges(graph), 3)).toEqual(graph);
  });

  it('take edges in any order of sources', () => {
    const shuffled = {
      source: Int32Array.of(2, 0, 0),
      target: Int32Array.of(0, 1, 2),
      distance: Float32Array.of(0.5, 0.5, 1),
    };
    expect(edgesToCsr(shuffled, 3)).toEqual(graph);
  });

  it('refuse nodes that are not there and columns of different lengths', () => {
    const edge = {
      source: Int32Array.of(0),
      target: Int32Array.of(3),
      distance: Float32Array.of(1),
    };
    expect(() => edgesToCsr(edge, 3)).toThrow('edge 0 must join nodes in [0, 3), got 0 -> 3');
    expect(() => edgesToCsr({ ...edge, distance: new Float32Array(2) }, 4)).toThrow(
      'edges must have columns of equal length, got 1, 1, 2',
    );
  });
});
