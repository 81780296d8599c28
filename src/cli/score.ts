import {
  columnsToRows,
  createRowWriter,
  loadArtifacts,
  rowFormatOf,
  streamDataset,
} from '../data/index.js';
import type { RowFormat, RowWriter } from '../data/index.js';
import { DomainError, ShapeError } from '../errors.js';
import type { Sage, SageScores } from '../models/index.js';
import { rowSize } from '../util/rows.js';
import type { Rows, Targets } from '../util/rows.js';
import type { CommandContext } from './context.js';
import { findModel } from './models.js';
import { startForCommand } from './steps.js';

export interface ScoreOptions {
  readonly input: string;
  readonly output: string;
  readonly format?: RowFormat;
  readonly blockRows: number;
  readonly backend?: string;
  readonly dataDir?: string;
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
  await startForCommand(options.backend, context);
  const model = entry.load(artifacts);
  try {
    const writer = await createRowWriter(output, format, {
      columns: SCORE_COLUMNS,
      counter: 'row',
      stdout: terminal.streams.stdout,
    });
    try {
      await scoreBlocks(model, writer, options, context);
      await writer.close();
    } catch (error) {
      await writer.abort();
      throw error;
    }
    // With results on stdout, JSON about the run would be mixed into them.
    if (terminal.json && output !== '-') {
      terminal.print(JSON.stringify({ rows: writer.rows, output, format }));
    }
  } finally {
    model.dispose();
  }
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
    for await (const { x, y } of blocks) {
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
