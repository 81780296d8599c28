import { existsSync } from 'node:fs';
import {
  columnsToRows,
  createRowWriter,
  loadArtifacts,
  partPath,
  rowFormatOf,
  streamDataset,
} from '../data/index.js';
import type { RowFormat, RowWriter } from '../data/index.js';
import { DomainError, ShapeError } from '../errors.js';
import type { Sage, SageScores } from '../models/index.js';
import { rowSize, sliceRows, takeTargets } from '../util/rows.js';
import type { Rows, Targets } from '../util/rows.js';
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
}

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
    await scoreBlocks(model, writer, options, context);
    await writer.close();
    if (part !== undefined) await removeFacts(part);
    // With results on stdout, JSON about the run would be mixed into them.
    if (terminal.json && output !== '-') {
      terminal.print(JSON.stringify({ rows: writer.rows, output, format }));
    }
  } catch (error) {
    await leave(writer, part, isWorthKeeping(error), context);
    throw error;
  } finally {
    model?.dispose();
  }
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

async function scoreBlocks(
  model: Sage,
  writer: RowWriter,
  { input, output, blockRows, dataDir }: ScoreOptions,
  { terminal, signal }: CommandContext,
): Promise<void> {
  const step = terminal.step(`score ${input}`, 'rows');
  try {
    const blocks = streamDataset(input, {
      blockRows,
      signal,
      stdin: terminal.streams.stdin,
      ...(dataDir === undefined ? {} : { dataDir }),
    });
    let done = writer.rows;
    for await (const { x: all, y: allTargets } of blocks) {
      // Rows of a part that is continued are read once more, and passed over.
      const skipped = Math.min(done, all.count);
      done -= skipped;
      if (skipped === all.count) continue;
      const x = sliceRows(all, skipped, all.count);
      const y = skipped === 0 ? allTargets : allTargets && targetsFrom(allTargets, skipped);
      // The authors' regression score compares with the true targets; no other score needs them.
      const targets = model.config.compat ? y : undefined;
      const scores = await scoreBlock(model, { x, targets, input, firstRow: writer.rows }, signal);
      const { distance, reconstruction, task, prediction } = scores;
      await writer.write(columnsToRows([scores.score, distance, reconstruction, task, prediction]));
      step.update(writer.rows, undefined);
      if (writer.isStopped) break;
    }
    step.end(`${writer.rows} rows to ${output === '-' ? 'stdout' : output}`);
  } catch (error) {
    step.cancel();
    throw error;
  }
}

function targetsFrom(targets: Targets, first: number): Targets {
  const rows = Array.from({ length: targets.values.length - first }, (_, i) => first + i);
  return takeTargets(targets, rows);
}

interface Block {
  readonly x: Rows;
  readonly targets: Targets | undefined;
  readonly input: string;
  /** Number of the block's first row in the input. */
  readonly firstRow: number;
}

/** Score a block; errors name the input and its own row numbers, which the model does not know. */
async function scoreBlock(
  model: Sage,
  { x, targets, input, firstRow }: Block,
  signal: AbortSignal,
): Promise<SageScores> {
  const bad = x.data.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    const size = rowSize(x);
    const [row, feature] = [firstRow + Math.floor(bad / size), bad % size];
    throw new DomainError({
      op: 'score',
      arg: input,
      expected: 'be finite',
      got: `${x.data[bad]} at row ${row}, feature ${feature}`,
      fix: 'Remove or impute such rows first.',
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
