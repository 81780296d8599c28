import { DomainError, ShapeError } from '../../errors.js';
import { breadthFirst, checkEdges, undirectedAdjacency } from '../../util/graph.js';
import type { Adjacency, EdgePairs } from '../../util/graph.js';

/** A rooted tree. */
export interface RootedTree {
  readonly nodes: number;
  readonly root: number;
  /** Parents before their children. */
  readonly order: Int32Array;
  /** -1 for the root. */
  readonly parent: Int32Array;
  /** Children of every node, ascending. */
  readonly children: readonly (readonly number[])[];
  /** Length of the edge to the parent; 0 for the root. */
  readonly lengths: Float64Array;
  /** Largest sum of lengths from the root. */
  readonly depth: number;
  /** Largest number of edges at a node. */
  readonly degree: number;
}

/** What makes a tree of edges. */
export interface TreeInput {
  readonly edges: EdgePairs;
  readonly nodes: number;
  readonly weights?: ArrayLike<number> | undefined;
  readonly root?: number | undefined;
  readonly spanningTree?: boolean | undefined;
}

/**
 * Root a tree.
 * @throws ShapeError, DomainError when the edges are bad, are no tree (unless a spanning tree is asked
 * for), or do not reach every node.
 */
export function rootTree(op: string, input: TreeInput): RootedTree {
  const { edges, nodes, weights } = input;
  checkEdges(op, edges, nodes);
  const lengthOf = edgeLengths(op, edges, weights);
  const graph = undirectedAdjacency(edges, nodes);
  const root = checkRoot(op, input.root, graph);
  const { order, parent } = breadthFirst(graph, root);
  if (order.length < nodes) {
    const lost = parent.findIndex((up, node) => up < 0 && node !== root);
    const got = `${nodes - order.length} nodes without a path to node ${root}, the first ${lost}`;
    throw new DomainError({ op, arg: 'edges', expected: 'join all nodes', got });
  }
  const count = graph.neighbors.length / 2;
  if (count !== nodes - 1 && input.spanningTree !== true) {
    throw new DomainError({
      op,
      arg: 'edges',
      expected: `be a tree: ${nodes - 1} edges between ${nodes} nodes`,
      got: `${count} edges`,
      fix: 'With spanningTree: true the tree of a breadth-first walk from the root is embedded.',
    });
  }
  const children = Array.from({ length: nodes }, (): number[] => []);
  const lengths = new Float64Array(nodes);
  const reach = new Float64Array(nodes);
  let depth = 0;
  for (const node of order) {
    const up = parent[node];
    if (up < 0) continue;
    children[up].push(node);
    lengths[node] = lengthOf(node, up);
    reach[node] = reach[up] + lengths[node];
    depth = Math.max(depth, reach[node]);
  }
  const degree = children.reduce(
    (most, own, node) => Math.max(most, own.length + (node === root ? 0 : 1)),
    0,
  );
  return { nodes, root, order, parent, children, lengths, depth, degree };
}

function edgeLengths(
  op: string,
  edges: EdgePairs,
  weights: ArrayLike<number> | undefined,
): (u: number, v: number) => number {
  if (weights === undefined) return () => 1;
  if (weights.length !== edges.length / 2) {
    throw new ShapeError({
      op,
      arg: 'weights',
      expected: `have one value per edge, ${edges.length / 2}`,
      got: `${weights.length} values`,
    });
  }
  const lengths = new Map<string, number>();
  for (let i = 0; i < weights.length; i++) {
    if (!(weights[i] > 0 && Number.isFinite(weights[i]))) {
      const got = `${weights[i]} for edge ${i}`;
      throw new DomainError({ op, arg: 'weights', expected: 'be finite and above 0', got });
    }
    const [u, v] = [edges[2 * i], edges[2 * i + 1]];
    // Of equal edges the first counts, in whichever direction.
    for (const key of [`${u} ${v}`, `${v} ${u}`]) {
      if (!lengths.has(key)) lengths.set(key, weights[i]);
    }
  }
  return (u, v) => lengths.get(`${u} ${v}`) ?? 1;
}

function checkRoot(op: string, root: number | undefined, graph: Adjacency): number {
  if (root === undefined) return centreOf(graph);
  if (Number.isInteger(root) && root >= 0 && root < graph.nodes) return root;
  const expected = `be a node, 0 to ${graph.nodes - 1}`;
  throw new DomainError({ op, arg: 'root', expected, got: String(root) });
}

/** The middle of a longest path of the tree of node 0: the root with the least depth in edges. */
function centreOf(graph: Adjacency): number {
  const start = breadthFirst(graph, 0).order;
  const { order, parent, depth } = breadthFirst(graph, start[start.length - 1]);
  let node = order[order.length - 1];
  const half = Math.floor(depth[node] / 2);
  for (let step = 0; step < half; step++) node = parent[node];
  return node;
}
