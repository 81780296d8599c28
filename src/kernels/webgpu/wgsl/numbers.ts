/**
 * Whether a float is neither infinite nor NaN, by its bits: WGSL lets a compiler assume that neither
 * occurs, and comparisons that test for them may be folded away.
 */
export const IS_FINITE = `
  fn isFinite(value : f32) -> bool {
    return (bitcast<u32>(value) & 0x7fffffffu) < 0x7f800000u;
  }
`;
