import * as tf from '@tensorflow/tfjs';
import { DomainError, ShapeError } from '../errors.js';
import { rowTensor } from '../neighbors/rowInput.js';
import type { RowInput } from '../neighbors/rowInput.js';
import { checkRows } from '../util/rows.js';
import type { Rows } from '../util/rows.js';

/** Last linear layer of a classifier: logits = features . weight + bias. */
export interface Head {
  /** Shape [d, classes]. */
  readonly weight: RowInput;
  /** One value per class. Default: zeros. */
  readonly bias?: ArrayLike<number>;
}

/** What a scorer may learn from: rows of the training set, all of one count. */
export interface ScorerBank {
  /** Shape [n, d]: penultimate or latent features. */
  readonly features?: RowInput;
  /** Shape [n, classes]. */
  readonly logits?: RowInput;
  /** True class of every row, integers >= 0. */
  readonly labels?: ArrayLike<number>;
  readonly head?: Head;
  /** Reconstruction error of every row. */
  readonly errors?: ArrayLike<number>;
}

/** Rows to score. */
export type ScorerInput = Pick<ScorerBank, 'features' | 'logits' | 'errors'>;

export type InputName = keyof ScorerBank;

/** A head on the host. */
export interface HostHead {
  /** Rows are features, columns classes. */
  readonly weight: Rows;
  readonly bias: Float32Array;
}

/** Checked inputs on the host. A part that was not asked for is not there. */
export interface Inputs {
  readonly count: number;
  readonly features: Rows;
  readonly logits: Rows;
  readonly labels: Int32Array;
  readonly errors: Float64Array;
  readonly head: HostHead;
}

/**
 * Bring the named inputs to the host and check them, before anything is computed.
 * @throws DomainError for a missing input, NaN and infinities (with their row) and bad labels; ShapeError
 * for counts that differ.
 */
export async function readInputs(
  op: string,
  given: ScorerBank,
  needs: readonly InputName[],
): Promise<Inputs> {
  const missing = needs.filter((name) => given[name] === undefined);
  if (missing.length > 0) {
    const arg = missing.join(' and ');
    const has = Object.entries(given).flatMap(([name, v]) => (v === undefined ? [] : [name]));
    const got = has.length === 0 ? 'nothing' : `only ${has.join(', ')}`;
    throw new DomainError({ op, arg, expected: 'be given', got });
  }
  const rows = async (name: 'features' | 'logits'): Promise<Rows> => {
    const value = given[name];
    if (!needs.includes(name) || value === undefined) return NO_ROWS;
    return await hostRows(op, name, value);
  };
  const features = await rows('features');
  const logits = await rows('logits');
  const { labels, errors, head } = given;
  const inputs = {
    features,
    logits,
    labels: needs.includes('labels') ? readLabels(op, labels ?? []) : new Int32Array(),
    errors: needs.includes('errors') ? readErrors(op, errors ?? []) : new Float64Array(),
    head:
      needs.includes('head') && head !== undefined
        ? await readHead(op, head)
        : { weight: NO_ROWS, bias: new Float32Array() },
  };
  return { ...inputs, count: commonCount(op, inputs, needs) };
}

const NO_ROWS: Rows = { data: new Float32Array(), count: 0, rowShape: [0] };

/** Finite rows on the host; a tensor stays the caller's. */
async function hostRows(op: string, arg: string, value: RowInput): Promise<Rows> {
  const tensor = tf.tidy(() => rowTensor(op, arg, value).clone());
  try {
    const [, count, d] = tensor.shape;
    const data = Float32Array.from(await tensor.data<'float32'>());
    const rows = { data, count, rowShape: [d] };
    if (d === 0) {
      const expected = 'have at least one column';
      throw new ShapeError({ op, arg, expected, got: `shape [${count}, 0]` });
    }
    checkRows(op, arg, rows);
    return rows;
  } finally {
    tensor.dispose();
  }
}

async function readHead(op: string, head: Head): Promise<HostHead> {
  const weight = await hostRows(op, 'head.weight', head.weight);
  const classes = weight.rowShape[0];
  const bias = Float32Array.from(head.bias ?? new Float32Array(classes));
  if (bias.length !== classes) {
    const expected = `hold one value for each of the ${classes} columns of head.weight`;
    throw new ShapeError({ op, arg: 'head.bias', expected, got: `${bias.length} values` });
  }
  checkFinite(op, 'head.bias', bias);
  return { weight, bias };
}

function readLabels(op: string, labels: ArrayLike<number>): Int32Array {
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i];
    if (Number.isInteger(label) && label >= 0 && label < 2 ** 31) continue;
    const got = `${label} at row ${i}`;
    throw new DomainError({ op, arg: 'labels', expected: 'be integers >= 0', got });
  }
  return Int32Array.from(labels);
}

function readErrors(op: string, errors: ArrayLike<number>): Float64Array {
  const values = Float64Array.from(errors);
  checkFinite(op, 'errors', values);
  return values;
}

function checkFinite(op: string, arg: string, values: Float32Array | Float64Array): void {
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i])) continue;
    const got = `${values[i]} at row ${i}`;
    throw new DomainError({ op, arg, expected: 'be finite', got });
  }
}

function commonCount(
  op: string,
  { features, logits, labels, errors }: Omit<Inputs, 'count'>,
  needs: readonly InputName[],
): number {
  const counts = {
    features: features.count,
    logits: logits.count,
    labels: labels.length,
    errors: errors.length,
  };
  const names = needs.filter((name) => name !== 'head');
  if (names.length === 0) return 0;
  const [first, ...rest] = names;
  const count = counts[first];
  if (count === 0) {
    throw new ShapeError({ op, arg: first, expected: 'have at least one row', got: '0 rows' });
  }
  for (const name of rest) {
    if (counts[name] === count) continue;
    const expected = `have one row for each of the ${count} of ${first}`;
    throw new ShapeError({ op, arg: name, expected, got: `${counts[name]} rows` });
  }
  return count;
}
