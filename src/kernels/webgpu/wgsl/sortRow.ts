/** Pairs that a sorting workgroup holds in its memory, 8 bytes each. */
export const SORT_CHUNK = 1024;

/**
 * Bitonic sort of the first \`count\` pairs of a row of \`pairs\` by (key, index), ascending, in which every
 * comparison puts the smaller one first: places past the count count as empty. Rows longer than
 * SORT_CHUNK are sorted in chunks, and merged through device memory where pairs stand further apart.
 * All threads must call it, with the same arguments.
 */
export const sortRowCode = (threads: number): string => `
var<workgroup> sortKeys : array<u32, ${SORT_CHUNK}>;
var<workgroup> sortIndices : array<u32, ${SORT_CHUNK}>;

fn isAfter(a : vec2<u32>, b : vec2<u32>) -> bool {
  return a.x > b.x || (a.x == b.x && a.y > b.y);
}

fn orderShared(a : u32, b : u32) {
  let first = vec2<u32>(sortKeys[a], sortIndices[a]);
  let second = vec2<u32>(sortKeys[b], sortIndices[b]);
  if (isAfter(first, second)) {
    sortKeys[a] = second.x;
    sortIndices[a] = second.y;
    sortKeys[b] = first.x;
    sortIndices[b] = first.y;
  }
}

fn orderStored(a : u32, b : u32) {
  let first = pairs[a];
  let second = pairs[b];
  if (isAfter(first, second)) {
    pairs[a] = second;
    pairs[b] = first;
  }
}

// Partner of the t-th comparison at a stride; mirrored: the last of a block against its first.
fn lower(t : u32, stride : u32) -> u32 {
  return (t / stride) * 2u * stride + t % stride;
}

fn mirrored(a : u32, stride : u32) -> u32 {
  return (a & ~(2u * stride - 1u)) + (2u * stride - 1u) - (a & (2u * stride - 1u));
}

fn sharedStages(lane : u32, size : u32, first : u32) {
  for (var stride = first; stride > 0u; stride = stride >> 1u) {
    workgroupBarrier();
    for (var t = lane; t < size / 2u; t = t + ${threads}u) {
      let a = lower(t, stride);
      orderShared(a, a + stride);
    }
  }
  workgroupBarrier();
}

fn load(lane : u32, start : u32, size : u32, live : u32) {
  for (var t = lane; t < size; t = t + ${threads}u) {
    var pair = vec2<u32>(EMPTY, EMPTY);
    if (t < live) { pair = pairs[start + t]; }
    sortKeys[t] = pair.x;
    sortIndices[t] = pair.y;
  }
}

fn store(lane : u32, start : u32, size : u32) {
  for (var t = lane; t < size; t = t + ${threads}u) {
    pairs[start + t] = vec2<u32>(sortKeys[t], sortIndices[t]);
  }
}

fn powerOfTwo(count : u32) -> u32 {
  return select(1u << (32u - countLeadingZeros(count - 1u)), 1u, count <= 1u);
}

fn sortRow(row : u32, lane : u32, count : u32) {
  let start = row * params.room;
  let total = powerOfTwo(count);
  let chunk = min(total, ${SORT_CHUNK}u);
  for (var first = 0u; first < total; first = first + chunk) {
    load(lane, start + first, chunk, max(count, first) - first);
    for (var size = 2u; size <= chunk; size = size << 1u) {
      workgroupBarrier();
      for (var t = lane; t < chunk / 2u; t = t + ${threads}u) {
        let a = lower(t, size / 2u);
        orderShared(a, mirrored(a, size / 2u));
      }
      sharedStages(lane, chunk, size / 4u);
    }
    workgroupBarrier();
    store(lane, start + first, chunk);
    workgroupBarrier();
  }
  storageBarrier();
  for (var size = 2u * chunk; size <= total; size = size << 1u) {
    for (var t = lane; t < total / 2u; t = t + ${threads}u) {
      let a = lower(t, size / 2u);
      orderStored(start + a, start + mirrored(a, size / 2u));
    }
    storageBarrier();
    for (var stride = size / 4u; stride >= chunk; stride = stride >> 1u) {
      for (var t = lane; t < total / 2u; t = t + ${threads}u) {
        let a = lower(t, stride);
        orderStored(start + a, start + a + stride);
      }
      storageBarrier();
    }
    for (var first = 0u; first < total; first = first + chunk) {
      load(lane, start + first, chunk, chunk);
      sharedStages(lane, chunk, chunk / 2u);
      store(lane, start + first, chunk);
      workgroupBarrier();
    }
    storageBarrier();
  }
}
`;
