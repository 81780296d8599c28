/** Stands first in a module that uses subgroups. */
export const ENABLE_SUBGROUPS = 'enable subgroups;';

/** Distances of the partners of a butterfly over `lanes` threads, farthest first. */
export function butterfly(lanes: number): number[] {
  const masks: number[] = [];
  for (let mask = lanes / 2; mask >= 1; mask /= 2) masks.push(mask);
  return masks;
}

/**
 * Blocks of \`lanes\` threads, side by side in their subgroup. WGSL promises neither that every place of
 * a subgroup has a thread nor which thread has it, so both are looked at when the shader runs. All
 * threads must call these functions.
 */
export const subgroupBlocks = (lanes: number): string => `
// Place of this thread in its block, where blocks are whole.
fn placeInBlock() -> u32 {
  return subgroupExclusiveAdd(1u) % ${lanes}u;
}

// Whether the threads of this subgroup fill blocks: its first places, a multiple of the block's.
fn blocksAreWhole() -> bool {
  let ballot = subgroupBallot(true);
  let bits = countOneBits(ballot);
  let threads = bits.x + bits.y + bits.z + bits.w;
  let before = vec4<u32>(0u, 32u, 64u, 96u);
  let inWord = min(max(vec4<u32>(threads), before) - before, vec4<u32>(32u));
  let first = select((vec4<u32>(1u) << inWord) - 1u, vec4<u32>(0xffffffffu), inWord == vec4<u32>(32u));
  return all(ballot == first) && threads % ${lanes}u == 0u;
}
`;
