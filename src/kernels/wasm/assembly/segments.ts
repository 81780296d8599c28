/** Sums that were cut into segments, which stand one after the other. */

const VALUES: usize = 0;
const SIZE: usize = 4;
const SEGMENTS: usize = 8;
const BLOCK: u32 = 1024;

/** Add all segments of a block of values to the first one, in order. */
export function sumSegments(args: usize, chunk: u32, thread: u32): void {
  const size = load<u32>(args, SIZE);
  const out = <usize>load<u32>(args, VALUES);
  const end = min(size, (chunk + 1) * BLOCK);
  for (let segment: u32 = 1; segment < load<u32>(args, SEGMENTS); segment++) {
    const other = out + <usize>(segment * size) * 4;
    let i = chunk * BLOCK;
    for (; i + 4 <= end; i += 4) {
      const at = (<usize>i) << 2;
      v128.store(out + at, f32x4.add(v128.load(out + at), v128.load(other + at)));
    }
    for (; i < end; i++) {
      const at = (<usize>i) << 2;
      store<f32>(out + at, load<f32>(out + at) + load<f32>(other + at));
    }
  }
}
