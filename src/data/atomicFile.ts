import { randomBytes } from 'node:crypto';
import { open, realpath, rename, rm, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DataError } from '../errors.js';
import { systemCode, withFileErrors } from './fileErrors.js';

const OP = 'write';

/** A name next to `path` that no other writer uses; hidden, so that listings do not show it. */
export function siblingName(path: string, purpose: string): string {
  const random = randomBytes(6).toString('hex');
  return join(dirname(path), `.${basename(path)}.${random}.${purpose}`);
}

/**
 * A file that appears under its name only when it is complete. Until then its bytes stand in a
 * temporary file of the same folder. A device or a pipe (`/dev/null`, a named pipe) is written to
 * directly: it must not be replaced by a file.
 */
export class PendingFile {
  private isOpen = true;

  private constructor(
    readonly path: string,
    /** Where the file really is: links (`/dev/stdout` is one) are written through, not replaced. */
    private readonly target: string,
    private readonly temporary: string | undefined,
    private readonly file: FileHandle,
  ) {}

  /** @throws DataError when the folder is missing or not writable, or the path is a folder. */
  static async open(path: string): Promise<PendingFile> {
    return withFileErrors(OP, path, async () => {
      const facts = await stat(path).catch((error: unknown) => {
        if (systemCode(error) === 'ENOENT') return undefined;
        throw error;
      });
      if (facts?.isDirectory() === true) {
        const fix = 'Name a file in it.';
        throw new DataError({ op: OP, arg: path, expected: 'be a file', got: 'a folder', fix });
      }
      if (facts !== undefined && !facts.isFile()) {
        return new PendingFile(path, path, undefined, await open(path, 'w'));
      }
      const target = facts === undefined ? path : await realpath(path);
      const temporary = siblingName(target, 'part');
      return new PendingFile(path, target, temporary, await open(temporary, 'wx'));
    });
  }

  /** Append bytes; on failure the temporary file is removed. */
  async append(data: string | Uint8Array): Promise<void> {
    await this.guard(() => this.file.writeFile(data));
  }

  /** Write bytes over those at a position. */
  async patch(data: Uint8Array, position: number): Promise<void> {
    await this.guard(() => this.file.write(data, 0, data.length, position));
  }

  /** Make the file appear under its name. */
  async commit(): Promise<void> {
    const { temporary } = this;
    await this.guard(async () => {
      if (temporary !== undefined) await this.file.datasync();
      this.isOpen = false;
      await this.file.close();
      if (temporary !== undefined) await rename(temporary, this.target);
    });
  }

  /** Remove the temporary file; nothing appears. May be called more than once. */
  async abort(): Promise<void> {
    if (this.isOpen) {
      this.isOpen = false;
      // The file is thrown away: a failure to close it (a full disk) changes nothing.
      await this.file.close().catch(() => undefined);
    }
    if (this.temporary !== undefined) await rm(this.temporary, { force: true });
  }

  private async guard(action: () => Promise<unknown>): Promise<void> {
    try {
      await withFileErrors(OP, this.path, action);
    } catch (error) {
      await this.abort();
      throw error;
    }
  }
}

/**
 * Write a file so that it appears complete under its name or not at all: a temporary file in the
 * same folder is written, flushed, and renamed.
 * @throws DataError naming the path and the system's reason; the old file, if any, is untouched.
 */
export async function writeFileAtomic(path: string, data: string | Uint8Array): Promise<void> {
  const file = await PendingFile.open(path);
  await file.append(data);
  await file.commit();
}
