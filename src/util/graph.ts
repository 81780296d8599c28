import { DomainError, ShapeError } from '../errors.js';

/**
 * Edges between nodes 0..nodes-1 as a flat list, shape [e, 2]: edge i goes from `edges[2 i]` to
 * `edges[2 i + 1]`.
 */
export type EdgePairs = ArrayLike<number>;

/**
 * Check a list of edges.
 * @throws ShapeError when its length is odd; DomainError for a count of nodes or an end of an edge that
 * is no integer in its range.
 */
export function checkEdges(op: string, edges: EdgePairs, nodes: number): void {
  if (!(Number.isInteger(nodes) && nodes >= 1 && nodes < 2 ** 31)) {
    throw new DomainError({
      op,
      arg: 'nodes',
      expected: 'be an integer >= 1 and < 2^31',
      got: String(nodes),
    });
  }
  if (edges.length % 2 !== 0) {
    throw new ShapeError({
      op,
      arg: 'edges',
      expected: 'have shape [e, 2], flat: an even number of values',
      got: `${edges.length} values`,
    });
  }
  for (let i = 0; i < edges.length; i++) {
    const node = edges[i];
    if (Number.isInteger(node) && node >= 0 && node < nodes) continue;
    throw new DomainError({
      op,
      arg: 'edges',
      expected: `hold nodes 0 to ${nodes - 1}`,
      got: `${node} in edge ${Math.floor(i / 2)}`,
    });
  }
}

/** Neighbours of every node: those of u are `neighbors[offsets[u], offsets[u + 1])`, ascending. */
export interface Adjacency {
  readonly nodes: number;
  readonly offsets: Int32Array;
  readonly neighbors: Int32Array;
}

/** Targets of the edges that leave each node, each once; a loop from a node to itself is left out. */
export function directedAdjacency(edges: EdgePairs, nodes: number): Adjacency {
  const ends = new Int32Array(nodes + 1);
  for (let i = 0; i < edges.length; i += 2) ends[edges[i] + 1]++;
  for (let u = 0; u < nodes; u++) ends[u + 1] += ends[u];
  const all = new Int32Array(edges.length / 2);
  const next = ends.slice(0, nodes);
  for (let i = 0; i < edges.length; i += 2) all[next[edges[i]]++] = edges[i + 1];
  return distinct(all, ends, nodes);
}

/** Neighbours by edges in either direction, each once; a loop is left out. */
export function undirectedAdjacency(edges: EdgePairs, nodes: number): Adjacency {
  const both = new Int32Array(2 * edges.length);
  for (let i = 0; i < edges.length; i += 2) {
    const [u, v] = [edges[i], edges[i + 1]];
    both.set([u, v, v, u], 2 * i);
  }
  return directedAdjacency(both, nodes);
}

function distinct(all: Int32Array, ends: Int32Array, nodes: number): Adjacency {
  const offsets = new Int32Array(nodes + 1);
  const neighbors = new Int32Array(all.length);
  let count = 0;
  for (let u = 0; u < nodes; u++) {
    const own = all.subarray(ends[u], ends[u + 1]).sort();
    for (let i = 0; i < own.length; i++) {
      if (own[i] === u || (i > 0 && own[i] === own[i - 1])) continue;
      neighbors[count++] = own[i];
    }
    offsets[u + 1] = count;
  }
  return { nodes, offsets, neighbors: neighbors.slice(0, count) };
}

/** Nodes in the order in which a breadth-first walk meets them. */
export interface Walk {
  /** The nodes met, the source first. */
  readonly order: Int32Array;
  /** Edges from the source to every node; -1 where there is no path. */
  readonly depth: Int32Array;
  /** The node from which each was met first; -1 for the source and for nodes without a path. */
  readonly parent: Int32Array;
}

/** Walk a graph breadth first; neighbours are taken in ascending order. */
export function breadthFirst({ nodes, offsets, neighbors }: Adjacency, source: number): Walk {
  const order = new Int32Array(nodes);
  const depth = new Int32Array(nodes).fill(-1);
  const parent = new Int32Array(nodes).fill(-1);
  order[0] = source;
  depth[source] = 0;
  let count = 1;
  for (let at = 0; at < count; at++) {
    const u = order[at];
    for (let i = offsets[u]; i < offsets[u + 1]; i++) {
      const v = neighbors[i];
      if (depth[v] >= 0) continue;
      depth[v] = depth[u] + 1;
      parent[v] = u;
      order[count++] = v;
    }
  }
  return { order: order.subarray(0, count), depth, parent };
}
