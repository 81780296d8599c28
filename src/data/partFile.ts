import { createReadStream, existsSync } from 'node:fs';
import { open, realpath, rename, rm, stat, truncate } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { withFileErrors } from './fileErrors.js';
import type { RowSink } from './rowSink.js';

const OP = 'write';

/** Where a file really is: links are written through, not replaced. */
const targetOf = async (path: string): Promise<string> =>
  existsSync(path) ? realpath(path) : path;

const partOf = (target: string): string => `${target}.part`;

/** Where the finished part of a file stands. */
export async function partPath(path: string): Promise<string> {
  return partOf(await targetOf(path));
}

/** Whole rows of a part, and the bytes that they and what stands before them take up. */
export interface PartLength {
  readonly rows: number;
  readonly bytes: number;
}

/** Length of a part of lines, of which the first `heads` are no rows; a last line may be cut off. */
export async function measureLines(path: string, heads: number): Promise<PartLength> {
  let [lines, bytes, read] = [0, 0, 0];
  for await (const chunk of createReadStream(path)) {
    const data = chunk as Buffer;
    for (let at = data.indexOf(10); at >= 0; at = data.indexOf(10, at + 1)) {
      lines++;
      bytes = read + at + 1;
    }
    read += data.length;
  }
  return lines < heads ? { rows: 0, bytes: 0 } : { rows: lines - heads, bytes };
}

/** Length of a part of rows of `rowBytes` after `headBytes`; a last row may be cut off. */
export async function measureRows(
  path: string,
  headBytes: number,
  rowBytes: number,
): Promise<PartLength> {
  const { size } = await stat(path);
  if (size < headBytes) return { rows: 0, bytes: 0 };
  const rows = Math.floor((size - headBytes) / rowBytes);
  return { rows, bytes: headBytes + rows * rowBytes };
}

/**
 * A file whose finished part stays under a name of its own when the work is interrupted, and that appears
 * under its own when it is complete.
 */
export class PartFile implements RowSink {
  readonly isStopped = false;

  private constructor(
    readonly path: string,
    private readonly part: string,
    private readonly file: FileHandle,
    private end: number,
  ) {}

  /** @param length Bytes of an existing part to keep; 0 begins anew. */
  static async open(path: string, length: number): Promise<PartFile> {
    return withFileErrors(OP, path, async () => {
      const target = await targetOf(path);
      const part = partOf(target);
      if (length === 0) return new PartFile(target, part, await open(part, 'w+'), 0);
      await truncate(part, length);
      return new PartFile(target, part, await open(part, 'r+'), length);
    });
  }

  async append(data: string | Uint8Array): Promise<void> {
    const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data;
    await this.patch(bytes, this.end);
    this.end += bytes.length;
  }

  async patch(data: Uint8Array, position: number): Promise<void> {
    await withFileErrors(OP, this.path, async () => {
      for (let at = 0; at < data.length;) {
        const { bytesWritten } = await this.file.write(data, at, data.length - at, position + at);
        at += bytesWritten;
      }
    });
  }

  async commit(): Promise<void> {
    await withFileErrors(OP, this.path, async () => {
      await this.file.datasync();
      await this.file.close();
      await rename(this.part, this.path);
    });
  }

  /** Leave the finished part where it is. */
  async suspend(): Promise<void> {
    await this.file.close();
  }

  async abort(): Promise<void> {
    // The file is thrown away: a failure to close it changes nothing.
    await this.file.close().catch(() => undefined);
    await rm(this.part, { force: true });
  }
}
