/**
 * The k nearest of a stream of points, for one query: a heap whose root is the farthest by (distance
 * rounded to float32, index), so that keeping a point costs O(log k) and memory is O(k).
 */
export class Nearest {
  /** What float32 results are ordered by: a distance, or a negated similarity. */
  private readonly keys: Float32Array;
  private readonly indices: Int32Array;
  private readonly ranks: Float64Array;
  private filled = 0;

  /** @param keyOf Never falls when the rank rises. */
  constructor(
    private readonly k: number,
    private readonly keyOf: (rank: number) => number,
  ) {
    this.keys = new Float32Array(k);
    this.indices = new Int32Array(k);
    this.ranks = new Float64Array(k);
  }

  /**
   * Whether a point of this rank may belong to the nearest so far. Points come by ascending index, so
   * one whose rank only equals that of the farthest loses.
   */
  mayEnter(rank: number): boolean {
    return this.filled < this.k ? !Number.isNaN(rank) : rank < this.ranks[0];
  }

  /** Rank of the farthest when there are k, Infinity before. */
  farthest(): number {
    return this.filled < this.k ? Infinity : this.ranks[0];
  }

  /** Offer a point that may enter. */
  offer(rank: number, index: number): void {
    const key = Math.fround(this.keyOf(rank));
    // A rank may be a number where its distance is none.
    if (Number.isNaN(key)) return;
    if (this.filled < this.k) this.siftUp(key, rank, index);
    else if (key < this.keys[0]) this.siftDown(key, rank, index, this.k);
  }

  /** Write keys and indices, nearest first, (Infinity, -1) where there are none, and start anew. */
  drain(keys: Float32Array, indices: Int32Array, start: number): void {
    keys.fill(Infinity, start + this.filled, start + this.k);
    indices.fill(-1, start + this.filled, start + this.k);
    for (let last = this.filled - 1; last >= 0; last--) {
      keys[start + last] = this.keys[0];
      indices[start + last] = this.indices[0];
      this.siftDown(this.keys[last], this.ranks[last], this.indices[last], last);
    }
    this.filled = 0;
  }

  /** Whether the pair in a slot is farther than (key, index). */
  private isFarther(slot: number, key: number, index: number): boolean {
    return this.keys[slot] > key || (this.keys[slot] === key && this.indices[slot] > index);
  }

  private put(slot: number, key: number, rank: number, index: number): void {
    this.keys[slot] = key;
    this.ranks[slot] = rank;
    this.indices[slot] = index;
  }

  private copy(from: number, to: number): void {
    this.put(to, this.keys[from], this.ranks[from], this.indices[from]);
  }

  private siftUp(key: number, rank: number, index: number): void {
    let slot = this.filled++;
    while (slot > 0) {
      const parent = (slot - 1) >> 1;
      if (this.isFarther(parent, key, index)) break;
      this.copy(parent, slot);
      slot = parent;
    }
    this.put(slot, key, rank, index);
  }

  /** Put a pair in the place of the root of the first `size` slots. */
  private siftDown(key: number, rank: number, index: number, size: number): void {
    let slot = 0;
    for (;;) {
      let child = 2 * slot + 1;
      if (child >= size) break;
      const right = child + 1;
      if (right < size && this.isFarther(right, this.keys[child], this.indices[child]))
        child = right;
      if (!this.isFarther(child, key, index)) break;
      this.copy(child, slot);
      slot = child;
    }
    this.put(slot, key, rank, index);
  }
}
