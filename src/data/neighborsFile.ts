import type { Writable } from 'node:stream';
import { z } from 'zod';
import { DataError } from '../errors.js';
import { formatFloat32 } from './formatNumber.js';
import { NpzReader, writeNpz } from './npzFile.js';
import { StreamSink, openFileSink } from './rowSink.js';
import type { RowSink } from './rowSink.js';

/** Neighbours of every query, row after row. */
export interface NeighborTable {
  readonly count: number;
  readonly k: number;
  readonly distances: Float32Array;
  readonly indices: Int32Array;
  readonly ranks?: Float32Array;
}

/** Formats of neighbours. */
export const NEIGHBOR_FORMATS = ['npz', 'csv', 'ndjson'] as const;
export type NeighborFormat = (typeof NEIGHBOR_FORMATS)[number];

const OP = 'neighbours';

/** Member of an .npz file that says what was searched. */
const ABOUT = 'knn.json';

const whole = z.number().int().nonnegative();
const aboutSchema = z.strictObject({
  format: z.literal(1),
  /** Metric and parameters, mode: parts of one search agree in it. */
  search: z.record(z.string(), z.json()),
  /** Larger is nearer. */
  descending: z.boolean(),
  queries: whole,
  /** All reference rows, and those of this file: [from, to). */
  references: whole,
  from: whole,
  to: whole,
});

/** What was searched, and which part of it a file holds. */
export type AboutNeighbors = Omit<z.infer<typeof aboutSchema>, 'format'>;

/** The format that a file name asks for; undefined when it asks for none of them. */
export function neighborFormatOf(path: string): NeighborFormat | undefined {
  if (path === '-') return 'csv';
  const extension = /\.(\w+)$/.exec(path)?.[1].toLowerCase();
  if (extension === 'jsonl') return 'ndjson';
  return NEIGHBOR_FORMATS.find((format) => format === extension);
}

/**
 * Write neighbours; a file appears complete or not at all.
 *
 * - `npz`: float32 `distances` and int32 `indices` [queries, k], and knn.json about the search.
 * - `csv`: one line per neighbour: query, rank (0 = nearest), index, distance.
 * - `ndjson`: one line per query: query, indices, distances.
 *
 * Empty slots hold index -1 and an infinite distance (npz) or are left out (csv, ndjson).
 * @param path A file, or `-` for `stdout` (not npz).
 * @throws DataError when it cannot be written.
 */
export async function writeNeighbors(
  path: string,
  format: NeighborFormat,
  table: NeighborTable,
  about: AboutNeighbors,
  stdout: Writable = process.stdout,
): Promise<void> {
  if (format === 'npz') {
    if (path === '-') {
      const expected = 'be a file for npz';
      throw new DataError({ op: OP, arg: '--output', expected, got: 'standard output' });
    }
    const shape = [table.count, table.k];
    await writeNpz(path, {
      distances: { data: table.distances, shape },
      indices: { data: table.indices, shape },
      ...(table.ranks === undefined ? {} : { ranks: { data: table.ranks, shape } }),
      [ABOUT]: { text: aboutText(about) },
    });
    return;
  }
  const sink = path === '-' ? new StreamSink(stdout) : await openFileSink(path);
  try {
    await writeLines(sink, format, table);
  } catch (error) {
    await sink.abort();
    throw error;
  }
  await sink.commit();
}

/** Always in this order: equal searches give equal bytes. */
function aboutText(about: AboutNeighbors): string {
  const { search, descending, queries, references, from, to } = about;
  return `${JSON.stringify({ format: 1, search, descending, queries, references, from, to })}\n`;
}

/** Rows of a text that are written at a time. */
const ROWS_AT_A_TIME = 1024;

async function writeLines(
  sink: RowSink,
  format: 'csv' | 'ndjson',
  table: NeighborTable,
): Promise<void> {
  if (format === 'csv') await sink.append('query,rank,index,distance\n');
  for (let start = 0; start < table.count && !sink.isStopped; start += ROWS_AT_A_TIME) {
    const count = Math.min(ROWS_AT_A_TIME, table.count - start);
    const rows = Array.from({ length: count }, (_, i) => linesOf(table, start + i, format));
    await sink.append(rows.join(''));
  }
}

function linesOf({ k, distances, indices }: NeighborTable, row: number, format: string): string {
  const slots = Array.from({ length: k }, (_, s) => row * k + s).filter((s) => indices[s] >= 0);
  if (format === 'csv') {
    const line = (s: number): string =>
      `${row},${s - row * k},${indices[s]},${formatFloat32(distances[s])}\n`;
    return slots.map(line).join('');
  }
  // JSON has no infinities.
  const number = (value: number): string =>
    Number.isFinite(value) ? formatFloat32(value) : 'null';
  const found = slots.map((s) => indices[s]).join(',');
  const far = slots.map((s) => number(distances[s])).join(',');
  return `{"query":${row},"indices":[${found}],"distances":[${far}]}\n`;
}

/**
 * Read neighbours from an .npz file that writeNeighbors wrote.
 * @throws DataError when the file is no such file or is damaged.
 */
export async function readNeighbors(
  path: string,
): Promise<{ readonly table: NeighborTable; readonly about: AboutNeighbors }> {
  const file = await NpzReader.open(path);
  try {
    const about = readAbout(path, await file.text(ABOUT));
    const distances = await file.float32('distances', 2);
    const indices = await file.int32('indices', 2);
    const ranks = file.names.includes('ranks') ? await file.float32('ranks', 2) : undefined;
    const [count, k] = indices.shape;
    for (const array of [distances, ranks ?? distances]) {
      if (array.shape[0] === count && array.shape[1] === k && count === about.queries) continue;
      const got = `[${array.shape.join(', ')}] and [${count}, ${k}]`;
      const expected = `hold arrays of one shape [${about.queries}, k]`;
      throw new DataError({ op: OP, arg: path, expected, got });
    }
    const table = { count, k, distances: distances.data, indices: indices.data };
    return { about, table: ranks === undefined ? table : { ...table, ranks: ranks.data } };
  } finally {
    await file.close();
  }
}

function readAbout(path: string, text: string | undefined): AboutNeighbors {
  let value: unknown;
  try {
    value = text === undefined ? undefined : JSON.parse(text);
  } catch {
    value = undefined;
  }
  const parsed = aboutSchema.safeParse(value);
  if (parsed.success) {
    const { search, descending, queries, references, from, to } = parsed.data;
    return { search, descending, queries, references, from, to };
  }
  const { path: place, message } = parsed.error.issues[0];
  throw new DataError({
    op: OP,
    arg: path,
    expected: `hold ${ABOUT} as \`tfjs-latent knn\` writes it`,
    got: text === undefined ? 'none' : `${place.join('.')}: ${message}`,
  });
}
