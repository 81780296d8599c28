import { existsSync } from 'node:fs';
import {
  createRowWriter,
  loadArtifacts,
  partPath,
  rowFormatOf,
  streamDataset,
} from '../data/index.js';
import type { RowFormat, RowWriter } from '../data/index.js';
import { DomainError, ShapeError } from '../errors.js';
import type { Sage, SageScores } from '../models/index.js';
import { ahead } from '../neighbors/ahead.js';
import { areFinite, rowSize, takeRows, takeTargets } from '../util/rows.js';
import type { Dataset, Rows, Targets } from '../util/rows.js';
import type { CommandContext } from './context.js';
import { findModel } from './models.js';
import { canBeKept, isWorthKeeping, modelDigest, openPart, removeFacts } from './scorePart.js';
import { startForCommand } from './steps.js';

export interface ScoreOptions {
  readonly input: string;
  readonly output: string;
  readonly format?: RowFormat;
  readonly blockRows: number;
  readonly backend?: string;
  readonly dataDir?: string;
  readonly resume?: boolean;
  /** What a row with a value that is no finite number does. Default 'fail'. */
  readonly onError?: 'fail' | 'skip';
}

/** Numbers of skipped rows that are told. */
const SHOWN_ROWS = 10;

/** Columns of the output; all scores are high for rows like the training data. */
export const SCORE_COLUMNS = ['score', 'distance', 'reconstruction', 'task', 'prediction'] as const;

/** `score <run>`: read, score and write block by block, in constant memory. */
export async function score(
  run: string,
  options: ScoreOptions,
  context: CommandContext,
): Promise<void> {
  const { terminal } = context;
  const { output } = options;
  const artifacts = await loadArtifacts(run);
  const entry = findModel('score', artifacts.model);
  const format = options.format ?? rowFormatOf(output) ?? 'csv';
  const isKept = await canBeKept(output);
  if (options.resume === true && !isKept) {
    throw new DomainError({
      op: 'score',
      arg: '--resume',
      expected: 'be given with an --output that is a file',
      got: output,
    });
  }
  const identity = {
    model: modelDigest(artifacts),
    input: options.input,
    format,
    columns: SCORE_COLUMNS,
    onError: options.onError ?? 'fail',
  };
  const part = isKept ? await partPath(output) : undefined;
  const begin =
    part === undefined ? undefined : await openPart(part, identity, options.resume ?? false);
  let writer: RowWriter | undefined;
  let model: Sage | undefined;
  try {
    await startForCommand(options.backend, context);
    model = entry.load(artifacts);
    writer = await createRowWriter(output, format, {
      columns: SCORE_COLUMNS,
      counter: 'row',
      stdout: terminal.streams.stdout,
      ...(begin === undefined ? {} : { part: begin }),
    });
    if (writer.rows > 0) terminal.say(`going on after ${writer.rows} rows`);
    const skipped = await scoreBlocks(model, writer, options, format, context);
    await writer.close();
    if (skipped.count > 0) terminal.warn(aboutSkipped(skipped));
    if (part !== undefined) await removeFacts(part);
    // With results on stdout, JSON about the run would be mixed into them.
    if (terminal.json && output !== '-') {
      terminal.print(JSON.stringify({ rows: writer.rows, output, format, skipped }));
    }
  } catch (error) {
    await leave(writer, part, isWorthKeeping(error), context);
    throw error;
  } finally {
    model?.dispose();
  }
}

function aboutSkipped({ count, rows }: Skipped): string {
  const more = count > rows.length ? ', ...' : '';
  return `skipped ${count} rows with a value that is no finite number: ${rows.join(', ')}${more}`;
}

/** Keep the rows that are scored where they are worth it, or remove them. */
async function leave(
  writer: RowWriter | undefined,
  part: string | undefined,
  keep: boolean,
  { terminal }: CommandContext,
): Promise<void> {
  if (part !== undefined && keep && writer !== undefined && writer.rows > 0) {
    await writer.suspend();
    terminal.warn(
      `kept ${writer.rows} rows in ${part}: the same command with --resume goes on after them`,
    );
    return;
  }
  await writer?.abort();
  // An earlier part that was not opened stays as it is.
  if (part !== undefined && !existsSync(part)) await removeFacts(part);
}

/** Rows that were left out, by their numbers in the input. */
interface Skipped {
  readonly count: number;
  /** The first of them. */
  readonly rows: readonly number[];
}

/**
 * Read, score and write: while a block is scored the next one is read and the one before is written. At
 * most three are held.
 */
async function scoreBlocks(
  model: Sage,
  writer: RowWriter,
  { input, output, blockRows, dataDir, onError = 'fail' }: ScoreOptions,
  format: RowFormat,
  { terminal, signal }: CommandContext,
): Promise<Skipped> {
  const step = terminal.step(`score ${input}`, 'rows');
  const skipped = { count: 0, rows: [] as number[] };
  // The authors' regression score compares with the true targets; no other score needs them.
  const { compat } = model.config;
  let writing: Promise<void> | undefined;
  try {
    const blocks = streamDataset(input, {
      blockRows,
      signal,
      stdin: terminal.streams.stdin,
      withoutTargets: !compat,
      unreadable: onError === 'skip' ? 'nan' : 'fail',
      ...(dataDir === undefined ? {} : { dataDir }),
    });
    let first = 0;
    let done = writer.rows;
    for await (const block of ahead(blocks)) {
      const bad = onError === 'skip' ? badRows(block) : [];
      skipped.count += bad.length;
      skipped.rows.push(
        ...bad.slice(0, SHOWN_ROWS - skipped.rows.length).map((row) => first + row),
      );
      const wanted = wantedRows(block.x.count, format === 'npy' ? [] : bad);
      // Rows of a part that is continued are read once more, and passed over.
      const passed = Math.min(done, wanted.length);
      done -= passed;
      const numbers = wanted.slice(passed);
      if (numbers.length > 0) {
        const rows = await scoreRows(model, block, numbers, bad, { input, first, signal });
        await writing;
        if (writer.isStopped) break;
        step.update(writer.rows, undefined);
        writing = writer.write(
          rows,
          numbers.map((row) => first + row),
        );
        // Seen when the next block is ready, or at the end.
        writing.catch(() => undefined);
      }
      first += block.x.count;
    }
    await writing;
    step.end(`${writer.rows} rows to ${output === '-' ? 'stdout' : output}`);
    return skipped;
  } catch (error) {
    step.cancel();
    // Nothing else may be done with the writer before it is done with this.
    await writing?.catch(() => undefined);
    throw error;
  }
}

/** Positions of 0 to count - 1 without those in `left`, which ascend. */
function wantedRows(count: number, left: readonly number[]): number[] {
  const isLeft = new Set(left);
  return Array.from({ length: count }, (_, row) => row).filter((row) => !isLeft.has(row));
}

/** Rows of a block with a value or a target that is no finite number. */
function badRows({ x, y }: Dataset): number[] {
  if (areFinite(x.data) && (y?.kind !== 'real' || areFinite(y.values))) return [];
  const size = rowSize(x);
  return Array.from({ length: x.count }, (_, row) => row).filter(
    (row) =>
      !areFinite(x.data.subarray(row * size, (row + 1) * size)) ||
      (y?.kind === 'real' && !Number.isFinite(y.values[row])),
  );
}

interface Place {
  readonly input: string;
  /** Number of the block's first row in the input. */
  readonly first: number;
  readonly signal: AbortSignal;
}

/** The columns of the output for some rows of a block; those of bad rows are NaN. */
async function scoreRows(
  model: Sage,
  { x: all, y: allTargets }: Dataset,
  rows: readonly number[],
  bad: readonly number[],
  place: Place,
): Promise<Rows> {
  const isBad = new Set(bad);
  const good = rows.filter((row) => !isBad.has(row));
  const width = SCORE_COLUMNS.length;
  const data = new Float32Array(rows.length * width).fill(NaN);
  const out = { data, count: rows.length, rowShape: [width] };
  if (good.length === 0) return out;
  const isWhole = good.length === all.count;
  const x = isWhole ? all : takeRows(all, good);
  const targets = isWhole ? allTargets : allTargets && takeTargets(allTargets, good);
  const scores = await scoreBlock(model, x, targets, good, place);
  const columns = [
    scores.score,
    scores.distance,
    scores.reconstruction,
    scores.task,
    scores.prediction,
  ];
  let from = 0;
  rows.forEach((row, i) => {
    if (isBad.has(row)) return;
    columns.forEach((column, c) => (data[i * width + c] = column[from]));
    from++;
  });
  return out;
}

/** Score rows of a block; errors name the input and its own row numbers, which the model does not know. */
async function scoreBlock(
  model: Sage,
  x: Rows,
  targets: Targets | undefined,
  rows: readonly number[],
  { input, first, signal }: Place,
): Promise<SageScores> {
  if (!areFinite(x.data)) {
    const bad = x.data.findIndex((value) => !Number.isFinite(value));
    const size = rowSize(x);
    const row = first + rows[Math.floor(bad / size)];
    throw new DomainError({
      op: 'score',
      arg: input,
      expected: 'be finite',
      got: `${x.data[bad]} at row ${row}, feature ${bad % size}`,
      fix: 'Remove or impute such rows first, or leave them out with --on-error skip.',
    });
  }
  try {
    return await model.score(x, { signal, targets });
  } catch (error) {
    if (!(error instanceof ShapeError) || error.arg !== 'x') throw error;
    const { expected, got } = error;
    throw new ShapeError({ op: 'score', arg: input, expected, got }, { cause: error });
  }
}
