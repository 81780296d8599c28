import { Option } from 'commander';
import { z } from 'zod';
import { openRows, rowCountOf } from '../data/index.js';
import { DataError, DomainError, ShapeError } from '../errors.js';
import type { Artifacts } from '../util/artifacts.js';
import { rowSize } from '../util/rows.js';
import type { Dataset, Rows, Targets } from '../util/rows.js';
import { sizeOf } from '../util/shape.js';
import type { CommandContext } from './context.js';
import { loadForCommand } from './steps.js';

/** What `--condition` takes beside data specs: the classes of the rows themselves, as one-hot numbers. */
const LABELS = 'labels';

export function conditionOption(): Option {
  return new Option(
    '--condition <spec>',
    `of models with a condition: one row of numbers per row, or "${LABELS}": the classes of the rows, one-hot`,
  );
}

/** Whether a condition is made of the targets of the rows. */
export function needsLabels(condition: string | undefined): boolean {
  return condition === LABELS;
}

/**
 * Find out before anything is read whether a condition is given where one is needed, and only there.
 * @param model What the error calls the model. @param wanted Whether it takes a condition.
 * @param data Spec of the rows themselves.
 * @throws DomainError
 */
export function checkConditionGiven(
  op: string,
  model: string,
  wanted: boolean,
  data: string,
  given: string | undefined,
): void {
  const fail = (expected: string, got: string, fix?: string): DomainError =>
    new DomainError({
      ...{ op, arg: '--condition', expected, got },
      ...(fix === undefined ? {} : { fix }),
    });
  if (!wanted) {
    if (given === undefined) return;
    throw fail(`be left out for ${model}, which has no condition`, given);
  }
  if (given === undefined) {
    throw fail(
      `be given for ${model}`,
      'none',
      `Name rows of numbers, one per row of the data (rows.npy), or ${LABELS} for classes.`,
    );
  }
  const isStdin = (spec: string): boolean => spec === '-' || spec.startsWith('-#');
  if (isStdin(given) && isStdin(data)) {
    throw fail('be another input than that of the rows', 'standard input for both');
  }
}

/** Conditions of all rows of a data set, and what the user called them. */
export interface GivenCondition {
  readonly spec: string;
  readonly rows: Rows;
}

/**
 * The condition of all rows of a data set; undefined where none is given.
 * @param condition A data spec, whose targets are left aside and whose rows are flattened, or "labels".
 * @throws ShapeError for another number of rows; DataError where labels are asked for and are not there.
 */
export async function loadCondition(
  op: string,
  condition: string | undefined,
  data: {
    readonly spec: string;
    readonly dataset: Dataset;
    readonly dataDir?: string | undefined;
  },
  context: CommandContext,
): Promise<GivenCondition | undefined> {
  if (condition === undefined) return undefined;
  const { spec, dataset, dataDir } = data;
  const { x, y } = dataset;
  if (needsLabels(condition)) {
    const classes = y?.kind === 'class' ? y.classes : 0;
    return { spec: condition, rows: oneHot(op, spec, { x, y }, classes) };
  }
  const { x: rows } = await loadForCommand(condition, { dataDir }, context);
  if (rows.count !== x.count) {
    throw countError(op, condition, `${spec}, ${x.count}`, String(rows.count));
  }
  return { spec: condition, rows: { ...rows, rowShape: [rowSize(rows)] } };
}

function countError(op: string, condition: string, rows: string, got: string): ShapeError {
  return new ShapeError({ op, arg: condition, expected: `have one row per row of ${rows}`, got });
}

/**
 * Classes as rows [classes] with a 1 at the class of the row.
 * @param first Number of the first row in the input.
 * @throws DataError without classes; DomainError for a class that the model does not know.
 */
function oneHot(
  op: string,
  spec: string,
  { x, y }: { readonly x: Rows; readonly y?: Targets | undefined },
  classes: number,
  first = 0,
): Rows {
  if (y?.kind !== 'class') {
    throw new DataError({
      ...{ op, arg: spec, expected: `have class labels for --condition ${LABELS}` },
      got: y === undefined ? 'rows only' : 'real numbers',
      fix: 'Name them: file.csv#target=Name#task=classification, file.npy#labels=labels.npy.',
    });
  }
  const data = new Float32Array(x.count * classes);
  y.values.forEach((label, row) => {
    if (label >= classes) {
      const expected = `have labels 0 to ${classes - 1}, as in training`;
      throw new DomainError({ op, arg: spec, expected, got: `${label} at row ${first + row}` });
    }
    data[row * classes + label] = 1;
  });
  return { data, count: x.count, rowShape: [classes] };
}

const conditionedSchema = z.object({
  fitted: z.object({ conditionShape: z.array(z.number().int().min(1)) }),
});

/** Numbers of a condition that a saved model takes per row; undefined for a model without. */
export function conditionWidth({ config }: Artifacts): number | undefined {
  const parsed = conditionedSchema.safeParse(config);
  // What is wrong with a saved model is said when it is loaded.
  return parsed.success ? sizeOf(parsed.data.fitted.conditionShape) : undefined;
}

/** A block of rows with the condition of each, where there is one. */
export interface ConditionedBlock extends Dataset {
  readonly condition?: Rows;
}

/** Where the rows and their conditions come from. */
export interface ConditionSource {
  readonly op: string;
  /** Spec of the rows. */
  readonly input: string;
  /** As the user gave it. */
  readonly condition: string;
  /** Numbers of a condition. */
  readonly width: number;
  readonly blockRows: number;
  readonly unreadable: 'fail' | 'nan';
  readonly dataDir?: string | undefined;
  readonly stdin: CommandContext['terminal']['streams']['stdin'];
  readonly signal: AbortSignal;
}

/**
 * Blocks of rows with their conditions, both read block by block. Counts that headers tell are compared before
 * the first block, others where one of the two ends.
 * @throws ShapeError for another number of rows or of values in a row; and as {@link loadCondition}.
 */
export async function* withConditions(
  source: ConditionSource,
  blocks: AsyncIterable<Dataset>,
): AsyncGenerator<ConditionedBlock> {
  const { op, input, condition, width } = source;
  if (needsLabels(condition)) {
    let first = 0;
    for await (const block of blocks) {
      yield { ...block, condition: oneHot(op, input, block, width, first) };
      first += block.x.count;
    }
    return;
  }
  const reader = await openReader(source);
  let rows = 0;
  try {
    for await (const block of blocks) {
      const { count } = block.x;
      rows += count;
      const data = new Float32Array(count * width);
      const read = await reader.fill(data, width);
      if (read < count) {
        throw countError(op, condition, `${input}, which has more`, String(rows - count + read));
      }
      yield { ...block, condition: { data, count, rowShape: [width] } };
    }
    const extra = await reader.fill(new Float32Array(width), width);
    if (extra > 0) throw countError(op, condition, `${input}, ${rows}`, 'more');
  } finally {
    await reader.close();
  }
}

/** Reads rows in pieces that need not be those of the file. */
interface Reader {
  /** Fill with rows; returns how many there were. */
  fill(data: Float32Array, width: number): Promise<number>;
  close(): Promise<void>;
}

async function openReader(source: ConditionSource): Promise<Reader> {
  const { op, input, condition, blockRows, dataDir, stdin, signal, unreadable } = source;
  const options = { signal, stdin, ...(dataDir === undefined ? {} : { dataDir }) };
  const [rows, conditions] = await Promise.all([
    rowCountOf(input, options),
    rowCountOf(condition, options),
  ]);
  if (rows !== undefined && conditions !== undefined && rows !== conditions) {
    throw countError(op, condition, `${input}, ${rows}`, String(conditions));
  }
  const store = await openRows(condition, { ...options, unreadable });
  const blocks = store.blocks({ blockRows, signal });
  let left: Rows | undefined;
  return {
    fill: async (data, width) => {
      let filled = 0;
      while (filled * width < data.length) {
        if (left === undefined || left.count === 0) {
          const next = await blocks.next();
          if (next.done === true) break;
          left = next.value;
          checkWidth(op, condition, left, width);
        }
        const taken = Math.min(left.count, data.length / width - filled);
        data.set(left.data.subarray(0, taken * width), filled * width);
        left = {
          ...left,
          data: left.data.subarray(taken * width),
          count: left.count - taken,
        };
        filled += taken;
      }
      return filled;
    },
    close: async () => {
      await blocks.return(undefined);
    },
  };
}

function checkWidth(op: string, condition: string, rows: Rows, width: number): void {
  const got = rowSize(rows);
  if (got === width) return;
  const expected = `have rows of ${width} values, as in training`;
  throw new ShapeError({ op, arg: condition, expected, got: String(got) });
}
