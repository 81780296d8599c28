import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor2D, Tensor3D } from '@tensorflow/tfjs';
import { DtypeError, ShapeError } from '../errors.js';
import { WORD_BITS, wordCount } from '../util/bits.js';
import { formatShape, sizeOf } from '../util/shape.js';

/** Which points a query may return. */
export interface MaskOptions {
  /**
   * Points that may be returned: a bool tensor [n] for all queries or [..., q, n] for each (dimensions
   * of 1 broadcast), true = allowed; or the same as bits: int32 words from {@link packBits},
   * [ceil(n / 16)] as Int32Array or tensor, or a tensor [..., q, ceil(n / 16)]. Default: all.
   */
  readonly allowed?: Tensor | Int32Array;
  /**
   * Group of every query [..., q] and of every point [..., n], int32 tensors or arrays (both or
   * neither): a query sees the points of its own group only, as in a ragged batch.
   */
  readonly queryGroups?: Tensor | readonly number[] | Int32Array;
  readonly pointGroups?: Tensor | readonly number[] | Int32Array;
}

/** Masks as the kernels take them. */
export interface Masks {
  /** [B or 1, q or 1, words], int32. */
  readonly allowed: Tensor3D | undefined;
  /** [B, q] and [B, n], int32. */
  readonly queryGroups: Tensor2D | undefined;
  readonly pointGroups: Tensor2D | undefined;
}

interface Sizes {
  readonly batchShape: readonly number[];
  readonly q: number;
  readonly n: number;
}

/**
 * Check masks and bring them to the shapes of the kernels.
 * @throws ShapeError, DtypeError naming the argument.
 */
export function prepareMasks(op: string, options: MaskOptions, sizes: Sizes): Masks {
  const { allowed, queryGroups, pointGroups } = options;
  if ((queryGroups === undefined) !== (pointGroups === undefined)) {
    const [given, missing] =
      queryGroups === undefined ? ['pointGroups', 'queryGroups'] : ['queryGroups', 'pointGroups'];
    throw new ShapeError({
      op,
      arg: missing,
      expected: `be given together with ${given}`,
      got: 'undefined',
    });
  }
  return {
    allowed: allowed === undefined ? undefined : allowedWords(op, allowed, sizes),
    queryGroups: groups(op, 'queryGroups', queryGroups, sizes, sizes.q),
    pointGroups: groups(op, 'pointGroups', pointGroups, sizes, sizes.n),
  };
}

function allowedWords(op: string, value: Tensor | Int32Array, sizes: Sizes): Tensor3D {
  const given = value instanceof tf.Tensor ? value : tf.tensor1d(value, 'int32');
  if (given.dtype !== 'bool' && given.dtype !== 'int32') {
    throw new DtypeError({
      op,
      arg: 'allowed',
      expected: 'be bool (one value per point) or int32 (bits from packBits)',
      got: given.dtype,
    });
  }
  const words = wordCount(sizes.n);
  const last = given.dtype === 'bool' ? sizes.n : words;
  const full = [...sizes.batchShape, sizes.q, last];
  const shape = given.shape as number[];
  const fits =
    shape.length >= 1 &&
    shape.length <= full.length &&
    shape[shape.length - 1] === last &&
    shape.every((size, i) => size === 1 || size === full[full.length - shape.length + i]);
  if (!fits) {
    throw new ShapeError({
      op,
      arg: 'allowed',
      expected: `have shape [${last}] or one that broadcasts with ${formatShape(full)}`,
      got: `shape ${formatShape(shape)}`,
    });
  }
  const packed = given.dtype === 'bool' ? packMask(given, words) : given;
  const batchPart = shape.slice(0, -2);
  const rows = shape.length > 1 ? shape[shape.length - 2] : 1;
  const batches = sizeOf(sizes.batchShape);
  if (sizeOf(batchPart) === 1) return packed.reshape([1, rows, words]);
  return packed.broadcastTo([...sizes.batchShape, rows, words]).reshape([batches, rows, words]);
}

function groups(
  op: string,
  arg: string,
  value: MaskOptions['queryGroups'],
  sizes: Sizes,
  rows: number,
): Tensor2D | undefined {
  if (value === undefined) return undefined;
  const given =
    value instanceof tf.Tensor ? value : tf.tensor1d(value as number[] | Int32Array, 'int32');
  if (given.dtype !== 'int32') {
    throw new DtypeError({ op, arg, expected: 'be int32', got: given.dtype });
  }
  const full = [...sizes.batchShape, rows];
  const shape = given.shape as number[];
  const fits =
    shape.length >= 1 &&
    shape.length <= full.length &&
    shape[shape.length - 1] === rows &&
    shape.every((size, i) => size === 1 || size === full[full.length - shape.length + i]);
  if (!fits) {
    throw new ShapeError({
      op,
      arg,
      expected: `have shape [${rows}] or one that broadcasts with ${formatShape(full)}`,
      got: `shape ${formatShape(shape)}`,
    });
  }
  return given.broadcastTo(full).as2D(sizeOf(sizes.batchShape), rows);
}

/**
 * Bit j % 16 of word floor(j / 16) is value j of the last axis: from the top bit down, the word is doubled
 * and the next bit added, all exact in float32.
 */
function packMask(mask: Tensor, words: number): Tensor {
  const lead = (mask.shape as number[]).slice(0, -1);
  const n = mask.shape[mask.rank - 1] ?? 0;
  const padded = tf.pad2d(mask.toInt().as2D(-1, n), [
    [0, 0],
    [0, words * WORD_BITS - n],
  ]);
  const bits = tf.unstack(padded.reshape([-1, words, WORD_BITS]), -1);
  const word = bits.reduceRight((sum, bit) => tf.add(tf.add(sum, sum), bit));
  return word.toInt().reshape([...lead, words]);
}

/**
 * Bool [..., n] of packed words [..., ceil(n / 16)]: bits are taken off from the top by comparison and
 * subtraction.
 */
export function unpackMask(words: Tensor, n: number): Tensor {
  return tf.tidy(() => {
    const lead = (words.shape as number[]).slice(0, -1);
    const count = words.shape[words.rank - 1] ?? 0;
    const bits: Tensor[] = [];
    let rest = words;
    for (let bit = WORD_BITS - 1; bit >= 0; bit--) {
      const power = tf.scalar(2 ** bit, 'int32');
      const isSet = tf.greaterEqual(rest, power).toInt();
      rest = tf.sub(rest, tf.mul(isSet, power));
      bits.unshift(isSet);
    }
    const all = tf.stack(bits, -1).reshape([...lead, count * WORD_BITS]);
    return all.slice([...lead.map(() => 0), 0], [...lead, n]).toBool();
  });
}
