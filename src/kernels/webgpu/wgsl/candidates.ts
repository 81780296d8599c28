/**
 * Keys, masks and the list of candidates of a row: what all scans of the neighbour search share.
 *
 * A row of \`pairs\` has \`room\` places: the best \`kept\` (key, index) found so far, sorted ascending, then
 * new candidates in any order, counted in \`counts\` even when they no longer fit. Order is (key, index),
 * so the outcome does not depend on the order in which threads append.
 */

/**
 * Order-preserving integers of floats: a < b exactly if key(a) < key(b), -0 like 0. No NaN has a key:
 * NEVER is above all keys, and EMPTY above that.
 */
export const KEYS = `
const EMPTY = 0xffffffffu;
const NEVER = 0xfffffffeu;

fn keyOfBits(bits : u32) -> u32 {
  if ((bits & 0x7fffffffu) > 0x7f800000u) { return NEVER; }
  if ((bits & 0x7fffffffu) == 0u) { return 0x80000000u; }
  return select(bits ^ 0x80000000u, ~bits, (bits >> 31u) == 1u);
}

fn keyOf(value : f32) -> u32 {
  return keyOfBits(bitcast<u32>(value));
}

fn bitsOfKey(key : u32) -> u32 {
  return select(~key, key ^ 0x80000000u, (key >> 31u) == 1u);
}
`;

/** The order in which points are visited, see visitingOrder; past the last point where there is none. */
export const VISITING_ORDER = `
fn pointAt(position : u32) -> u32 {
  let i = position >> params.groupShift;
  let mask = (1u << params.runShift) - 1u;
  let group = ((i * params.runFactor) & mask) * params.runLength + (i >> params.runShift);
  return (group << params.groupShift) + (position & ((1u << params.groupShift) - 1u));
}
`;

/** Which masks a search has. */
export interface MaskKinds {
  readonly self: boolean;
  readonly allowed: boolean;
  readonly groups: boolean;
}

export const maskKey = ({ self, allowed, groups }: MaskKinds): string =>
  `${self ? 's' : ''}${allowed ? 'a' : ''}${groups ? 'g' : ''}`;

/** Whether the pair of a row of the state and a point of the slice exists. */
export function maskCode({ self, allowed, groups }: MaskKinds): string {
  const tests = [
    self
      ? `if (bitcast<i32>(params.firstPoint + j) == bitcast<i32>(params.firstRow + i) + params.selfOffset) { return false; }`
      : '',
    allowed
      ? `let word = params.allowedBase + batch * params.allowedBatchStride +
    i * params.allowedRowStride + ((params.firstPoint + j) >> 4u);
  if ((allowed[word] & (1u << ((params.firstPoint + j) & 15u))) == 0u) { return false; }`
      : '',
    groups
      ? `if (queryGroups[params.queryGroupBase + row] !=
    pointGroups[params.pointGroupBase + batch * params.points + j]) { return false; }`
      : '',
  ];
  return `
fn pairExists(row : u32, j : u32) -> bool {
  let batch = row / params.rowsPerBatch;
  let i = row % params.rowsPerBatch;
  ${tests.filter((test) => test !== '').join('\n  ')}
  return true;
}
`;
}

/**
 * Offer a pair of which the key may be small enough to the row's list. Threads of a subgroup could append
 * with one atomic addition, but get here rarely, at different times and for different rows.
 */
export const OFFER = `
fn offer(row : u32, j : u32, key : u32) {
  let last = pairs[row * params.room + params.kept - 1u];
  let index = params.firstPoint + j;
  if (key > last.x || (key == last.x && index >= last.y) || key >= NEVER) { return; }
  if (!pairExists(row, j)) { return; }
  let place = params.kept + atomicAdd(&counts[row], 1u);
  if (place < params.room) { pairs[row * params.room + place] = vec2<u32>(key, index); }
}
`;
