/**
 * Rows of a generated row program: chunk i has rows i x ROWS .. (i + 1) x ROWS of all. The code itself,
 * run(args, first, count), stands in the table, see jit/rowModule.ts.
 */

const CODE: usize = 0;
const ROW_ARGS: usize = 4;
const ROWS: usize = 8;
const ALL: usize = 12;

export function rowBlock(args: usize, chunk: u32, thread: u32): void {
  const rows = load<u32>(args, ROWS);
  const first = chunk * rows;
  const count = min<u32>(rows, load<u32>(args, ALL) - first);
  call_indirect<void>(load<u32>(args, CODE), load<u32>(args, ROW_ARGS), first, count);
}
