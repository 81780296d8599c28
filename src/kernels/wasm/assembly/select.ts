/**
 * The k best of a stream of (distance, index) pairs that arrive by ascending index. Up to HEAP_ABOVE
 * they stand sorted, above that in a binary heap with the worst pair at its root.
 */

export const HEAP_ABOVE: u32 = 64;

/** Bits of the 8 distances of a row of a tile that are below the limit; NaN never is. */
export function lanesBelow(row: usize, limit: f32): u32 {
  const limits = f32x4.splat(limit);
  const low = i32x4.bitmask(f32x4.lt(v128.load(row), limits));
  return low | (i32x4.bitmask(f32x4.lt(v128.load(row, 16), limits)) << 4);
}

/** Bits of the 8 distances of a row of a tile that are not NaN. */
export function lanesOrdered(row: usize): u32 {
  const a = v128.load(row);
  const b = v128.load(row, 16);
  return i32x4.bitmask(f32x4.eq(a, a)) | (i32x4.bitmask(f32x4.eq(b, b)) << 4);
}

/** Offer those distances of points col, col + 1, ... whose bits are set; none of them is NaN. */
export function offer(
  from: usize,
  bits: u32,
  col: u32,
  distances: usize,
  indices: usize,
  k: u32,
  fill: usize,
  tau: usize,
): void {
  for (; bits != 0; bits &= bits - 1) {
    const lane = ctz(bits);
    const distance = load<f32>(from + (lane << 2));
    const index = <i32>(col + lane);
    const count = load<u32>(fill);
    if (count == k) {
      // Equal to the worst: the lower index is already there.
      if (distance >= load<f32>(tau)) continue;
      if (k > HEAP_ABOVE) siftDown(distances, indices, k, distance, index);
      else insert(distances, indices, k - 1, distance, index);
    } else {
      if (k > HEAP_ABOVE) siftUp(distances, indices, count, distance, index);
      else insert(distances, indices, count, distance, index);
      store<u32>(fill, count + 1);
      if (count + 1 < k) continue;
    }
    store<f32>(tau, load<f32>(k > HEAP_ABOVE ? distances : distances + ((<usize>k - 1) << 2)));
  }
}

function put(distances: usize, indices: usize, slot: u32, distance: f32, index: i32): void {
  store<f32>(distances + ((<usize>slot) << 2), distance);
  store<i32>(indices + ((<usize>slot) << 2), index);
}

/** Sorted insertion behind all equals; slot `last` is free or holds the pair to drop. */
function insert(distances: usize, indices: usize, last: u32, distance: f32, index: i32): void {
  let slot = last;
  while (slot > 0) {
    const before = load<f32>(distances + ((<usize>slot - 1) << 2));
    if (before <= distance) break;
    put(distances, indices, slot, before, load<i32>(indices + ((<usize>slot - 1) << 2)));
    slot--;
  }
  put(distances, indices, slot, distance, index);
}

/** Whether pair a comes after pair b in the order of neighbours. */
function after(aDistance: f32, aIndex: i32, bDistance: f32, bIndex: i32): bool {
  return aDistance > bDistance || (aDistance == bDistance && aIndex > bIndex);
}

function siftUp(distances: usize, indices: usize, start: u32, distance: f32, index: i32): void {
  let slot = start;
  while (slot > 0) {
    const parent = (slot - 1) >> 1;
    const parentDistance = load<f32>(distances + ((<usize>parent) << 2));
    const parentIndex = load<i32>(indices + ((<usize>parent) << 2));
    if (!after(distance, index, parentDistance, parentIndex)) break;
    put(distances, indices, slot, parentDistance, parentIndex);
    slot = parent;
  }
  put(distances, indices, slot, distance, index);
}

/** Replace the root of a heap of `size` pairs. */
function siftDown(distances: usize, indices: usize, size: u32, distance: f32, index: i32): void {
  let slot: u32 = 0;
  while (true) {
    let child: u32 = 2 * slot + 1;
    if (child >= size) break;
    let childDistance = load<f32>(distances + ((<usize>child) << 2));
    let childIndex = load<i32>(indices + ((<usize>child) << 2));
    if (child + 1 < size) {
      const otherDistance = load<f32>(distances + ((<usize>child + 1) << 2));
      const otherIndex = load<i32>(indices + ((<usize>child + 1) << 2));
      if (after(otherDistance, otherIndex, childDistance, childIndex)) {
        child++;
        childDistance = otherDistance;
        childIndex = otherIndex;
      }
    }
    if (!after(childDistance, childIndex, distance, index)) break;
    put(distances, indices, slot, childDistance, childIndex);
    slot = child;
  }
  put(distances, indices, slot, distance, index);
}

/** Heaps into ascending order; slots that were never filled stay at the end. */
export function sortHeaps(
  distances: usize,
  indices: usize,
  filled: usize,
  rows: u32,
  k: u32,
): void {
  for (let row: u32 = 0; row < rows; row++) {
    const rowDistances = distances + <usize>row * k * 4;
    const rowIndices = indices + <usize>row * k * 4;
    const size = load<u32>(filled + ((<usize>row) << 2));
    for (let last = <i32>size - 1; last > 0; last--) {
      const distance = load<f32>(rowDistances + ((<usize>last) << 2));
      const index = load<i32>(rowIndices + ((<usize>last) << 2));
      put(rowDistances, rowIndices, last, load<f32>(rowDistances), load<i32>(rowIndices));
      siftDown(rowDistances, rowIndices, last, distance, index);
    }
  }
}
