import { butterfly, subgroupBlocks } from './subgroup.js';

/** Pairs that a sorting workgroup holds in its memory, 8 bytes each. */
export const SORT_CHUNK = 1024;

/**
 * Compare and exchange among the threads of blocks of a subgroup, each thread with its places of
 * workgroup memory in registers. It takes place where lanesHold says that threads of a workgroup that
 * stand a distance below \`lanes\` apart do so in a subgroup too.
 */
function registerStages(threads: number, lanes: number): string {
  // A mask of all ones pairs the last thread of `size` with the first, a single bit those of two halves.
  const sort: number[] = [];
  for (let size = 2; size <= lanes; size *= 2) sort.push(size - 1, ...butterfly(size / 2));
  const stages = (name: string, masks: readonly number[]): string => `
fn ${name}(lane : u32, size : u32) {
  for (var first = 0u; first < size; first = first + ${threads}u) {
    // Blocks past the end work on what lies there, and keep it to themselves.
    let t = first + lane;
    var pair = vec2<u32>(sortKeys[t], sortIndices[t]);
${masks.map((mask) => `    pair = exchanged(pair, lane, ${mask}u, ${2 ** Math.floor(Math.log2(mask))}u);`).join('\n')}
    if (t < size) {
      sortKeys[t] = pair.x;
      sortIndices[t] = pair.y;
    }
  }
}
`;
  return `
const LANES = ${lanes}u;
${subgroupBlocks(lanes)}
var<workgroup> strayLanes : atomic<u32>;
var<workgroup> areLanesHeld : u32;

fn lanesHold(lane : u32) -> bool {
  var isHeld = blocksAreWhole();
${butterfly(lanes)
  .map((mask) => `  isHeld = isHeld & (subgroupShuffleXor(lane, ${mask}u) == (lane ^ ${mask}u));`)
  .join('\n')}
  if (!isHeld) { atomicStore(&strayLanes, 1u); }
  workgroupBarrier();
  if (lane == 0u) { areLanesHeld = 1u - atomicLoad(&strayLanes); }
  return workgroupUniformLoad(&areLanesHeld) == 1u;
}

// The smaller pair of two threads for the one whose \`bit\` is not set.
fn exchanged(pair : vec2<u32>, lane : u32, mask : u32, bit : u32) -> vec2<u32> {
  let other = vec2<u32>(subgroupShuffleXor(pair.x, mask), subgroupShuffleXor(pair.y, mask));
  let isMoved = select(isAfter(other, pair), isAfter(pair, other), (lane & bit) == 0u);
  return select(pair, other, isMoved);
}
${stages('sortBlocks', sort)}
${stages('mergeBlocks', butterfly(lanes))}
`;
}

const NO_REGISTER_STAGES = `
const LANES = 1u;
fn lanesHold(lane : u32) -> bool { return false; }
fn sortBlocks(lane : u32, size : u32) {}
fn mergeBlocks(lane : u32, size : u32) {}
`;

/**
 * Bitonic sort of the first \`count\` pairs of a row of \`pairs\` by (key, index), ascending, in which every
 * comparison puts the smaller one first: places past the count count as empty. Rows longer than
 * SORT_CHUNK are sorted in chunks, and merged through device memory where pairs stand further apart.
 * All threads must call it, with the same arguments.
 *
 * With \`lanes\` threads of a subgroup side by side (0 without subgroups), partners less than that apart
 * exchange registers, so that of the 67 barriers of 1,024 pairs 25 are left at 32 lanes. No two pairs
 * but empty ones are equal, so the outcome is the same.
 */
export const sortRowCode = (threads: number, lanes: number): string => `
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

${lanes === 0 ? NO_REGISTER_STAGES : registerStages(threads, lanes)}
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

fn sharedStages(lane : u32, size : u32, first : u32, inLanes : bool) {
  let last = select(1u, LANES, inLanes);
  for (var stride = first; stride >= last; stride = stride >> 1u) {
    workgroupBarrier();
    for (var t = lane; t < size / 2u; t = t + ${threads}u) {
      let a = lower(t, stride);
      orderShared(a, a + stride);
    }
  }
  workgroupBarrier();
  // A thread loads and stores the places that it has in registers, so no barrier is needed here.
  if (inLanes) { mergeBlocks(lane, size); }
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
  let inLanes = lanesHold(lane) && chunk >= LANES;
  for (var first = 0u; first < total; first = first + chunk) {
    load(lane, start + first, chunk, max(count, first) - first);
    if (inLanes) { sortBlocks(lane, chunk); }
    for (var size = select(2u, 2u * LANES, inLanes); size <= chunk; size = size << 1u) {
      workgroupBarrier();
      for (var t = lane; t < chunk / 2u; t = t + ${threads}u) {
        let a = lower(t, size / 2u);
        orderShared(a, mirrored(a, size / 2u));
      }
      sharedStages(lane, chunk, size / 4u, inLanes);
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
      sharedStages(lane, chunk, chunk / 2u, inLanes);
      store(lane, start + first, chunk);
      workgroupBarrier();
    }
    storageBarrier();
  }
}
`;
