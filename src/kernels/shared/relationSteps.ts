import { DomainError } from '../../errors.js';
import { relationStepsSpec } from '../../specs/relationSteps.js';
import type { RelationStepsAttrs } from '../../specs/relationSteps.js';
import { counterWords, scaledWord } from '../../util/counterWords.js';
import { POLAR_SCALARS, PolarCodec } from './polarCodec.js';

/** Host views of the inputs; the table is changed in place. */
export interface RelationStepsData {
  readonly table: Float32Array;
  readonly rows: number;
  readonly features: number;
  readonly relations: Int32Array;
  readonly offsets: Int32Array;
  readonly neighbors: Int32Array;
  readonly probability: Float32Array | undefined;
  readonly alias: Int32Array | undefined;
}

/**
 * The op on the host: one plain loop in float64, nothing allocated inside. Distances need no
 * transcendental function: sinh(d / 2)^2 = h^2 follows from e^r, which every row keeps, and
 * exp(-d) = (h + sqrt(1 + h^2))^-2.
 * @param losses Filled with the mean loss of every batch.
 * @throws DomainError when a relation names a row that is not in the table.
 */
export function relationStepsOnHost(
  data: RelationStepsData,
  attrs: RelationStepsAttrs,
  losses: Float32Array,
): void {
  checkRelations(data.relations, data.rows);
  const trainer = new Trainer(data, attrs);
  const count = data.relations.length / 2;
  for (let batch = 0; batch < losses.length; batch++) {
    const start = batch * attrs.batchSize;
    losses[batch] = trainer.batch(start, Math.min(count, start + attrs.batchSize));
  }
}

function checkRelations(relations: Int32Array, rows: number): void {
  const bad = relations.findIndex((row) => row < 0 || row >= rows);
  if (bad < 0) return;
  throw new DomainError({
    op: relationStepsSpec.op,
    arg: 'relations',
    expected: `name rows 0 to ${rows - 1} of table`,
    got: `${relations[bad]} in relation ${Math.floor(bad / 2)}`,
  });
}

class Trainer {
  private readonly codec: PolarCodec;
  /**
   * A record for every row, so that a visit touches one place in memory: its polar coordinates (see
   * {@link PolarCodec}); the sum of tangents of the batch, radial part, then the rest, which may have a
   * radial remainder; the number of the batch that touched it last, from 1 on.
   */
  private readonly records: Float64Array;
  private readonly stride: number;
  private readonly touched: Int32Array;
  private touchedCount = 0;
  private batches = 0;
  /** Rows opposite to the first one of a relation: its second, then the negatives that count. */
  private readonly others: Int32Array;
  /** Of each pair: h, sqrt(1 + h^2), sinh of the difference of radii, |u1 - u2|^2, weight. */
  private readonly pairs: Float64Array;
  private readonly words = new Int32Array(4);
  private readonly point: Float64Array;

  constructor(
    private readonly data: RelationStepsData,
    private readonly attrs: RelationStepsAttrs,
  ) {
    const { rows, features, table } = data;
    this.codec = new PolarCodec(attrs.geometry, attrs.curvature, features);
    this.stride = POLAR_SCALARS + 2 * features + 2;
    this.records = new Float64Array(rows * this.stride);
    for (let row = 0; row < rows; row++) {
      this.codec.read(table, row, this.records, row * this.stride);
    }
    this.touched = new Int32Array(
      Math.min(rows, Math.min(attrs.batchSize, data.relations.length) * (attrs.negatives + 2)),
    );
    this.others = new Int32Array(attrs.negatives + 1);
    this.pairs = new Float64Array(5 * (attrs.negatives + 1));
    this.point = new Float64Array(features);
  }

  /** One step with relations [start, end); returns their mean loss at its start. */
  batch(start: number, end: number): number {
    const { relations } = this.data;
    this.batches++;
    this.touchedCount = 0;
    let loss = 0;
    for (let i = start; i < end; i++) {
      const from = relations[2 * i];
      const count = this.chooseOthers(i, from, relations[2 * i + 1]);
      loss += this.relation(from, count);
    }
    const rate = (this.attrs.learningRate * Math.sqrt(this.attrs.curvature)) / (end - start);
    for (let t = 0; t < this.touchedCount; t++) this.move(this.touched[t], rate);
    return loss / (end - start);
  }

  /** Fill `others`; returns how many there are. */
  private chooseOthers(i: number, from: number, to: number): number {
    const { data, attrs, others, words } = this;
    const { rows, probability, alias } = data;
    const position = (attrs.first + i) | 0;
    others[0] = to;
    let count = 1;
    for (let k = 0; k < attrs.negatives; k++) {
      const odd = (k & 1) << 1;
      if (odd === 0) counterWords(words, position, k >> 1, attrs.seed, attrs.pass);
      let row = scaledWord(words[odd], rows);
      if (probability !== undefined && alias !== undefined) {
        if (probability[row] <= (words[odd + 1] >>> 8) * 2 ** -24) row = alias[row];
      }
      if (row !== from && !this.related(from, row)) others[count++] = row;
    }
    return count;
  }

  /** Whether a relation leads from one row to the other. */
  private related(from: number, to: number): boolean {
    const { offsets, neighbors } = this.data;
    let low = offsets[from];
    let high = offsets[from + 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (neighbors[middle] < to) low = middle + 1;
      else high = middle;
    }
    return low < offsets[from + 1] && neighbors[low] === to;
  }

  /** Loss of one relation; its tangents are added to those of the batch. */
  private relation(from: number, count: number): number {
    const { others, pairs } = this;
    const { curvature } = this.attrs;
    const exponent = 2 / Math.sqrt(curvature);
    let first = 0;
    let sum = 0;
    for (let k = 0; k < count; k++) {
      const t = this.measure(from, others[k], 5 * k);
      if (k === 0) first = t;
      else {
        // exp(-d_k) / exp(-d_0).
        const ratio = first / t;
        const weight = curvature === 1 ? ratio * ratio : Math.pow(ratio, exponent);
        pairs[5 * k + 4] = weight;
        sum += weight;
      }
    }
    this.touch(from);
    if (sum === 0) return 0;
    const share = 1 / (1 + sum);
    this.pull(from, others[0], 0, sum * share);
    for (let k = 1; k < count; k++) this.pull(from, others[k], 5 * k, -pairs[5 * k + 4] * share);
    return Math.log1p(sum);
  }

  /** Write what a pair needs, and return exp(s d / 2). */
  private measure(from: number, to: number, at: number): number {
    const { records, stride, pairs } = this;
    const { features } = this.data;
    const a = from * stride;
    const b = to * stride;
    let square = 0;
    for (let f = POLAR_SCALARS; f < POLAR_SCALARS + features; f++) {
      const apart = records[b + f] - records[a + f];
      square += apart * apart;
    }
    // 2 sinh((r2 - r1) / 2) is (e^r2 - e^r1) / sqrt(e^r1 e^r2), whose difference loses nothing.
    const difference = records[b] - records[a];
    const inverse = records[a + 1] * records[b + 1];
    const h2 =
      0.25 * (difference * difference * inverse + records[a + 2] * records[b + 2] * square);
    const h = Math.sqrt(h2);
    const root = Math.sqrt(1 + h2);
    pairs[at] = h;
    pairs[at + 1] = root;
    pairs[at + 2] = 0.5 * difference * (records[b] + records[a]) * inverse;
    pairs[at + 3] = square;
    return h + root;
  }

  /** Add `slope` times the unit tangents towards each other; coincident rows have none. */
  private pull(from: number, to: number, at: number, slope: number): void {
    const { records, stride, pairs } = this;
    const { features } = this.data;
    const h = pairs[at];
    if (h === 0) return;
    this.touch(to);
    const scale = slope / (2 * h * pairs[at + 1]);
    const radial = pairs[at + 2];
    const bend = 0.5 * pairs[at + 3];
    const a = from * stride;
    const b = to * stride;
    const atFrom = scale * records[b + 2];
    const atTo = scale * records[a + 2];
    const ta = a + POLAR_SCALARS + features;
    const tb = b + POLAR_SCALARS + features;
    records[ta] += scale * radial - atFrom * records[a + 3] * bend;
    records[tb] -= scale * radial + atTo * records[b + 3] * bend;
    for (let f = 0; f < features; f++) {
      const apart = records[b + POLAR_SCALARS + f] - records[a + POLAR_SCALARS + f];
      records[ta + 1 + f] += atFrom * apart;
      records[tb + 1 + f] -= atTo * apart;
    }
  }

  private touch(row: number): void {
    const stamp = row * this.stride + this.stride - 1;
    if (this.records[stamp] === this.batches) return;
    this.records[stamp] = this.batches;
    this.touched[this.touchedCount++] = row;
  }

  /** Exponential map of `rate` times the sum of tangents, which is cleared. */
  private move(row: number, rate: number): void {
    const { records, stride, point } = this;
    const { features, table } = this.data;
    const a = row * stride;
    const unit = a + POLAR_SCALARS;
    const t = unit + features;
    const radial = records[t];
    records[t] = 0;
    let along = 0;
    for (let f = 0; f < features; f++) along += records[t + 1 + f] * records[unit + f];
    let square = radial * radial;
    for (let f = 0; f < features; f++) {
      const across = records[t + 1 + f] - along * records[unit + f];
      records[t + 1 + f] = 0;
      point[f] = across;
      square += across * across;
    }
    if (square === 0) return;
    // sinh(angle) / angle and cosh(angle) - 1; steps are short as a rule, and series are quick.
    const angle2 = rate * rate * square;
    let sine: number;
    let rise: number;
    if (angle2 < 0.01) {
      sine = 1 + (angle2 / 6) * (1 + (angle2 / 20) * (1 + (angle2 / 42) * (1 + angle2 / 72)));
      rise = 0.5 * angle2 * (1 + (angle2 / 12) * (1 + (angle2 / 30) * (1 + angle2 / 56)));
    } else {
      const angle = Math.sqrt(angle2);
      const half = Math.sinh(0.5 * angle);
      sine = (2 * half * Math.sqrt(1 + half * half)) / angle;
      rise = 2 * half * half;
    }
    const sideways = rate * sine;
    const outwards = records[a + 2] * (1 + rise) + sideways * radial * records[a + 3];
    for (let f = 0; f < features; f++) {
      point[f] = outwards * records[unit + f] + sideways * point[f];
    }
    this.codec.write(point, table, row);
    this.codec.read(table, row, records, a);
  }
}
