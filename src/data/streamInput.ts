import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { asReadError } from './byteReader.js';
import { systemCode } from './fileErrors.js';

/** Bytes that can be read once, with the name that errors give them. */
export interface StreamInput {
  readonly stream: Readable;
  readonly name: string;
}

/** A file by its path, or bytes that can be read once. */
export type Input = string | StreamInput;

/** What errors call the input. */
export function inputName(input: Input): string {
  return typeof input === 'string' ? input : input.name;
}

/**
 * What a path reads: `-` is standard input; a named pipe (also /dev/stdin and the shell's `<(...)`) can
 * be read once, a file again and again. A path that is not there is left to its reader's error.
 */
export async function inputOf(path: string, stdin: Readable = process.stdin): Promise<Input> {
  if (path === '-') return { stream: stdin, name: 'standard input' };
  return (await isPipe(path)) ? { stream: createReadStream(path), name: path } : path;
}

/** Whether a path is a named pipe. */
export async function isPipe(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFIFO();
  } catch (error) {
    if (systemCode(error) !== undefined) return false;
    throw error;
  }
}

/** A file that lives as long as it is needed. */
export interface Spooled {
  readonly path: string;
  readonly remove: () => Promise<void>;
}

/** Copy a stream into a temporary file, in constant memory, for formats that are read from their end. */
export async function spool(
  op: string,
  { stream, name }: StreamInput,
  signal?: AbortSignal,
): Promise<Spooled> {
  const folder = await mkdtemp(join(tmpdir(), 'tfjs-latent-'));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  const path = join(folder, 'rows');
  try {
    await pipeline(stream, createWriteStream(path), { signal });
    return { path, remove };
  } catch (error) {
    await remove();
    throw asReadError(op, name, error);
  }
}
