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
import { ahead } from '../neighbors/ahead.js';
import type { Artifacts } from '../util/artifacts.js';
import { areFinite, sliceRows, takeRows, takeTargets } from '../util/rows.js';
import type { Rows, Targets } from '../util/rows.js';
import { checkBlock } from './blockChecks.js';
import { checkConditionGiven, conditionWidth, needsLabels, withConditions } from './condition.js';
import type { ConditionedBlock } from './condition.js';
import type { CommandContext } from './context.js';
import { savedModel } from './models.js';
import { checkOutputIsNotInput } from './outputTarget.js';
import type { ModelEntry } from './models.js';
import { canBeKept, isWorthKeeping, modelDigest, openPart, removeFacts } from './rowPart.js';
import { startForCommand } from './steps.js';

/** Options of commands that turn rows into rows, block by block. */
export interface RowStreamOptions {
  readonly input: string;
  /** Of a model with a condition. */
  readonly condition?: string;
  readonly output: string;
  readonly format?: RowFormat;
  readonly blockRows: number;
  readonly backend?: string;
  readonly dataDir?: string;
  readonly resume?: boolean;
  /** What a row with a value that is no finite number does. Default 'fail'. */
  readonly onError?: 'fail' | 'skip';
}

/** Rows of a block, all finite, with what stands beside them. */
export interface RowInput {
  readonly x: Rows;
  readonly targets?: Targets | undefined;
  readonly condition?: Rows | undefined;
}

/** What a command makes of the rows of a block; holds a model until it is disposed. */
export interface RowMaker {
  /** Whether targets of the input are read. */
  readonly withTargets: boolean;
  /** One row of columns for every row of `x`. */
  make(input: RowInput, signal: AbortSignal): Promise<Rows>;
  dispose(): void;
}

/** A command over rows. */
export interface RowCommand {
  /** Its name, for messages. */
  readonly op: string;
  /** Columns of the output for a saved model. @throws DataError when it has none. */
  columns(entry: ModelEntry, artifacts: Artifacts): readonly string[];
  /** Bring the model back on the active backend. */
  load(entry: ModelEntry, artifacts: Artifacts): RowMaker;
}

/** Numbers of skipped rows that are told. */
const SHOWN_ROWS = 10;

/** Read, compute and write block by block, in constant memory. */
export async function streamRows(
  command: RowCommand,
  run: string,
  options: RowStreamOptions,
  context: CommandContext,
): Promise<void> {
  const { terminal } = context;
  const { op } = command;
  const { output } = options;
  const artifacts = await loadArtifacts(run);
  const entry = savedModel(op, run, artifacts);
  const columns = command.columns(entry, artifacts);
  const width = conditionWidth(artifacts);
  const { input, condition } = options;
  checkConditionGiven(op, `the model of ${run}`, width !== undefined, input, condition);
  const format = options.format ?? rowFormatOf(output) ?? 'csv';
  await checkOutputIsNotInput(op, output, options.input);
  const isKept = await canBeKept(output);
  if (options.resume === true && !isKept) {
    throw new DomainError({
      op,
      arg: '--resume',
      expected: 'be given with an --output that is a file',
      got: output,
    });
  }
  const identity = {
    model: modelDigest(artifacts),
    input,
    ...(condition === undefined ? {} : { condition }),
    format,
    columns,
    onError: options.onError ?? 'fail',
  };
  const part = isKept ? await partPath(output) : undefined;
  const begin =
    part === undefined ? undefined : await openPart(op, part, identity, options.resume ?? false);
  let writer: RowWriter | undefined;
  let maker: RowMaker | undefined;
  try {
    await startForCommand(options.backend, context);
    maker = command.load(entry, artifacts);
    writer = await createRowWriter(output, format, {
      columns,
      counter: 'row',
      stdout: terminal.streams.stdout,
      ...(begin === undefined ? {} : { part: begin }),
    });
    if (writer.rows > 0) terminal.say(`going on after ${writer.rows} rows`);
    const work = { op, columns, maker, format, conditionWidth: width };
    const skipped = await makeBlocks(work, writer, options, context);
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
    maker?.dispose();
  }
}

function aboutSkipped({ count, rows }: Skipped): string {
  const more = count > rows.length ? ', ...' : '';
  return `skipped ${count} rows with a value that is no finite number: ${rows.join(', ')}${more}`;
}

/** Keep the rows that are done where they are worth it, or remove them. */
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

interface Work {
  readonly op: string;
  readonly columns: readonly string[];
  readonly maker: RowMaker;
  readonly format: RowFormat;
  /** Numbers of a condition; undefined for a model without. */
  readonly conditionWidth: number | undefined;
}

/**
 * Read, compute and write: while a block is computed the next one is read and the one before is written.
 * At most three are held.
 */
async function makeBlocks(
  work: Work,
  writer: RowWriter,
  options: RowStreamOptions,
  context: CommandContext,
): Promise<Skipped> {
  const { op, format } = work;
  const { input, output, condition, onError = 'fail' } = options;
  const { terminal, signal } = context;
  const step = terminal.step(`${op} ${input}`, 'rows');
  const skipped = { count: 0, rows: [] as number[] };
  let writing: Promise<void> | undefined;
  try {
    const blocks = blocksOf(work, options, context);
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
        const place = { input, condition: condition ?? '', first, signal };
        const rows = await makeRows(work, block, numbers, bad, place);
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

/** The rows of the input, with their conditions where the model takes them. */
function blocksOf(
  { op, maker, conditionWidth: width }: Work,
  { input, condition, blockRows, dataDir, onError }: RowStreamOptions,
  { terminal, signal }: CommandContext,
): AsyncGenerator<ConditionedBlock> {
  const shared = {
    blockRows,
    signal,
    stdin: terminal.streams.stdin,
    unreadable: onError === 'skip' ? ('nan' as const) : ('fail' as const),
    ...(dataDir === undefined ? {} : { dataDir }),
  };
  const withoutTargets = !maker.withTargets && !needsLabels(condition);
  const blocks = streamDataset(input, { ...shared, withoutTargets });
  if (condition === undefined || width === undefined) return blocks;
  return withConditions({ ...shared, op, input, condition, width }, blocks);
}

/** Positions of 0 to count - 1 without those in `left`, which ascend. */
function wantedRows(count: number, left: readonly number[]): number[] {
  const isLeft = new Set(left);
  return Array.from({ length: count }, (_, row) => row).filter((row) => !isLeft.has(row));
}

/** Rows of a block with a value, a condition or a target that is no finite number. */
function badRows({ x, y, condition }: ConditionedBlock): number[] {
  const parts = condition === undefined ? [x] : [x, condition];
  const isReal = y?.kind === 'real';
  if (parts.every(({ data }) => areFinite(data)) && !(isReal && !areFinite(y.values))) return [];
  return Array.from({ length: x.count }, (_, row) => row).filter(
    (row) =>
      parts.some((rows) => !areFinite(sliceRows(rows, row, row + 1).data)) ||
      (isReal && !Number.isFinite(y.values[row])),
  );
}

interface Place {
  readonly input: string;
  readonly condition: string;
  /** Number of the block's first row in the input. */
  readonly first: number;
  readonly signal: AbortSignal;
}

/** The columns of the output for some rows of a block; those of bad rows are NaN. */
async function makeRows(
  work: Work,
  block: ConditionedBlock,
  rows: readonly number[],
  bad: readonly number[],
  place: Place,
): Promise<Rows> {
  const { x, y, condition } = block;
  const isBad = new Set(bad);
  const good = rows.filter((row) => !isBad.has(row));
  if (good.length === x.count) {
    return await makeBlock(work, { x, targets: y, condition }, good, place);
  }
  const width = work.columns.length;
  const data = new Float32Array(rows.length * width).fill(NaN);
  const out = { data, count: rows.length, rowShape: [width] };
  if (good.length === 0) return out;
  const taken = {
    x: takeRows(x, good),
    targets: y && takeTargets(y, good),
    condition: condition && takeRows(condition, good),
  };
  const made = await makeBlock(work, taken, good, place);
  let from = 0;
  rows.forEach((row, i) => {
    if (isBad.has(row)) return;
    data.set(made.data.subarray(from * width, (from + 1) * width), i * width);
    from++;
  });
  return out;
}

/** How a user gets past rows that are not finite. */
const FIX = 'Remove or impute such rows first, or leave them out with --on-error skip.';

/** Columns of good rows; errors name the input and its own row numbers, which the model does not know. */
async function makeBlock(
  { op, maker }: Work,
  block: RowInput,
  rows: readonly number[],
  { input, condition, first, signal }: Place,
): Promise<Rows> {
  const numberOf = (row: number): number => first + rows[row];
  checkBlock(op, input, block.x, numberOf, FIX);
  if (block.condition !== undefined) checkBlock(op, condition, block.condition, numberOf, FIX);
  try {
    return await maker.make(block, signal);
  } catch (error) {
    if (!(error instanceof ShapeError) || error.arg !== 'x') throw error;
    const { expected, got } = error;
    throw new ShapeError({ op, arg: input, expected, got }, { cause: error });
  }
}
