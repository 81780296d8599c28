import { DomainError } from '../errors.js';
import { breadthFirst, checkEdges, undirectedAdjacency } from '../util/graph.js';
import type { EdgePairs } from '../util/graph.js';
import { notANumber, openDistances } from './distanceRows.js';
import type { EmbeddedDistances, RunOptions } from './distanceRows.js';

export type DistortionInput = EmbeddedDistances &
  RunOptions & {
    /** Edges of the graph, flat list of shape [e, 2], in either direction. */
    readonly edges: EdgePairs;
    /**
     * What embedded distances are multiplied by before they are compared: a number, or 'fit' for the
     * one with the smallest mean of (s d' / d - 1)^2. Default 1.
     */
    readonly scale?: number | 'fit';
  };

/** How far embedded distances d' are from graph distances d. */
export interface Distortion {
  /** Mean over pairs of |s d' / d - 1|; 0 when all agree. */
  readonly average: number;
  /** max(d' / d) / min(d' / d), >= 1, the same for every scale; 1 when all distances are in proportion. */
  readonly worstCase: number;
  /** The scale s used. */
  readonly scale: number;
  /** Pairs of different nodes with a path between them, each once. */
  readonly pairs: number;
  /** Pairs without a path, which do not count. */
  readonly unreachable: number;
}

/**
 * Distortion of a graph's distances by an embedding.
 *
 * average (d_avg) = mean over pairs u < v of |s d'(u, v) / d(u, v) - 1|; worstCase (d_wc) = the largest
 * expansion max(d' / d) times the largest contraction max(d / d'). Graph distances are numbers of edges
 * on a shortest path, found from each node by a breadth-first walk on the host.
 *
 * @param input.points With the options of pairwiseDistance, or `distances`; as for reconstruction. A
 * metric must be a distance, not a similarity.
 * @param input.edges Edges of the graph.
 * @param input.scale Default 1; 'fit' reads all distances twice.
 * @returns average (low is good), worstCase (low is good), scale, and the pairs counted.
 * Cost: O(n (n d + e)) time, one block of rows in memory.
 * @throws ShapeError, DtypeError, DomainError for bad points, metric, edges or scale, before anything is
 * computed; DomainError when no pair has a path, or a distance is NaN. The reason of `signal`.
 * Reference: Sala, De Sa, Gu, Ré, Representation tradeoffs for hyperbolic embeddings, 2018, section 2.
 * @example
 * await distortion({ distances: [[0, 2], [2, 0]], edges: [0, 1], scale: 0.5 }); // average 0, worstCase 1
 */
export async function distortion(input: DistortionInput): Promise<Distortion> {
  const op = 'distortion';
  const { scale = 1 } = input;
  if (scale !== 'fit' && !(scale > 0 && Number.isFinite(scale))) {
    const got = String(scale);
    throw new DomainError({ op, arg: 'scale', expected: "be a number above 0, or 'fit'", got });
  }
  const source = openDistances(op, input);
  checkEdges(op, input.edges, source.nodes);
  if (source.sign < 0) {
    throw new DomainError({ op, arg: 'metric', expected: 'be a distance', got: 'a similarity' });
  }
  const graph = undirectedAdjacency(input.edges, source.nodes);
  const all = Int32Array.from({ length: source.nodes }, (_, u) => u);
  /** Ratios d' / d of every pair, one after the other. */
  const eachRatio = async (use: (ratio: number) => void): Promise<number> => {
    let unreachable = 0;
    for await (const { node, distances } of source.rows(all, input)) {
      const { depth } = breadthFirst(graph, node);
      for (let v = node + 1; v < source.nodes; v++) {
        if (Number.isNaN(distances[v])) throw notANumber(op, node, v);
        if (depth[v] < 0) unreachable++;
        else use(distances[v] / depth[v]);
      }
    }
    return unreachable;
  };
  const used = scale === 'fit' ? await fittedScale(eachRatio) : scale;
  let sum = 0;
  let pairs = 0;
  let most = 0;
  let least = Infinity;
  const unreachable = await eachRatio((ratio) => {
    sum += Math.abs(used * ratio - 1);
    pairs++;
    if (ratio > most) most = ratio;
    if (ratio < least) least = ratio;
  });
  if (pairs === 0) {
    const expected = 'join at least two nodes';
    throw new DomainError({ op, arg: 'edges', expected, got: 'no pair with a path' });
  }
  // Two nodes at one point: contracted without limit.
  const worstCase = least === 0 ? Infinity : most / least;
  return { average: sum / pairs, worstCase, scale: used, pairs, unreachable };
}

/** The s with the smallest sum of (s r - 1)^2: sum r / sum r^2. */
async function fittedScale(
  eachRatio: (use: (ratio: number) => void) => Promise<number>,
): Promise<number> {
  let sum = 0;
  let squares = 0;
  await eachRatio((ratio) => {
    sum += ratio;
    squares += ratio * ratio;
  });
  return squares > 0 && Number.isFinite(squares) ? sum / squares : 1;
}
