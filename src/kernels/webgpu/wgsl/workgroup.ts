import { butterfly, ENABLE_SUBGROUPS, subgroupBlocks } from './subgroup.js';

/**
 * Number of this workgroup, however tfjs has spread a dispatch of more than 65,535 workgroups over the
 * three dimensions. It may exceed what was asked for, as the product is rounded up.
 */
export const WORKGROUP_NUMBER = `
  fn workgroupNumber() -> i32 {
    return i32((workgroupId.z * numWorkgroups.y + workgroupId.y) * numWorkgroups.x + workgroupId.x);
  }
`;

type Join = (a: string, b: string) => string;

/** A fold in a tree through workgroup memory. */
const treeFold = (threads: number, name: string, join: Join): string => `
  fn ${name}(value : f32) -> f32 {
    let lane = i32(localIndex);
    lanes[lane] = value;
    workgroupBarrier();
    for (var step = ${threads / 2}; step > 0; step = step / 2) {
      if (lane < step) {
        let a = lanes[lane];
        let b = lanes[lane + step];
        lanes[lane] = ${join('a', 'b')};
      }
      workgroupBarrier();
    }
    let folded = lanes[0];
    workgroupBarrier();
    return folded;
  }
`;

/**
 * The same tree, of which the last steps, within a block of a subgroup, go from register to register
 * without a barrier. Every step joins the same two values in the same order, so the bits are the same.
 */
function blockFold(threads: number, block: number, name: string, join: Join): string {
  const step = (mask: number): string => `
    {
      let other = subgroupShuffleXor(folded, ${mask}u);
      let isFirst = (place & ${mask}u) == 0u;
      let a = select(other, folded, isFirst);
      let b = select(folded, other, isFirst);
      folded = ${join('a', 'b')};
    }`;
  const tree = (lane: number, stride: number): string =>
    stride === block
      ? `lanes[${lane}]`
      : join(tree(lane, 2 * stride), tree(lane + stride, 2 * stride));
  return `
  fn ${name}(value : f32) -> f32 {
    let lane = i32(localIndex);
    lanes[lane] = value;
    workgroupBarrier();
    for (var step = ${threads / 2}; step >= ${block}; step = step / 2) {
      if (lane < step) {
        let a = lanes[lane];
        let b = lanes[lane + step];
        lanes[lane] = ${join('a', 'b')};
      }
      workgroupBarrier();
    }
    let isWhole = blocksAreWhole();
    let place = placeInBlock();
    var folded = lanes[place];
${butterfly(block).map(step).join('')}
    // No driver is known to leave holes in a subgroup; where one does, each thread adds up for itself.
    if (!isWhole) { folded = ${tree(0, 1)}; }
    workgroupBarrier();
    return folded;
  }
`;
}

/**
 * Functions that fold one value per thread of a workgroup of \`threads\` (a power of two) into one, in
 * a tree: its error grows with the logarithm of the number of values. All threads must call them.
 * @param block Threads of a block that lies in one subgroup; 0 without subgroups.
 */
export function workgroupFolds(threads: number, block: number): string {
  const fold = (name: string, join: Join): string =>
    block === 0 ? treeFold(threads, name, join) : blockFold(threads, block, name, join);
  return `
  ${block === 0 ? '' : `${ENABLE_SUBGROUPS}\n${subgroupBlocks(block)}`}
  var<workgroup> lanes : array<f32, ${threads}>;
  ${fold('workgroupSum', (a, b) => `(${a} + ${b})`)}
  ${fold('workgroupMax', (a, b) => `max(${a}, ${b})`)}
`;
}
