import { ShapeError } from '../../errors.js';
import { checkRows } from '../../util/rows.js';
import type { Rows } from '../../util/rows.js';
import { lastOfHead } from './forward.js';
import type { Measured, NetworkRows } from './rawScores.js';
import { outputsOf } from './state.js';
import type { SageState } from './state.js';

/** What the network makes of rows, on the host. */
export interface SageFeatures {
  /** Encoder's output, row shape [latentDim]: what distances and densities are taken of. */
  readonly latents: Rows;
  /**
   * What the head's last layer takes: its last hidden layer, or the latents when `headHidden` is empty. Goes
   * with `logits` and `head()`; >= 0 where the model has hidden layers in the head and activation 'relu'.
   */
  readonly features: Rows;
  /** Row shape [classes], before temperature and softmax; undefined for a regression. */
  readonly logits: Rows | undefined;
  /** Predicted value in the scale of the network; undefined for a classification. */
  readonly values: Rows | undefined;
  /** Mean squared reconstruction error per element, in the scale of the network's input. */
  readonly errors: Float64Array;
  /** What SAGE's own reconstruction score is read from: by default the largest of three tests of residuals. */
  readonly reconstruction: Float64Array;
}

export function featuresOf(state: SageState, rows: NetworkRows, count: number): SageFeatures {
  const block = (data: Float32Array): Rows => ({ data, count, rowShape: [data.length / count] });
  const output = block(rows.output);
  const isClass = state.task.kind === 'classification';
  return {
    latents: block(rows.latents),
    features: block(rows.penultimate),
    logits: isClass ? output : undefined,
    values: isClass ? undefined : output,
    errors: rows.errors,
    reconstruction: rows.reconstruction,
  };
}

/** @throws ShapeError, DomainError unless the features are of a model of this shape. */
export function checkedFeatures(
  op: string,
  state: SageState,
  { latents, logits, values, reconstruction }: SageFeatures,
): Pick<Measured, 'reconstruction' | 'output'> {
  checkRows(op, 'features.latents', latents, [state.bank.latents.latentDim]);
  const [arg, output] =
    state.task.kind === 'classification'
      ? (['features.logits', logits] as const)
      : (['features.values', values] as const);
  if (output === undefined) {
    const got = 'none';
    throw new ShapeError({ op, arg, expected: 'be given, as features() does', got });
  }
  checkRows(op, arg, output, [outputsOf(state.task)]);
  for (const [name, count] of [
    [arg, output.count],
    ['features.reconstruction', reconstruction.length],
  ] as const) {
    if (count === latents.count) continue;
    const expected = `have one row for each of the ${latents.count} latents`;
    throw new ShapeError({ op, arg: name, expected, got: `${count} rows` });
  }
  return { reconstruction, output: output.data };
}

/** Weights of the head's last layer on the host. */
export async function headOf(
  state: SageState,
): Promise<{ readonly weight: Rows; readonly bias: Float32Array } | undefined> {
  if (state.task.kind === 'regression') return undefined;
  const name = `head.${lastOfHead(state)}`;
  const kernel = state.parameters[`${name}.kernel`];
  const weight = Float32Array.from(await kernel.data<'float32'>());
  const bias = Float32Array.from(await state.parameters[`${name}.bias`].data<'float32'>());
  const [count, classes] = kernel.shape;
  return { weight: { data: weight, count, rowShape: [classes] }, bias };
}
