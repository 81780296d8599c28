import { splitIndices, streamDataset } from '../../data/index.js';
import { DataError } from '../../errors.js';
import type { SageFeatures } from '../../models/index.js';
import { sliceRows, takeRows } from '../../util/rows.js';
import type { Dataset, Rows } from '../../util/rows.js';
import { checkBlock } from '../blockChecks.js';
import { Checksum } from '../checksum.js';
import type { CommandContext } from '../context.js';
import type { TrainingData } from '../runFolder.js';
import type { FeatureKind, PanelBank } from './panel.js';
import type { LoadedRun, PassOptions } from './run.js';

const OP = 'eval ood';

export interface BankOptions extends PassOptions {
  /** Rows to fit the scorers on, instead of those that the runs were trained on. */
  readonly bank?: string | undefined;
  /** At most so many of them. */
  readonly bankRows?: number | undefined;
  readonly features: FeatureKind;
}

/** Where the rows that a run's scorers are fitted on come from. */
interface BankSource {
  readonly spec: string;
  /** How the run split these rows; undefined where that is not known. */
  readonly trained: TrainingData | undefined;
}

/**
 * Fit the scorers of every run on its training rows, each file read once for all runs.
 * @throws DataError when the rows are not those that the run was trained on.
 */
export async function fitPanels(
  runs: readonly LoadedRun[],
  options: BankOptions,
  context: CommandContext,
): Promise<void> {
  const bySpec = new Map<string, LoadedRun[]>();
  for (const run of runs) {
    const { spec } = sourceOf(run, options);
    bySpec.set(spec, [...(bySpec.get(spec) ?? []), run]);
  }
  for (const [spec, users] of bySpec) {
    const builders = users.map((run) => new BankBuilder(run, sourceOf(run, options)));
    await readBank(spec, builders, options, context);
    for (const builder of builders) await fitPanel(builder, options, context);
  }
}

function sourceOf({ dir, trained }: LoadedRun, { bank }: BankOptions): BankSource {
  if (bank !== undefined) return { spec: bank, trained: undefined };
  if (trained !== undefined) return { spec: trained.spec, trained };
  throw new DataError({
    op: OP,
    arg: dir,
    expected: 'name the data that it was trained on',
    got: 'a run that was saved without',
    fix: 'Name the data by --bank.',
  });
}

async function readBank(
  spec: string,
  builders: readonly BankBuilder[],
  options: BankOptions,
  { terminal, signal }: CommandContext,
): Promise<void> {
  const { blockRows, dataDir, task } = options;
  const wanted = Math.max(...builders.map((builder) => builder.wanted(options.bankRows)));
  const step = terminal.step(`bank ${spec}`, 'rows');
  try {
    const blocks = streamDataset(spec, {
      blockRows,
      signal,
      stdin: terminal.streams.stdin,
      ...(dataDir === undefined ? {} : { dataDir }),
      ...(task === 'auto' ? {} : { task }),
    });
    let done = 0;
    for await (const block of blocks) {
      const first = done;
      checkBlock(OP, spec, block.x, (row) => first + row);
      for (const builder of builders) await builder.add(block, options.bankRows, signal);
      done += block.x.count;
      step.update(done, Number.isFinite(wanted) ? wanted : undefined);
      if (done >= wanted) break;
    }
    for (const builder of builders) builder.check(spec, options.bankRows);
    step.end(`${Math.min(done, wanted)} rows`);
  } catch (error) {
    step.cancel();
    throw error;
  }
}

async function fitPanel(
  builder: BankBuilder,
  { features }: BankOptions,
  { terminal, signal }: CommandContext,
): Promise<void> {
  const { run } = builder;
  const step = terminal.step(`fit scorers of ${run.dir}`, 'scorers');
  try {
    const bank = await builder.finish();
    await run.panel.fit(bank, features, (done, all, name) => {
      signal.throwIfAborted();
      step.update(done, all, name);
    });
    step.end(`${run.panel.scores.length} scores, bank of ${bank.latents.count} rows`);
  } catch (error) {
    step.cancel();
    throw error;
  }
}

/** Features of one model's training rows, as blocks come in. */
class BankBuilder {
  readonly #parts: SageFeatures[] = [];
  readonly #labels: Int32Array[] = [];
  readonly #heldLogits: Rows[] = [];
  readonly #heldLabels: Int32Array[] = [];
  readonly #isHeld: Uint8Array;
  readonly #sum = new Checksum();
  readonly #targets: (Int32Array | Float32Array)[] = [];
  #rows = 0;

  constructor(
    readonly run: LoadedRun,
    readonly source: BankSource,
  ) {
    const { trained } = source;
    this.#isHeld = new Uint8Array(trained?.rows ?? 0);
    if (trained === undefined) return;
    const { calibrationFraction } = run.model.config;
    for (const row of splitIndices(trained.rows, calibrationFraction, trained.seed).held) {
      this.#isHeld[row] = 1;
    }
  }

  /** Rows to read. */
  wanted(limit: number | undefined): number {
    return Math.min(limit ?? Infinity, this.source.trained?.rows ?? Infinity);
  }

  async add(block: Dataset, limit: number | undefined, signal: AbortSignal): Promise<void> {
    const start = this.#rows;
    const x = sliceRows(block.x, 0, this.wanted(limit) - start);
    if (x.count === 0) return;
    this.#rows += x.count;
    this.#sum.add(x.data);
    const values = block.y?.values.slice(0, x.count);
    if (values !== undefined) this.#targets.push(values);
    const features = await this.run.model.features(x, { signal });
    const order = Array.from({ length: x.count }, (_, i) => i);
    const [held, fit] = [1, 0].map((mark) =>
      order.filter((i) => (this.#isHeld[start + i] ?? 0) === mark),
    );
    this.#parts.push(takeFeatures(features, fit));
    if (block.y?.kind !== 'class' || values === undefined) return;
    this.#labels.push(Int32Array.from(fit, (i) => values[i]));
    if (features.logits === undefined) return;
    this.#heldLogits.push(takeRows(features.logits, held));
    this.#heldLabels.push(Int32Array.from(held, (i) => values[i]));
  }

  /** @throws DataError when the rows are not those of the training. */
  check(spec: string, limit: number | undefined): void {
    const { trained } = this.source;
    const fail = (got: string): DataError =>
      new DataError({
        op: OP,
        arg: spec,
        expected: `hold the ${trained?.rows} rows that ${this.run.dir} was trained on`,
        got,
        fix: 'Name the training data by --bank.',
      });
    if (this.#rows < 1) throw fail('no rows');
    if (trained === undefined || this.wanted(limit) < trained.rows) return;
    if (this.#rows < trained.rows) throw fail(`${this.#rows} rows`);
    for (const values of this.#targets) this.#sum.add(values);
    if (this.#sum.text !== trained.checksum) throw fail('other values');
  }

  /** The whole bank; the parts are given up. */
  async finish(): Promise<PanelBank> {
    const parts = this.#parts.splice(0);
    const logits = parts.flatMap((part) => (part.logits === undefined ? [] : [part.logits]));
    const latents = concatRows(parts.map((part) => part.latents));
    const hasLabels = this.#labels.length > 0;
    const held = { logits: concatRows(this.#heldLogits), labels: concatInts(this.#heldLabels) };
    return {
      latents,
      penultimate: concatRows(parts.map((part) => part.features)),
      errors: concatDoubles(parts.map((part) => part.errors)),
      logits: logits.length === 0 ? undefined : concatRows(logits),
      labels: hasLabels ? concatInts(this.#labels) : undefined,
      head: await this.run.model.head(),
      held: held.labels.length === 0 ? undefined : held,
    };
  }
}

function takeFeatures(features: SageFeatures, rows: readonly number[]): SageFeatures {
  const take = (block: Rows | undefined): Rows | undefined => block && takeRows(block, rows);
  return {
    latents: takeRows(features.latents, rows),
    features: takeRows(features.features, rows),
    logits: take(features.logits),
    values: take(features.values),
    errors: Float64Array.from(rows, (i) => features.errors[i]),
    reconstruction: Float64Array.from(rows, (i) => features.reconstruction[i]),
  };
}

function concatRows(parts: readonly Rows[]): Rows {
  const data = new Float32Array(parts.reduce((sum, part) => sum + part.data.length, 0));
  let at = 0;
  for (const part of parts) {
    data.set(part.data, at);
    at += part.data.length;
  }
  const count = parts.reduce((sum, part) => sum + part.count, 0);
  return { data, count, rowShape: parts[0]?.rowShape ?? [0] };
}

/** Parts one after the other. */
export function concatDoubles(parts: readonly ArrayLike<number>[]): Float64Array {
  return fill(new Float64Array(parts.reduce((sum, part) => sum + part.length, 0)), parts);
}

function concatInts(parts: readonly Int32Array[]): Int32Array {
  return fill(new Int32Array(parts.reduce((sum, part) => sum + part.length, 0)), parts);
}

function fill<T extends Float64Array | Int32Array>(out: T, parts: readonly ArrayLike<number>[]): T {
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
