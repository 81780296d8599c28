/** Neighbours of every node with lengths of edges: those of node i are [offsets[i], offsets[i + 1]). */
export interface WeightedLists {
  readonly offsets: ArrayLike<number>;
  readonly indices: ArrayLike<number>;
  readonly distances: ArrayLike<number>;
}

/**
 * Lengths of the shortest paths from a node to all, Infinity where there is none (Dijkstra with a binary heap).
 * @param graph Lengths >= 0.
 * Cost: O(e log n).
 */
export function shortestPaths(graph: WeightedLists, source: number): Float64Array {
  const n = graph.offsets.length - 1;
  const lengths = new Float64Array(n).fill(Infinity);
  const heap = new NodeHeap(lengths);
  lengths[source] = 0;
  heap.update(source);
  for (let node = heap.pop(); node >= 0; node = heap.pop()) {
    for (let e = graph.offsets[node]; e < graph.offsets[node + 1]; e++) {
      const next = graph.indices[e];
      const length = lengths[node] + graph.distances[e];
      if (length >= lengths[next]) continue;
      lengths[next] = length;
      heap.update(next);
    }
  }
  return lengths;
}

/** Nodes in order of their current keys, each at most once. */
class NodeHeap {
  private readonly nodes: number[] = [];
  /** Position of each node in `nodes`, -1 when it is not there. */
  private readonly at: Int32Array;

  constructor(private readonly keys: Float64Array) {
    this.at = new Int32Array(keys.length).fill(-1);
  }

  /** Put a node in, or move it up after its key fell. */
  update(node: number): void {
    if (this.at[node] < 0) this.nodes.push(node);
    let position = this.at[node] < 0 ? this.nodes.length - 1 : this.at[node];
    while (position > 0) {
      const parent = (position - 1) >> 1;
      if (this.keys[this.nodes[parent]] <= this.keys[node]) break;
      this.place(this.nodes[parent], position);
      position = parent;
    }
    this.place(node, position);
  }

  /** The node of the least key, taken out; -1 when there is none. */
  pop(): number {
    const top = this.nodes[0] ?? -1;
    const last = this.nodes.pop();
    if (last === undefined) return -1;
    this.at[top] = -1;
    if (last !== top) this.sink(last);
    return top;
  }

  private sink(node: number): void {
    let position = 0;
    for (;;) {
      let child = 2 * position + 1;
      if (child >= this.nodes.length) break;
      const [left, right] = [this.nodes[child], this.nodes[child + 1]];
      if (child + 1 < this.nodes.length && this.keys[right] < this.keys[left]) child++;
      if (this.keys[node] <= this.keys[this.nodes[child]]) break;
      this.place(this.nodes[child], position);
      position = child;
    }
    this.place(node, position);
  }

  private place(node: number, position: number): void {
    this.nodes[position] = node;
    this.at[node] = position;
  }
}
