import { allowedError, overflows, powerOf, ULP, underflow } from './bounds.js';
import type { Bound } from './bounds.js';
import type { Metric } from '../specs/metric.js';
import type { OracleNeighbours, OraclePair } from './oracle.js';

/** What the distances of a case may be. */
export interface Limits {
  readonly bound: Bound;
  readonly metric: Metric;
  readonly p: number | undefined;
  readonly features: number;
  /**
   * Whether the distance is that of float64 rounded once, free of float32's underflow and overflow on the
   * way; then the neighbours are fixed too.
   */
  readonly isRounded: boolean;
}

/** Spacing of float32 numbers at a value. */
export function ulpAt(value: number): number {
  const size = Math.abs(value);
  if (size < 2 ** -126) return 2 ** -149;
  return 2 ** (Math.floor(Math.log2(size)) - 23);
}

/** Largest errors of a series of distances. */
export class Tally {
  /** In float32 ulp of the oracle's value. */
  maxUlp = 0;
  /** |got - want| / |want|. */
  maxRel = 0;
  /** Largest share of the allowed error; above 1 is a violation. */
  worst = 0;
  /** First violation, for people to read. */
  complaint: string | undefined;

  constructor(private readonly limits: Limits) {}

  /** Hold one distance against the oracle. */
  add(got: number, pair: OraclePair, where: () => string): void {
    const want = pair.value;
    if (Number.isNaN(want)) {
      if (!Number.isNaN(got)) this.fail(`${where()}: ${got}, not NaN`);
      return;
    }
    const rounded = Math.fround(want);
    if (got === rounded && !Number.isFinite(rounded)) return;
    const { metric, p, features, isRounded } = this.limits;
    const power = powerOf(metric, p);
    if (!isRounded && got === Infinity && overflows(power, want)) return;
    if (!Number.isFinite(got) || !Number.isFinite(rounded)) {
      this.fail(`${where()}: ${got}, not ${want}`);
      return;
    }
    const error = Math.abs(got - want);
    this.maxUlp = Math.max(this.maxUlp, error / ulpAt(want));
    if (want !== 0) this.maxRel = Math.max(this.maxRel, error / Math.abs(want));
    const allowed = allowedError(pair, this.limits.bound) + this.smallest(want, power, features);
    const share = error === 0 ? 0 : error / allowed;
    if (share > 1) {
      this.fail(`${where()}: ${got}, not ${want}: error ${error}, allowed ${allowed}`);
    }
    this.worst = Math.max(this.worst, share);
  }

  /** Error below the normal numbers, where the spacing of float32 no longer follows the value. */
  private smallest(want: number, power: number, features: number): number {
    if (!this.limits.isRounded) return underflow(power, features);
    return Math.abs(want) < 2 ** -126 ? 2 ** -150 : 0;
  }

  fail(complaint: string): void {
    this.worst = Infinity;
    this.complaint ??= complaint;
  }
}

/** Whether the float32 value of a distance hangs on the last bits of its float64 value. */
export function isUndecided({ value, scale }: OraclePair, { absolute }: Bound): boolean {
  const doubt = Math.abs(value) * 2 ** -44 + absolute * ULP * scale;
  return Math.fround(value - doubt) !== Math.fround(value + doubt);
}

/** Neighbours of one query as an op returned them. */
export interface FoundRow {
  readonly distances: ArrayLike<number>;
  readonly indices: ArrayLike<number>;
}

/** What `checkNeighbours` needs to know of the search. */
export interface Search {
  readonly query: number;
  readonly points: number;
  readonly isSimilarity: boolean;
  readonly limits: Limits;
  readonly pairOf: (point: number) => OraclePair;
  readonly exists: (point: number) => boolean;
}

/**
 * Hold one query's neighbours against the oracle's: distances rank by rank, every index's own distance,
 * order, no index twice, none that a mask forbids, and empty slots where there are no more points.
 * @returns The number of slots with another index than the oracle's.
 */
export function checkNeighbours(
  found: FoundRow,
  want: OracleNeighbours,
  search: Search,
  tally: Tally,
): number {
  const { query, isSimilarity, limits, pairOf, exists } = search;
  const isDetermined = limits.isRounded;
  const seen = new Set<number>();
  let mismatches = 0;
  for (let slot = 0; slot < found.indices.length; slot++) {
    const [index, distance] = [found.indices[slot], found.distances[slot]];
    const where = (): string => `query ${query} slot ${slot}`;
    if (slot >= want.indices.length) {
      const empty = isSimilarity ? -Infinity : Infinity;
      if (index !== -1 || distance !== empty) {
        tally.fail(`${where()}: point ${index} at ${distance} in a slot that must be empty`);
      }
      continue;
    }
    if (!(index >= 0 && index < search.points) || seen.has(index) || !exists(index)) {
      tally.fail(`${where()}: point ${index} is out of range, forbidden or there twice`);
      continue;
    }
    seen.add(index);
    const own = pairOf(index);
    const ranked = want.pairs[slot];
    // A search that ranks on rounded distances may swap two points: then either's error may show.
    tally.add(distance, { ...ranked, scale: Math.max(ranked.scale, own.scale) }, where);
    tally.add(distance, own, () => `${where()}, own distance of point ${index}`);
    const before = found.distances[slot - 1];
    if (slot > 0 && (isSimilarity ? distance > before : distance < before)) {
      tally.fail(`${where()}: not in order`);
    }
    if (slot > 0 && distance === before && index < found.indices[slot - 1] && isDetermined) {
      tally.fail(`${where()}: of two equal distances the lower index must come first`);
    }
    if (index === want.indices[slot]) continue;
    const open = isUndecided(own, limits.bound) || isUndecided(ranked, limits.bound);
    if (isDetermined && !open) {
      tally.fail(`${where()}: point ${index}, not ${want.indices[slot]}`);
    }
    mismatches++;
  }
  return mismatches;
}

/** Elements whose bits differ. */
export function bitDifferences(
  a: Float32Array | Int32Array,
  b: Float32Array | Int32Array,
): number[] {
  const bits = (v: Float32Array | Int32Array): Int32Array =>
    new Int32Array(v.buffer, v.byteOffset, v.length);
  const [left, right] = [bits(a), bits(b)];
  return Array.from({ length: Math.max(left.length, right.length) }, (_, at) => at).filter(
    (at) => left[at] !== right[at],
  );
}
