import { DomainError } from '../errors.js';
import { breadthFirst, checkEdges, undirectedAdjacency } from '../util/graph.js';
import type { EdgePairs } from '../util/graph.js';

const OP = 'graphDistances';

/**
 * Distances in a graph: edges on a shortest path, by edges in either direction.
 *
 * @param edges Flat list of shape [e, 2]. @param nodes Number of nodes.
 * @returns A function that gives the distances [nodes] of a node to all, 0 to itself and Infinity where
 * there is no path; each call walks the graph once, so that no matrix is stored. It can be given as
 * `distances` to gromovDelta and others.
 * Cost: O(nodes + e) time per row.
 * @throws ShapeError, DomainError for bad edges; DomainError from the function for an index out of range.
 * @example
 * graphDistances([0, 1, 1, 2], 3)(0); // Float64Array [0, 1, 2]
 */
export function graphDistances(edges: EdgePairs, nodes: number): (node: number) => Float64Array {
  checkEdges(OP, edges, nodes);
  const graph = undirectedAdjacency(edges, nodes);
  return (node) => {
    if (!(Number.isInteger(node) && node >= 0 && node < nodes)) {
      const expected = `be 0 to ${nodes - 1}`;
      throw new DomainError({ op: OP, arg: 'node', expected, got: String(node) });
    }
    return Float64Array.from(breadthFirst(graph, node).depth, (d) => (d < 0 ? Infinity : d));
  };
}
