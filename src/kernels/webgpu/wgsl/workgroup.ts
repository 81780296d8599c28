/**
 * Number of this workgroup, however tfjs has spread a dispatch of more than 65,535 workgroups over the
 * three dimensions. It may exceed what was asked for, as the product is rounded up.
 */
export const WORKGROUP_NUMBER = `
  fn workgroupNumber() -> i32 {
    return i32((workgroupId.z * numWorkgroups.y + workgroupId.y) * numWorkgroups.x + workgroupId.x);
  }
`;

/**
 * Functions that fold one value per thread of a workgroup of \`threads\` (a power of two) into one, in
 * a tree: its error grows with the logarithm of the number of values. All threads must call them.
 */
export function workgroupFolds(threads: number): string {
  const fold = (name: string, expression: string): string => `
  fn ${name}(value : f32) -> f32 {
    let lane = i32(localIndex);
    lanes[lane] = value;
    workgroupBarrier();
    for (var step = ${threads / 2}; step > 0; step = step / 2) {
      if (lane < step) {
        let a = lanes[lane];
        let b = lanes[lane + step];
        lanes[lane] = ${expression};
      }
      workgroupBarrier();
    }
    let folded = lanes[0];
    workgroupBarrier();
    return folded;
  }
`;
  return `
  var<workgroup> lanes : array<f32, ${threads}>;
  ${fold('workgroupSum', 'a + b')}
  ${fold('workgroupMax', 'max(a, b)')}
`;
}
