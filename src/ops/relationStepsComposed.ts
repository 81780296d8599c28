import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import { BALL_EDGE } from '../numerics.js';
import type { Geometry, RelationStepsAttrs } from '../specs/relationSteps.js';
import { counterWords, scaledWord } from '../util/counterWords.js';
import { asinh, log1p } from './elementary.js';
import { scatterAddRows } from './scatterAddRows.js';

export interface ComposedInputs {
  readonly table: Tensor;
  readonly relations: Tensor;
  readonly offsets: Tensor;
  readonly neighbors: Tensor;
  readonly probability: Tensor | undefined;
  readonly alias: Tensor | undefined;
}

/** relationSteps in tfjs ops, float32: a few dozen ops over the whole table for every batch. */
export function composedRelationSteps(
  inputs: ComposedInputs,
  attrs: RelationStepsAttrs,
): [Tensor, Tensor] {
  const count = inputs.relations.shape[0];
  const losses: Tensor[] = [];
  let table = tf.clone(inputs.table);
  for (let start = 0; start < count; start += attrs.batchSize) {
    const size = Math.min(attrs.batchSize, count - start);
    const [next, loss] = tf.tidy(() => step({ ...inputs, table }, attrs, start, size));
    table.dispose();
    table = next;
    losses.push(loss);
  }
  return [table, losses.length === 0 ? tf.zeros([0]) : tf.stack(losses)];
}

/** One batch: the table after it, and its mean loss. */
function step(
  inputs: ComposedInputs,
  attrs: RelationStepsAttrs,
  start: number,
  size: number,
): [Tensor, Tensor] {
  const { table, relations } = inputs;
  const [n, d] = table.shape;
  const pairs = relations.slice([start, 0], [size, 2]);
  const from = pairs.slice([0, 0], [size, 1]).reshape<Tensor1D>([size]);
  const to = pairs.slice([0, 1], [size, 1]);
  const drawn = draw(inputs, attrs, start, size);
  const counts = tf.concat([tf.ones([size, 1]), admitted(inputs, from, drawn)], 1);
  const others = tf.concat([to, drawn], 1);
  const width = attrs.negatives + 1;
  const flat = others.reshape<Tensor1D>([size * width]);

  const polar = polarOf(attrs, table);
  const a = pick(polar, from, [size, 1]);
  const b = pick(polar, flat, [size, width]);
  const apart = tf.sub(b.unit, a.unit);
  const square = tf.sum(tf.square(apart), 2);
  const half = sinh(tf.mul(tf.sub(b.radius, a.radius), 0.5));
  const h2 = tf.add(tf.square(half), tf.mul(tf.mul(tf.mul(a.sinh, b.sinh), square), 0.25));
  const h = tf.sqrt(h2);
  const root = tf.sqrt(tf.add(h2, 1));
  const t = tf.add(h, root);
  const ratio = tf.div(t.slice([0, 0], [size, 1]), t);
  const power = 2 / Math.sqrt(attrs.curvature);
  const all = tf.mul(power === 2 ? tf.square(ratio) : tf.pow(ratio, power), counts);
  const weights = all.slice([0, 1], [size, attrs.negatives]);
  const sum = tf.sum(weights, 1, true);
  const total = tf.add(sum, 1);
  const slopes = tf.concat([tf.div(sum, total), tf.neg(tf.div(weights, total))], 1);

  const length = tf.mul(tf.mul(h, root), 2);
  const coincident = tf.equal(h, 0);
  const safe = tf.where(coincident, tf.onesLike(length), length);
  const scale = tf.where(coincident, tf.zerosLike(slopes), tf.div(slopes, safe));
  const radial = tf.mul(tf.mul(half, tf.sqrt(tf.add(tf.square(half), 1))), 2);
  const bend = tf.mul(square, 0.5);
  const atFrom = tf.mul(scale, b.sinh);
  const atTo = tf.neg(tf.mul(scale, a.sinh));
  const tangentOf = (lead: Tensor, factor: Tensor): Tensor =>
    tf.concat([lead.expandDims(2), tf.mul(factor.expandDims(2), apart)], 2);
  const pulled = tf.mul(scale, radial);
  const bent = (factor: Tensor, cosh: Tensor): Tensor => tf.mul(tf.mul(factor, cosh), bend);
  const forFrom = tf.sum(tangentOf(tf.sub(pulled, bent(atFrom, a.cosh)), atFrom), 1);
  const forTo = tangentOf(tf.sub(bent(atTo, b.cosh), pulled), atTo);
  const rows = tf.concat([forFrom, forTo.reshape([size * width, d + 1])], 0);
  const tangents = scatterAddRows(rows, tf.concat([from, flat]), n);
  const rate = (attrs.learningRate * Math.sqrt(attrs.curvature)) / size;
  return [moved(attrs, table, polar, tangents, rate), tf.mean(log1p(sum))];
}

/** Negatives [size, negatives] of relations from `start` on. */
function draw(
  { table, probability, alias }: ComposedInputs,
  { negatives, first, seed, pass }: RelationStepsAttrs,
  start: number,
  size: number,
): Tensor2D {
  const words = new Int32Array(4);
  const slots = new Int32Array(size * negatives);
  const coins = new Float32Array(size * negatives);
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < negatives; k++) {
      counterWords(words, first + start + i, k >> 1, seed, pass);
      const odd = (k & 1) << 1;
      slots[i * negatives + k] = scaledWord(words[odd], table.shape[0]);
      coins[i * negatives + k] = (words[odd + 1] >>> 8) * 2 ** -24;
    }
  }
  const slot = tf.tensor2d(slots, [size, negatives], 'int32');
  if (probability === undefined || alias === undefined) return slot;
  const kept = tf.greater(tf.gather(probability, slot), tf.tensor2d(coins, [size, negatives]));
  return tf.where<Tensor2D>(kept, slot, tf.gather<Tensor2D>(alias as Tensor2D, slot));
}

/** 1 where a negative counts: where it is neither the row itself nor a relation of it. */
function admitted({ offsets, neighbors }: ComposedInputs, from: Tensor1D, drawn: Tensor2D): Tensor {
  const self = tf.equal(drawn, from.expandDims(1));
  const [entries] = neighbors.shape;
  if (entries === 0) return tf.sub(1, tf.cast(self, 'float32'));
  const full = (bounds: Tensor): Tensor => tf.add(bounds.expandDims(1), tf.zerosLike(drawn));
  const one = tf.scalar(1, 'int32');
  let low = full(tf.gather(offsets, from));
  const end = full(tf.gather(offsets, tf.add(from, one)));
  let high = end;
  const entry = (at: Tensor): Tensor =>
    tf.gather(neighbors, tf.minimum(at, tf.scalar(entries - 1, 'int32')).toInt());
  for (let left = entries; left > 0; left = Math.floor(left / 2)) {
    const open = tf.less(low, high);
    const middle = tf.floorDiv(tf.add(low, high), tf.scalar(2, 'int32')).toInt();
    const below = tf.less(entry(middle), drawn);
    low = tf.where(tf.logicalAnd(open, below), tf.add(middle, one), low);
    high = tf.where(tf.logicalAnd(open, tf.logicalNot(below)), middle, high);
  }
  const found = tf.logicalAnd(tf.less(low, end), tf.equal(entry(low), drawn));
  return tf.sub(1, tf.cast(tf.logicalOr(self, found), 'float32'));
}

// Polar coordinates

/** Of rows [..., d]: radius at curvature -1, its functions [...], direction [..., d]. */
interface Polar {
  readonly radius: Tensor;
  readonly sinh: Tensor;
  readonly cosh: Tensor;
  readonly unit: Tensor;
}

function polarOf({ geometry, curvature }: RelationStepsAttrs, table: Tensor): Polar {
  const [n, d] = table.shape;
  const norm = tf.sqrt(tf.sum(tf.square(table), 1, true));
  const atOrigin = tf.equal(norm, 0);
  const axis = tf.tensor2d([Array.from({ length: d }, (_, f) => (f === 0 ? 1 : 0))]);
  const unit = tf.where(
    atOrigin.broadcastTo([n, d]),
    axis.broadcastTo([n, d]),
    tf.div(table, tf.where(atOrigin, tf.onesLike(norm), norm)),
  );
  const scaled = tf.mul(norm.reshape([n]), Math.sqrt(curvature));
  return { ...scalarsOf(geometry, scaled), unit };
}

function scalarsOf(geometry: Geometry, norm: Tensor): Omit<Polar, 'unit'> {
  switch (geometry) {
    case 'lorentz':
      return { radius: asinh(norm), sinh: norm, cosh: tf.sqrt(tf.add(tf.square(norm), 1)) };
    case 'poincare': {
      const t = tf.minimum(norm, 1 - BALL_EDGE);
      const gap = tf.mul(tf.sub(1, t), tf.add(1, t));
      const n = tf.div(tf.mul(t, 2), gap);
      return { radius: asinh(n), sinh: n, cosh: tf.div(tf.add(tf.square(t), 1), gap) };
    }
    case 'logPolar': {
      const n = sinh(norm);
      return { radius: norm, sinh: n, cosh: tf.sqrt(tf.add(tf.square(n), 1)) };
    }
  }
}

function pick(polar: Polar, rows: Tensor1D, shape: readonly [number, number]): Polar {
  const { rank, shape: full } = polar.unit;
  const features = full[rank - 1];
  const scalar = (values: Tensor): Tensor => tf.gather(values, rows).reshape([...shape]);
  return {
    radius: scalar(polar.radius),
    sinh: scalar(polar.sinh),
    cosh: scalar(polar.cosh),
    unit: tf.gather(polar.unit, rows).reshape([...shape, features]),
  };
}

/** The exponential map of `rate` times the tangents [n, d + 1]; rows without one stay as they are. */
function moved(
  { geometry, curvature }: RelationStepsAttrs,
  table: Tensor,
  polar: Polar,
  tangents: Tensor,
  rate: number,
): Tensor {
  const [n, d] = table.shape;
  const column = (values: Tensor): Tensor => values.reshape([n, 1]);
  const radial = tangents.slice([0, 0], [n, 1]);
  const rest = tangents.slice([0, 1], [n, d]);
  const across = tf.sub(rest, tf.mul(tf.sum(tf.mul(rest, polar.unit), 1, true), polar.unit));
  const square = tf.add(tf.square(radial), tf.sum(tf.square(across), 1, true));
  const angle = tf.mul(tf.sqrt(square), rate);
  const still = tf.equal(angle, 0);
  const half = sinh(tf.mul(angle, 0.5));
  const sine = tf.mul(tf.mul(half, tf.sqrt(tf.add(tf.square(half), 1))), 2);
  const sideways = tf.mul(tf.div(sine, tf.where(still, tf.onesLike(angle), angle)), rate);
  const growth = tf.add(tf.mul(tf.square(half), 2), 1);
  const outwards = tf.add(
    tf.mul(column(polar.sinh), growth),
    tf.mul(tf.mul(sideways, radial), column(polar.cosh)),
  );
  const point = tf.add(tf.mul(outwards, polar.unit), tf.mul(sideways, across));
  const size = tf.sqrt(tf.sum(tf.square(point), 1, true));
  const stored = tf.mul(point, tf.div(factorOf(geometry, size), Math.sqrt(curvature)));
  return tf.where(still.broadcastTo([n, d]), table, stored);
}

/** Factor from sinh(r) u to what is stored (times s), of sinh r. */
function factorOf(geometry: Geometry, n: Tensor): Tensor {
  const one = tf.onesLike(n);
  const safe = tf.where(tf.equal(n, 0), one, n);
  switch (geometry) {
    case 'lorentz':
      return one;
    case 'poincare': {
      const factor = tf.div(1, tf.add(tf.sqrt(tf.add(tf.square(n), 1)), 1));
      return tf.minimum(factor, tf.div(1 - BALL_EDGE, safe));
    }
    case 'logPolar':
      return tf.div(asinh(safe), safe);
  }
}

/** Hyperbolic sine; by its series near 0, where the difference of exponentials loses digits. */
function sinh(v: Tensor): Tensor {
  const z = tf.square(v);
  const coefficients = [1, 1 / 6, 1 / 120, 1 / 5040, 1 / 362880];
  const series = coefficients.reduceRight<Tensor>(
    (tail, c) => tf.add(tf.mul(tail, z), c),
    tf.zerosLike(z),
  );
  const far = tf.mul(tf.sub(tf.exp(v), tf.exp(tf.neg(v))), 0.5);
  return tf.where(tf.less(tf.abs(v), 1), tf.mul(v, series), far);
}
