import { DomainError, ShapeError } from '../errors.js';

/**
 * Neighbour lists of different lengths: those of row i stand at [offsets[i], offsets[i + 1]) of indices
 * and distances. Offsets has one entry more than there are rows.
 */
export interface NeighborLists {
  readonly offsets: Int32Array;
  readonly indices: Int32Array;
  readonly distances: Float32Array;
}

/** The same as a list of edges, sorted by source. */
export interface EdgeList {
  readonly source: Int32Array;
  readonly target: Int32Array;
  readonly distance: Float32Array;
}

/** Entries that an int32 offset can count. */
const MOST_ENTRIES = 2 ** 31 - 1;

/** Columns of pairs that grow as they are filled. */
export class PairBuffer {
  rows = new Int32Array(1024);
  indices = new Int32Array(1024);
  values = new Float32Array(1024);
  length = 0;

  push(row: number, index: number, value: number): void {
    if (this.length === this.rows.length) this.grow();
    this.rows[this.length] = row;
    this.indices[this.length] = index;
    this.values[this.length++] = value;
  }

  private grow(): void {
    const size = 2 * this.rows.length;
    const [rows, indices, values] = [
      new Int32Array(size),
      new Int32Array(size),
      new Float32Array(size),
    ];
    rows.set(this.rows);
    indices.set(this.indices);
    values.set(this.values);
    Object.assign(this, { rows, indices, values });
  }
}

/** Counts of entries per row as offsets. @throws DomainError when there are more than int32 counts. */
export function offsetsOf(op: string, counts: ArrayLike<number>): Int32Array {
  const offsets = new Int32Array(counts.length + 1);
  let total = 0;
  for (let i = 0; i < counts.length; i++) {
    total += counts[i];
    if (total > MOST_ENTRIES) {
      throw new DomainError({
        op,
        arg: 'the result',
        expected: `have at most ${MOST_ENTRIES} entries`,
        got: 'more',
        fix: 'Ask for fewer neighbours, or for some of the queries at a time.',
      });
    }
    offsets[i + 1] = total;
  }
  return offsets;
}

/**
 * Neighbour lists (compressed sparse rows) as edges, in the same order.
 * @example
 * const { source, target } = csrToEdges(await knnGraph(points, 8));
 */
export function csrToEdges({ offsets, indices, distances }: NeighborLists): EdgeList {
  const source = new Int32Array(indices.length);
  for (let row = 0; row + 1 < offsets.length; row++)
    source.fill(row, offsets[row], offsets[row + 1]);
  return { source, target: indices.slice(), distance: distances.slice() };
}

/**
 * Edges as neighbour lists (compressed sparse rows). Edges of one source keep their order; they may come
 * in any order of sources.
 * @param nodes Number of rows of the result.
 * @throws ShapeError when the columns differ in length; DomainError for a node outside [0, nodes).
 * @example
 * const graph = edgesToCsr({ source, target, distance }, 100);
 */
export function edgesToCsr({ source, target, distance }: EdgeList, nodes: number): NeighborLists {
  const op = 'edgesToCsr';
  if (source.length !== target.length || source.length !== distance.length) {
    throw new ShapeError({
      op,
      arg: 'edges',
      expected: 'have columns of equal length',
      got: `${source.length}, ${target.length}, ${distance.length}`,
    });
  }
  const counts = new Int32Array(nodes);
  source.forEach((node, e) => {
    if (node < 0 || node >= nodes || target[e] < 0 || target[e] >= nodes) {
      throw new DomainError({
        op,
        arg: `edge ${e}`,
        expected: `join nodes in [0, ${nodes})`,
        got: `${node} -> ${target[e]}`,
      });
    }
    counts[node]++;
  });
  const offsets = offsetsOf(op, counts);
  const next = offsets.slice(0, nodes);
  const indices = new Int32Array(source.length);
  const distances = new Float32Array(source.length);
  source.forEach((node, e) => {
    const at = next[node]++;
    indices[at] = target[e];
    distances[at] = distance[e];
  });
  return { offsets, indices, distances };
}
