import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { PendingFile } from './atomicFile.js';
import { asDataError, systemCode, withFileErrors } from './fileErrors.js';

/** Where a row writer's bytes go. */
export interface RowSink {
  /** True once the reader of a pipe is gone: what is written from then on is dropped. */
  readonly isStopped: boolean;
  append(data: string | Uint8Array): Promise<void>;
  /** Write over bytes at a position, before commit. */
  patch(data: Uint8Array, position: number): Promise<void>;
  commit(): Promise<void>;
  abort(): Promise<void>;
  /** Names of the columns, before the first row; sinks that turn rows into a file themselves have it. */
  describe?(about: {
    readonly columns: readonly string[];
    readonly counter: string | undefined;
  }): void;
  /** Give up for now: what was written stays. Only sinks of which a part can be continued have it. */
  suspend?(): Promise<void>;
}

/** A file that appears when it is complete. */
export async function openFileSink(path: string): Promise<RowSink> {
  const file = await PendingFile.open(path);
  return {
    isStopped: false,
    append: (data) => file.append(data),
    patch: (data, position) => file.patch(data, position),
    commit: () => file.commit(),
    abort: () => file.abort(),
  };
}

/** A stream, usually standard output; waits while its reader is slow, and stops when it is gone. */
export class StreamSink implements RowSink {
  private failure: Error | null = null;
  private readonly onError = (error: Error): void => {
    this.failure ??= error;
  };

  constructor(private readonly stream: Writable) {
    stream.on('error', this.onError);
  }

  get isStopped(): boolean {
    const failure = this.failure ?? this.stream.errored;
    return failure === null ? this.stream.destroyed : systemCode(failure) === 'EPIPE';
  }

  async append(data: string | Uint8Array): Promise<void> {
    if (this.isStopped) return;
    await new Promise<void>((resolve) => {
      // The callback comes when the data is handed on, or with the error that onError also gets.
      this.stream.write(data, (error) => {
        if (error != null) this.failure ??= error;
        resolve();
      });
    });
    this.checkFailure();
  }

  private checkFailure(): void {
    if (this.failure === null || this.isStopped) return;
    throw asDataError('write', 'standard output', this.failure) as Error;
  }

  patch(): Promise<void> {
    throw new Error('a stream cannot be written twice');
  }

  /** The stream belongs to the caller (standard output to the process): it is not ended. */
  commit(): Promise<void> {
    return this.abort();
  }

  abort(): Promise<void> {
    this.stream.off('error', this.onError);
    // A late EPIPE of a reader that is gone must not end the process.
    if (this.isStopped) this.stream.on('error', () => undefined);
    return Promise.resolve();
  }
}

/**
 * A stream whose first bytes are known only at the end: everything is kept in a temporary file and
 * copied at commit, in constant memory.
 */
export async function openSpooledSink(stream: Writable): Promise<RowSink> {
  const folder = await withFileErrors('write', tmpdir(), () =>
    mkdtemp(join(tmpdir(), 'tfjs-latent-')),
  );
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  const path = join(folder, 'rows');
  const out = new StreamSink(stream);
  try {
    const file = await PendingFile.open(path);
    return {
      get isStopped() {
        return out.isStopped;
      },
      append: (data) => file.append(data),
      patch: (data, position) => file.patch(data, position),
      commit: async () => {
        try {
          await file.commit();
          for await (const chunk of createReadStream(path)) await out.append(chunk as Uint8Array);
          await out.commit();
        } finally {
          await remove();
        }
      },
      abort: async () => {
        await file.abort();
        await out.abort();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}
