import type { Tensor } from '@tensorflow/tfjs';
import { DomainError, ShapeError } from '../../errors.js';
import { checkRows } from '../../util/rows.js';
import type { Rows } from '../../util/rows.js';
import { collectRows } from '../layers/batches.js';
import type { BatchOptions } from '../layers/batches.js';
import type { AutoencoderConfig } from './config.js';
import type { AutoencoderCore, AutoencoderDefinition, Facts, Side } from './definition.js';
import { conditionTensor, encodeBatch } from './forward.js';

/** Options of a pass over rows. */
export interface PassOptions extends BatchOptions {
  /** One row of numbers per row, for models with a condition. */
  readonly condition?: Rows | undefined;
}

/** Latents of rows, shape [latentDim] each. */
export async function encodeRows<C extends AutoencoderConfig, F extends Facts>(
  definition: AutoencoderDefinition<C, F>,
  core: AutoencoderCore<C, F>,
  x: Rows,
  options: PassOptions,
): Promise<Rows> {
  const { latentDim } = core.config;
  const data = await collectRows(core, x, latentDim, options, (batch, start) =>
    encodeBatch(definition, core, batch, sideOf(options, batch, start)),
  );
  return { data, count: x.count, rowShape: [latentDim] };
}

/** What enters a pass beside a batch of rows. */
export function sideOf({ condition }: PassOptions, { shape }: Tensor, start: number): Side {
  const indices = Array.from({ length: shape[0] }, (_, i) => start + i);
  return { condition: conditionTensor(condition, indices) };
}

/** @throws ShapeError, DomainError for rows of another shape than `rowShape`, or bad options. */
export function checkPass(
  op: string,
  [arg, rows]: readonly [arg: string, rows: Rows],
  rowShape: readonly number[],
  { conditionShape }: Pick<AutoencoderCore, 'conditionShape'>,
  { batchRows, condition }: PassOptions,
): void {
  checkRows(op, arg, rows, rowShape);
  checkCondition(op, rows, condition, conditionShape ?? 'none');
  if (batchRows === undefined || (Number.isInteger(batchRows) && batchRows >= 1)) return;
  const got = String(batchRows);
  throw new DomainError({ op, arg: 'batchRows', expected: 'be an integer >= 1', got });
}

/**
 * Check the condition of rows: there when the model needs one, one per row, finite, of the right shape.
 * @param wanted Shape of one row of it, 'any' before the shape is known, 'none' for a model without.
 * @throws DomainError, ShapeError.
 */
export function checkCondition(
  op: string,
  x: Rows,
  condition: Rows | undefined,
  wanted: readonly number[] | 'any' | 'none',
): void {
  const arg = 'options.condition';
  if (wanted === 'none') {
    if (condition === undefined) return;
    const expected = 'be left out: this model has no condition';
    throw new DomainError({ op, arg, expected, got: `${condition.count} rows` });
  }
  if (condition === undefined) {
    throw new DomainError({
      op,
      arg,
      expected: 'be given: one row of numbers per row',
      got: 'none',
    });
  }
  checkRows(op, arg, condition, wanted === 'any' ? undefined : wanted);
  if (condition.count !== x.count) {
    const expected = `have one row per row of x, ${x.count}`;
    throw new ShapeError({ op, arg, expected, got: `${condition.count} rows` });
  }
}
