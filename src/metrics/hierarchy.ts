import { DomainError } from '../errors.js';
import { checkEdges, directedAdjacency, undirectedAdjacency } from '../util/graph.js';
import type { Adjacency, EdgePairs } from '../util/graph.js';
import { openDistances } from './distanceRows.js';
import type { EmbeddedDistances, RunOptions } from './distanceRows.js';
import { RelevantRanker } from './rankRelevant.js';

/** An embedding with the edges that it should show. */
export type HierarchyInput = EmbeddedDistances & RunOptions & { readonly edges: EdgePairs };

/** How well an embedding shows a hierarchy. */
export interface Reconstruction {
  /** Mean average precision, in [0, 1]; 1 when every ancestor is nearer than every other node. */
  readonly map: number;
  /** Mean rank of ancestors among the nodes that are none, >= 1; 1 is best. */
  readonly meanRank: number;
  /** Nodes with at least one ancestor: those that are counted. */
  readonly nodes: number;
  /** (node, ancestor) pairs counted. */
  readonly pairs: number;
}

/**
 * Reconstruction of a hierarchy from distances: for each node, are its ancestors the nearest nodes?
 *
 * For every node u that has ancestors A(u), the edges (u, a), all nodes but u are ranked by their distance
 * to u. The rank of an ancestor counts only nodes that are no ancestors,
 * rank(u, a) = 1 + #{v not in A(u): d(u, v) < d(u, a)} + #{v not in A(u): d(u, v) = d(u, a)} / 2, and
 * meanRank is its mean over all edges. Average precision of u is the mean over A(u) of
 * #{b in A(u): d(u, b) <= d(u, a)} / #{v: d(u, v) <= d(u, a)}, as scikit-learn computes it: equal distances
 * are found together, which gives ties no advantage. map is its mean over the nodes u. Edges count in
 * their direction only, so the root is not a u.
 *
 * Distances are computed on the device in blocks of rows and ranked on the host; nothing of size n x n is
 * stored. With float32 points, equal distances are those equal in float32.
 *
 * @param input.points Rows [n, d], float32, with the options of pairwiseDistance (metric, c ...);
 * similarities are ranked from the largest. Or `distances`: a matrix or a function that gives rows.
 * @param input.edges (node, ancestor), flat list of shape [e, 2]; give the transitive closure where the
 * embedding was trained on it. Equal edges and edges from a node to itself do not count.
 * @param input.signal Stops the run. `onProgress`: nodes done and to do.
 * @returns map (high is good), meanRank (low is good), and what they are means over.
 * Cost: O(u n (d + log of ancestors)) time for u nodes with ancestors, one block of rows in memory.
 * @throws ShapeError, DtypeError, DomainError for bad points, metric or edges, before anything is computed;
 * DomainError when there is no edge, or a distance is NaN. The reason of `signal`.
 * Reference: Nickel and Kiela, Poincaré embeddings for learning hierarchical representations, 2017, 4.1.
 * @example
 * await reconstruction({ points, edges, metric: 'poincare' }); // { map: 1, meanRank: 1, ... }
 */
export async function reconstruction(input: HierarchyInput): Promise<Reconstruction> {
  const op = 'reconstruction';
  const source = openDistances(op, input);
  checkEdges(op, input.edges, source.nodes);
  const ancestors = directedAdjacency(input.edges, source.nodes);
  const counted = nodesWithEdges(op, ancestors);
  const ranker = new RelevantRanker(op, source.nodes, source.sign);
  let precisions = 0;
  let ranks = 0;
  for await (const row of source.rows(counted, input)) {
    const { averagePrecision, rankSum } = ranker.rank(row, neighborsOf(ancestors, row.node));
    precisions += averagePrecision;
    ranks += rankSum;
  }
  const pairs = ancestors.neighbors.length;
  return {
    map: precisions / counted.length,
    meanRank: ranks / pairs,
    nodes: counted.length,
    pairs,
  };
}

/**
 * Mean average precision of the neighbours in a graph: for each node, are the nodes at graph distance 1
 * the nearest in the embedding?
 *
 * MAP = mean over nodes u of mean over neighbours v of |N(u) ∩ R(u, v)| / |R(u, v)|, where N(u) are the
 * neighbours of u by edges in either direction and R(u, v) all nodes but u at most as far from u as v.
 * Nodes without a neighbour do not count.
 *
 * @param input As for {@link reconstruction}; edges are those of the graph, not their closure.
 * @returns Number in [0, 1]; 1 when all neighbours are nearer than all other nodes.
 * Cost: O(n^2 d) time, one block of rows in memory.
 * @throws As {@link reconstruction}.
 * Reference: Sala, De Sa, Gu, Ré, Representation tradeoffs for hyperbolic embeddings, 2018, section 2.
 * @example
 * await neighborMap({ distances: [[0, 1, 2], [1, 0, 1], [2, 1, 0]], edges: [0, 1, 1, 2] }); // 1
 */
export async function neighborMap(input: HierarchyInput): Promise<number> {
  const op = 'neighborMap';
  const source = openDistances(op, input);
  checkEdges(op, input.edges, source.nodes);
  const graph = undirectedAdjacency(input.edges, source.nodes);
  const counted = nodesWithEdges(op, graph);
  const ranker = new RelevantRanker(op, source.nodes, source.sign);
  let sum = 0;
  for await (const row of source.rows(counted, input)) {
    sum += ranker.rank(row, neighborsOf(graph, row.node)).averagePrecision;
  }
  return sum / counted.length;
}

function neighborsOf({ offsets, neighbors }: Adjacency, node: number): Int32Array {
  return neighbors.subarray(offsets[node], offsets[node + 1]);
}

function nodesWithEdges(op: string, { nodes, offsets }: Adjacency): Int32Array {
  const found: number[] = [];
  for (let u = 0; u < nodes; u++) if (offsets[u + 1] > offsets[u]) found.push(u);
  if (found.length > 0) return Int32Array.from(found);
  throw new DomainError({
    op,
    arg: 'edges',
    expected: 'have an edge between two different nodes',
    got: 'none',
  });
}
