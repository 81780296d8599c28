import { DataError, ShapeError } from '../errors.js';
import { rowSize, takeRows } from '../util/rows.js';
import type { Rows } from '../util/rows.js';
import { formatShape } from '../util/shape.js';
import { DEFORMATIONS, flipStaysValid, rowDeformer } from './deform.js';
import type { DeformationName } from './deform.js';
import { resizeRows } from './resize.js';
import type { RowBlock, RowSource } from './rowSource.js';
import { formatOf } from './spec.js';

/** A change of images that a data spec asks for after an `@`. */
export type ImageStep = DeformationName | 'grey' | `${number}x${number}`;

const NAMES: readonly string[] = [...DEFORMATIONS, 'grey'];
const SIZE = /^[1-9]\d*x[1-9]\d*$/;

const isStep = (text: string): text is ImageStep => NAMES.includes(text) || SIZE.test(text);

/**
 * Take the steps off a data spec: `cifar10:test@grey@28x28` is `cifar10:test`, then `grey`, then `28x28`.
 * Only steps that exist are taken, from the end, so that paths may contain an @ themselves.
 * @throws DataError for something after an @ that is no step, where the rest names no file.
 */
export function splitSteps(spec: string): {
  readonly base: string;
  readonly steps: readonly ImageStep[];
} {
  const steps: ImageStep[] = [];
  let base = spec;
  for (;;) {
    const at = base.lastIndexOf('@');
    const step = base.slice(at + 1);
    if (at < 1) break;
    if (isStep(step)) {
      steps.unshift(step);
      base = base.slice(0, at);
      continue;
    }
    if (/^[\w-]*$/.test(step) && formatOf(base) === undefined && !base.includes('#')) {
      throw new DataError({
        op: 'data',
        arg: spec,
        expected: `name one of ${NAMES.join(', ')} or a size such as 28x28 after @`,
        got: `'${step}'`,
      });
    }
    break;
  }
  return { base, steps };
}

/** What the steps do to the blocks of a source, one after the other. */
export interface StepOptions {
  /** Of noise and elastic deformations. */
  readonly seed: number;
  /** The labels are those of MNIST: flips leave out the digits that are still digits. */
  readonly digits: boolean;
}

/**
 * Steps as a function of the blocks of one pass, in order; block after block gives what the whole would.
 * - a deformation: {@link deformRows};
 * - `grey`: 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601), for images of three channels; one channel stays;
 * - `28x28`: height and width, by {@link resizeRows}.
 * @throws ShapeError for rows that are not images, or not of three channels for `grey`.
 */
export function blockSteps(
  steps: readonly ImageStep[],
  { seed, digits }: StepOptions,
): (block: RowBlock) => RowBlock {
  const parts = steps.map((step) => {
    const change = rowsStep(step, seed);
    const drops = digits && (step === 'hflip' || step === 'vflip');
    return (block: RowBlock): RowBlock => {
      const kept = drops ? withoutValid(step, block) : block;
      if (kept.count === 0) return kept;
      const { x, count, rowShape, y } = kept;
      const rows = change({ data: x, count, rowShape });
      const changed = { x: rows.data, count, rowShape: rows.rowShape };
      return y === undefined ? changed : { ...changed, y };
    };
  });
  return (block) => parts.reduce((current, part) => part(current), block);
}

/** A block without the flipped digits that are still digits. */
function withoutValid(step: 'hflip' | 'vflip', block: RowBlock): RowBlock {
  const { y, rowShape } = block;
  if (y === undefined) return block;
  const keep = Array.from({ length: block.count }, (_, i) => i).filter(
    (i) => !flipStaysValid(step, y[i]),
  );
  const rows = takeRows({ data: block.x, count: block.count, rowShape }, keep);
  return { x: rows.data, count: rows.count, rowShape, y: Float64Array.from(keep, (i) => y[i]) };
}

function rowsStep(step: ImageStep, seed: number): (rows: Rows) => Rows {
  if (step === 'grey') return greyRows;
  if (SIZE.test(step)) {
    const [height, width] = step.split('x').map(Number);
    return (rows) => {
      checkImage(step, rows);
      return resizeRows(rows, height, width);
    };
  }
  return rowDeformer(step as DeformationName, seed);
}

function checkImage(step: string, { rowShape }: Rows): void {
  if (rowShape.length === 3) return;
  throw new ShapeError({
    op: `@${step}`,
    arg: 'rows',
    expected: 'be images of shape [height, width, channels]',
    got: `rows of shape ${formatShape(rowShape)}`,
  });
}

function greyRows(rows: Rows): Rows {
  checkImage('grey', rows);
  const [height, width, channels] = rows.rowShape;
  if (channels === 1) return rows;
  if (channels !== 3) {
    throw new ShapeError({
      op: '@grey',
      arg: 'rows',
      expected: 'have 1 or 3 channels',
      got: `${channels}`,
    });
  }
  const data = new Float32Array((rows.count * rowSize(rows)) / 3);
  for (let i = 0; i < data.length; i++) {
    const [r, g, b] = rows.data.subarray(3 * i, 3 * i + 3);
    // The weights sum to 1 up to rounding, which may pass 1 by a last bit.
    data[i] = Math.min(1, 0.299 * r + 0.587 * g + 0.114 * b);
  }
  return { data, count: rows.count, rowShape: [height, width, 1] };
}

/** A source whose blocks go through the steps. */
export function withSteps(source: RowSource, steps: readonly ImageStep[], seed: number): RowSource {
  if (steps.length === 0) return source;
  const digits = holdsDigits(source);
  const drops = digits && steps.some((step) => step === 'hflip' || step === 'vflip');
  const name = `${source.name}@${steps.join('@')}`;
  const blocks: RowSource['blocks'] = async function* (blockRows, signal) {
    const change = blockSteps(steps, { seed, digits });
    for await (const block of source.blocks(blockRows, signal)) {
      const changed = change(block);
      if (changed.count > 0) yield changed;
    }
  };
  if (!drops) return { ...source, name, blocks };
  // How many flipped digits are left is known only when the labels are read.
  const { targets } = source;
  return { name, source: source.source, blocks, ...(targets === undefined ? {} : { targets }) };
}

/** Whether a source is MNIST, whose labels say what a flip makes of an image. */
export function holdsDigits({ name }: Pick<RowSource, 'name'>): boolean {
  return name.startsWith('mnist:');
}
