import { blockSteps, holdsDigits, streamDataset } from '../../data/index.js';
import { DataError, ShapeError } from '../../errors.js';
import { accuracy, oodMeasures, rmse } from '../../metrics/index.js';
import type { OodMeasures } from '../../metrics/index.js';
import { checkRows, sliceRows } from '../../util/rows.js';
import type { Dataset, Rows } from '../../util/rows.js';
import { checkBlock } from '../blockChecks.js';
import type { CommandContext } from '../context.js';
import { concatDoubles } from './bank.js';
import type { LoadedRun, PassOptions } from './run.js';
import { completeSpec } from './sets.js';
import type { OodSet, SetFamily } from './sets.js';

const OP = 'eval ood';

/** What the pass found about one set. */
export interface SetResult {
  readonly set: OodSet;
  readonly rows: number;
  /** Of each run, by score. */
  readonly measures: readonly ReadonlyMap<string, OodMeasures>[];
}

export interface PassResult {
  readonly id: {
    readonly spec: string;
    readonly rows: number;
    /** Of each run; undefined when the set has no targets. */
    readonly result:
      { readonly measure: 'accuracy' | 'rmse'; readonly values: readonly number[] } | undefined;
  };
  readonly sets: readonly SetResult[];
}

/**
 * Score all sets with all runs, in one pass: each file is read once, in blocks, and each row encoded, decoded
 * and headed once by each model, whatever the number of scorers. Besides a block only scores are kept: those
 * of the ID set, and of the sets that are made of the same file, 8 bytes a row and score.
 */
export async function scoreFamilies(
  families: readonly SetFamily[],
  runs: readonly LoadedRun[],
  options: PassOptions,
  context: CommandContext,
): Promise<PassResult> {
  const [{ base, sets }] = families;
  const first = await scoreFamily(base, sets, runs, options, context);
  const id = first.find(({ set }) => set.group === undefined);
  if (id === undefined) throw new Error('the first family holds the ID set');
  const results: SetResult[] = [];
  const measure = (scored: readonly ScoredSet[]): void => {
    for (const each of scored) if (each !== id) results.push(measured(id, each));
  };
  measure(first);
  for (const family of families.slice(1)) {
    const spec = completeSpec(family.base, runs[0].rowShape, id.rows);
    measure(await scoreFamily(spec, family.sets, runs, options, context));
  }
  return { id: { spec: id.set.spec, rows: id.rows, result: id.result() }, sets: results };
}

/** Scores of a set as they come in. */
class ScoredSet {
  rows = 0;
  readonly #scores: Map<string, ArrayLike<number>[]>[];
  readonly #predictions: ArrayLike<number>[][];
  readonly #targets: ArrayLike<number>[] = [];
  #kind: 'class' | 'real' | undefined;

  constructor(
    readonly set: OodSet,
    readonly runs: number,
  ) {
    this.#scores = Array.from({ length: runs }, () => new Map<string, ArrayLike<number>[]>());
    this.#predictions = Array.from({ length: runs }, () => []);
  }

  add(run: number, scores: ReadonlyMap<string, ArrayLike<number>>): void {
    const known = this.#scores[run];
    // A scorer that was left out in the middle has no score of this block.
    for (const name of known.keys()) if (!scores.has(name)) known.delete(name);
    for (const [name, values] of scores) {
      if (this.rows === 0) known.set(name, [values]);
      else known.get(name)?.push(values);
    }
  }

  /** What the ID set's accuracy is computed from. */
  addPredictions(run: number, values: ArrayLike<number>): void {
    this.#predictions[run].push(values);
  }

  addTargets({ y }: Dataset): void {
    if (y === undefined) return;
    this.#kind = y.kind;
    this.#targets.push(y.values);
  }

  scoresOf(run: number): Map<string, Float64Array> {
    const entries = [...this.#scores[run]];
    return new Map(entries.map(([name, parts]) => [name, concatDoubles(parts)] as const));
  }

  result(): PassResult['id']['result'] {
    if (this.#kind === undefined) return undefined;
    const actual = concatDoubles(this.#targets);
    const isClass = this.#kind === 'class';
    const values = this.#predictions.map((parts) =>
      (isClass ? accuracy : rmse)(concatDoubles(parts), actual),
    );
    return { measure: isClass ? 'accuracy' : 'rmse', values };
  }
}

/** Read one file and score the sets that are made of it. */
async function scoreFamily(
  spec: string,
  sets: readonly OodSet[],
  runs: readonly LoadedRun[],
  options: PassOptions,
  { terminal, signal }: CommandContext,
): Promise<ScoredSet[]> {
  const { blockRows, dataDir, seed, task, scoreRows = Infinity } = options;
  const scored = sets.map((set) => new ScoredSet(set, runs.length));
  const step = terminal.step(
    `score ${spec}${sets.length > 1 ? ` as ${sets.length} sets` : ''}`,
    'rows',
  );
  try {
    const blocks = streamDataset(spec, {
      blockRows: Math.min(blockRows, scoreRows),
      signal,
      seed,
      stdin: terminal.streams.stdin,
      ...(dataDir === undefined ? {} : { dataDir }),
      ...(task === 'auto' ? {} : { task }),
    });
    let changes: ((block: Dataset) => Dataset)[] | undefined;
    let [read, done] = [0, 0];
    for await (const whole of blocks) {
      const block = firstRows(whole, scoreRows - read);
      const first = read;
      checkBlock(OP, spec, block.x, (row) => first + row);
      read += block.x.count;
      changes ??= sets.map(({ steps }) => changeOf(steps, block, seed));
      for (const [s, change] of changes.entries()) {
        const changed = change(block);
        if (changed.x.count > 0) await scoreBlock(scored[s], changed, runs, signal);
        done += changed.x.count;
        step.update(done, undefined, scored[s].set.spec);
      }
      if (read >= scoreRows) break;
    }
    for (const { set, rows } of scored) {
      if (rows > 0) continue;
      const expected = 'have at least one row';
      throw new DataError({ op: OP, arg: set.spec, expected, got: '0 rows' });
    }
    step.end(`${read} rows read, ${done} scored`);
    return scored;
  } catch (error) {
    step.cancel();
    throw error;
  }
}

function firstRows(block: Dataset, count: number): Dataset {
  const x = sliceRows(block.x, 0, count);
  if (x.count === block.x.count || block.y === undefined) return { ...block, x };
  const { y } = block;
  return y.kind === 'class'
    ? { ...block, x, y: { ...y, values: y.values.subarray(0, x.count) } }
    : { ...block, x, y: { ...y, values: y.values.subarray(0, x.count) } };
}

/** The steps of a set as a function of the blocks of its file; labels only say what a flip leaves out. */
function changeOf(
  steps: OodSet['steps'],
  first: Dataset,
  seed: number,
): (block: Dataset) => Dataset {
  if (steps.length === 0) return (block) => block;
  const change = blockSteps(steps, { seed, digits: holdsDigits(first) });
  return ({ x, y, ...about }) => {
    const changed = change({
      x: x.data,
      count: x.count,
      rowShape: x.rowShape,
      ...(y === undefined ? {} : { y: Float64Array.from(y.values) }),
    });
    const { count, rowShape } = changed;
    return { ...about, x: { data: changed.x, count, rowShape } };
  };
}

async function scoreBlock(
  scored: ScoredSet,
  block: Dataset,
  runs: readonly LoadedRun[],
  signal: AbortSignal,
): Promise<void> {
  const { set } = scored;
  const isId = set.group === undefined;
  for (const [r, { model, panel, rowShape }] of runs.entries()) {
    checkShape(set.spec, block.x, rowShape);
    const features = await model.features(block.x, { signal });
    const own = await model.scoreFeatures(features, { signal });
    scored.add(r, await panel.score(features, own));
    if (isId) scored.addPredictions(r, own.prediction);
  }
  if (isId) scored.addTargets(block);
  scored.rows += block.x.count;
}

/** @throws ShapeError that names the set. */
function checkShape(spec: string, x: Rows, rowShape: readonly number[]): void {
  try {
    checkRows(OP, spec, x, rowShape);
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    const { expected, got } = error;
    const isImage = rowShape.length === 3 && x.rowShape.length === 3;
    const fix = isImage ? { fix: 'Add steps such as @grey@28x28 to the spec.' } : {};
    throw new ShapeError({ op: OP, arg: spec, expected, got, ...fix }, { cause: error });
  }
}

function measured(id: ScoredSet, other: ScoredSet): SetResult {
  const measures = Array.from({ length: id.runs }, (_, run) => {
    const [idScores, oodScores] = [id.scoresOf(run), other.scoresOf(run)];
    return new Map(
      [...oodScores].flatMap(([name, ood]) => {
        const scores = idScores.get(name);
        return scores === undefined ? [] : [[name, oodMeasures({ id: scores, ood })] as const];
      }),
    );
  });
  return { set: other.set, rows: other.rows, measures };
}
