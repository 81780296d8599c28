/** A stretch of the module's memory that outlives a kernel call. */
export interface Block {
  readonly address: number;
  readonly bytes: number;
}

const ALIGNMENT = 64;

const aligned = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/**
 * Blocks at the low end of the module's memory, where they do not get in the way of the scratch, which
 * starts above the last of them. A new block goes into the first gap that is large enough.
 */
export class Blocks {
  /** By ascending address; none overlaps another. */
  private readonly used: Block[] = [];

  /** @param start Address of the first byte that blocks may use, a multiple of 64. */
  constructor(private readonly start: number) {}

  /** First address above all blocks. */
  get end(): number {
    const last = this.used.at(-1);
    return last === undefined ? this.start : last.address + aligned(last.bytes);
  }

  /** Bytes of all blocks together. */
  get bytes(): number {
    return this.used.reduce((sum, block) => sum + block.bytes, 0);
  }

  /** Reserve a block. The caller sees to it that the memory reaches that far. */
  reserve(bytes: number): Block {
    let address = this.start;
    let position = 0;
    for (const block of this.used) {
      if (block.address - address >= bytes) break;
      address = block.address + aligned(block.bytes);
      position++;
    }
    const block = { address, bytes };
    this.used.splice(position, 0, block);
    return block;
  }

  /** Give a block back; nothing happens when it is not one of these. */
  free(block: Block): void {
    const position = this.used.indexOf(block);
    if (position >= 0) this.used.splice(position, 1);
  }
}
