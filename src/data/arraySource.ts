import { DataError } from '../errors.js';
import { formatShape, sizeOf } from '../util/shape.js';
import { ArrayCursor, openArray, openArrayFile } from './arrayFile.js';
import type { ArrayFile, ArrayFormat } from './arrayFile.js';
import type { RowBlock, RowSource } from './rowSource.js';
import { inputName } from './streamInput.js';
import type { Input } from './streamInput.js';

/** How an array file becomes rows. */
export interface ArraySourceOptions {
  readonly name: string;
  readonly source: string;
  /** Shape of a row instead of the one in the file; same number of values. */
  readonly rowShape?: readonly number[] | undefined;
  /** Values are divided by this. Default 255 for images of bytes, 1 otherwise. */
  readonly scale?: number | undefined;
  readonly targets?: ArrayTargets | undefined;
}

/** A second array file with one target per row. */
export interface ArrayTargets {
  readonly path: string;
  readonly format: ArrayFormat;
  readonly kind: 'class' | 'real';
  readonly classes?: number;
}

/** Targets are looked through in pieces of this many. */
const SCAN_ROWS = 1 << 16;

/** Bytes with height and width (and channels) are images: scaled to [0, 1], channels last. */
function isImage({ shape, type }: ArrayFile): boolean {
  return type.name === 'uint8' && (shape.length === 3 || shape.length === 4);
}

function rowShapeOf(file: ArrayFile): readonly number[] {
  const rest = file.shape.slice(1);
  if (rest.length === 0) return [1];
  // An idx file of rank 3 is a stack of images whatever its type; a .npy file may be a sequence.
  const isGrey = rest.length === 2 && (file.format === 'idx' || isImage(file));
  return isGrey ? [...rest, 1] : rest;
}

/** @throws DataError when a row cannot have that shape. */
export function checkRowShape(
  op: string,
  path: string,
  size: number,
  rowShape: readonly number[],
): void {
  if (sizeOf(rowShape) === size) return;
  throw new DataError({
    op,
    arg: path,
    expected: `have rows of ${sizeOf(rowShape)} values for #shape=${rowShape.join('x')}`,
    got: `rows of ${size} values`,
  });
}

async function openTargets(rows: ArrayFile, targets: ArrayTargets): Promise<ArrayFile> {
  const file = await openArrayFile(targets.path, targets.format);
  const fail = (expected: string, got: string): DataError =>
    new DataError({ op: targets.format, arg: targets.path, expected, got });
  if (file.rowSize !== 1) {
    throw fail('hold one target per row', `an array of shape ${formatShape(file.shape)}`);
  }
  if (file.count !== rows.count) {
    throw fail(`hold ${rows.count} targets, as ${rows.path} has rows`, String(file.count));
  }
  return file;
}

/**
 * Rows of a .npy or idx file, with targets from a second one; a stream gives its rows once.
 * @throws DataError when a header is wrong or the two files do not fit.
 */
export async function openArraySource(
  input: Input,
  format: ArrayFormat,
  options: ArraySourceOptions,
): Promise<RowSource> {
  const { file, cursor: open } = await openArray(input, format);
  const rowShape = options.rowShape ?? rowShapeOf(file);
  checkRowShape(format, inputName(input), file.rowSize, rowShape);
  const scale = options.scale ?? (isImage(file) ? 255 : 1);
  const { name, source, targets } = options;
  const labels = targets === undefined ? undefined : await openTargets(file, targets);

  async function* blocks(blockRows: number, signal?: AbortSignal): AsyncGenerator<RowBlock> {
    const cursor = await open();
    let labelCursor: ArrayCursor | undefined;
    try {
      labelCursor = labels === undefined ? undefined : await ArrayCursor.open(labels);
      while (cursor.remaining > 0) {
        signal?.throwIfAborted();
        const count = Math.min(blockRows, cursor.remaining);
        const x = new Float32Array(count * file.rowSize);
        await cursor.next(x, scale);
        if (labelCursor === undefined) yield { x, count, rowShape };
        else {
          const y = new Float64Array(count);
          await labelCursor.next(y);
          yield { x, count, rowShape, y };
        }
      }
    } finally {
      cursor.close();
      labelCursor?.close();
    }
  }

  const base = { name, source, count: file.count, blocks };
  if (targets === undefined || labels === undefined) return base;
  const { kind, classes } = targets;
  const rule = { kind, where: targets.path, ...(classes === undefined ? {} : { classes }) };
  return { ...base, targets: rule, scanTargets: (signal) => scanArray(labels, signal) };
}

async function* scanArray(file: ArrayFile, signal?: AbortSignal): AsyncGenerator<Float64Array> {
  const cursor = await ArrayCursor.open(file);
  try {
    while (cursor.remaining > 0) {
      signal?.throwIfAborted();
      const values = new Float64Array(Math.min(SCAN_ROWS, cursor.remaining));
      await cursor.next(values);
      yield values;
    }
  } finally {
    cursor.close();
  }
}
