import { DomainError } from '../errors.js';
import { checkEdges, directedAdjacency } from '../util/graph.js';
import type { Adjacency, EdgePairs } from '../util/graph.js';

const OP = 'transitiveClosure';

/** Pairs of the largest closure: 2 GiB of indices. */
const MOST_PAIRS = 2 ** 28;

/**
 * All pairs (node, ancestor) of a hierarchy: u and v are a pair when edges lead from u to v.
 *
 * @param edges (child, parent), flat list of shape [e, 2]; a node may have several parents, equal edges
 * count once.
 * @param n Number of nodes.
 * @param names Names of the nodes, for the text of errors.
 * @returns Pairs (child, ancestor), flat list of shape [pairs, 2], each once, ascending by child, then by
 * ancestor.
 * Cost: O(n + sum over edges of the parent's ancestors) time, the result in memory.
 * @throws ShapeError, DomainError for bad edges. DomainError naming a node on a cycle (an edge from a node
 * to itself is one), or when there are more than 2^28 pairs.
 * @example
 * transitiveClosure([0, 1, 1, 2], 3); // Int32Array [0, 1, 0, 2, 1, 2]
 */
export function transitiveClosure(
  edges: EdgePairs,
  n: number,
  names?: readonly string[],
): Int32Array {
  checkEdges(OP, edges, n);
  for (let i = 0; i < edges.length; i += 2) {
    if (edges[i] === edges[i + 1]) throw cycleError(edges[i], names, 'an edge to itself');
  }
  const parents = directedAdjacency(edges, n);
  const order = parentsFirst(parents, names);
  const ancestors = ancestorsOf(parents, order);
  let pairs = 0;
  for (const own of ancestors) pairs += own.length;
  const out = new Int32Array(2 * pairs);
  let at = 0;
  for (let u = 0; u < n; u++) {
    for (const ancestor of ancestors[u]) {
      out[at++] = u;
      out[at++] = ancestor;
    }
  }
  return out;
}

/** An order in which every node comes after its parents. */
function parentsFirst(
  { nodes, offsets, neighbors }: Adjacency,
  names?: readonly string[],
): Int32Array {
  const reversed = new Int32Array(2 * neighbors.length);
  for (let u = 0; u < nodes; u++) {
    for (let i = offsets[u]; i < offsets[u + 1]; i++) reversed.set([neighbors[i], u], 2 * i);
  }
  const children = directedAdjacency(reversed, nodes);
  const open = Int32Array.from({ length: nodes }, (_, u) => offsets[u + 1] - offsets[u]);
  const order = new Int32Array(nodes);
  let count = 0;
  for (let u = 0; u < nodes; u++) if (open[u] === 0) order[count++] = u;
  for (let at = 0; at < count; at++) {
    const u = order[at];
    for (let i = children.offsets[u]; i < children.offsets[u + 1]; i++) {
      const child = children.neighbors[i];
      if (--open[child] === 0) order[count++] = child;
    }
  }
  if (count === nodes) return order;
  // Every node left has a parent that is left as well, so going up must come back to one seen before.
  const seen = new Uint8Array(nodes);
  let u = open.findIndex((left) => left > 0);
  while (seen[u] === 0) {
    seen[u] = 1;
    const own = neighbors.subarray(offsets[u], offsets[u + 1]);
    u = own.find((parent) => open[parent] > 0) ?? u;
  }
  throw cycleError(u, names, 'edges that lead back to it');
}

function ancestorsOf(
  { nodes, offsets, neighbors }: Adjacency,
  order: Int32Array,
): readonly Int32Array[] {
  const ancestors = Array.from({ length: nodes }, () => new Int32Array(0));
  const seenBy = new Int32Array(nodes).fill(-1);
  const found = new Int32Array(nodes);
  let pairs = 0;
  for (const u of order) {
    let count = 0;
    const meet = (node: number): void => {
      if (seenBy[node] === u) return;
      seenBy[node] = u;
      found[count++] = node;
    };
    for (let i = offsets[u]; i < offsets[u + 1]; i++) {
      meet(neighbors[i]);
      for (const ancestor of ancestors[neighbors[i]]) meet(ancestor);
    }
    ancestors[u] = found.slice(0, count).sort();
    pairs += count;
    if (pairs > MOST_PAIRS) {
      throw new DomainError({
        op: OP,
        arg: 'edges',
        expected: `have a closure of at most ${MOST_PAIRS} pairs`,
        got: 'more',
      });
    }
  }
  return ancestors;
}

function cycleError(node: number, names: readonly string[] | undefined, what: string): DomainError {
  const name = names === undefined ? '' : ` ('${names[node]}')`;
  return new DomainError({
    op: OP,
    arg: 'edges',
    expected: 'have no cycle',
    got: `${what} at node ${node}${name}`,
    fix: "Remove that edge; readEdgeList with selfLoops: 'drop' leaves out edges to oneself.",
  });
}
