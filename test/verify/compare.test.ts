import { describe, expect, it } from 'vitest';
import { BOUNDS, ULP, allowedError, boundOf } from '../../src/verify/bounds.js';
import {
  Tally,
  bitDifferences,
  checkNeighbours,
  isUndecided,
  ulpAt,
} from '../../src/verify/compare.js';
import type { Limits } from '../../src/verify/compare.js';
import type { OraclePair } from '../../src/verify/oracle.js';
import { TOLERANCES } from '../support/tolerances.js';

const pair = (value: number, scale = 0): OraclePair => ({
  value,
  inner: value,
  finish: undefined,
  scale,
});
const limits = (isRounded: boolean): Limits => ({
  bound: isRounded ? BOUNDS.rounded : BOUNDS.distance,
  metric: 'euclidean',
  p: undefined,
  features: 3,
  isRounded,
});
const here = (): string => 'here';

describe('bounds of verify', () => {
  it.each(
    (
      [
        'distance',
        'cosine',
        'correlation',
        'product',
        'mapped',
        'shares',
        'trigonometric',
        'power',
        'hyperbolic',
      ] as const
    ).map((name) => [name]),
  )('%s is the tolerance of the tests', (name) => {
    expect(BOUNDS[name].relative * ULP).toBe(TOLERANCES[name].relative);
    expect(BOUNDS[name].absolute * ULP).toBe(TOLERANCES[name].absolute);
  });

  it('only a kernel in exact mode promises one rounding', () => {
    expect(boundOf('knn', 'euclidean', 'exact', 'kernel')).toBe(BOUNDS.rounded);
    expect(boundOf('knn', 'euclidean', 'exact', 'composed')).toBe(BOUNDS.distance);
    expect(boundOf('knn', 'euclidean', 'fast', 'kernel')).toBe(BOUNDS.expanded);
    expect(boundOf('knn', 'kl', 'exact', 'kernel')).toBe(BOUNDS.shares);
    expect(boundOf('pairwiseDistance', 'euclidean', 'exact', 'kernel')).toBe(BOUNDS.distance);
  });

  it('an error below a root grows towards 0', () => {
    const root = (inner: number): OraclePair => ({
      value: Math.sqrt(inner),
      inner,
      finish: Math.sqrt,
      scale: 1,
    });
    const bound = { relative: 0, absolute: 4, reason: '' };
    expect(allowedError(root(0), bound)).toBeCloseTo(Math.sqrt(4 * ULP), 10);
    expect(allowedError(root(1), bound)).toBeLessThan(2.1 * ULP);
  });
});

describe('Tally', () => {
  it('measures in float32 ulp of the value', () => {
    expect(ulpAt(1)).toBe(2 ** -23);
    expect(ulpAt(-3)).toBe(2 ** -22);
    expect(ulpAt(1e-45)).toBe(2 ** -149);
    const tally = new Tally(limits(false));
    tally.add(1 + 3 * ULP, pair(1), here);
    expect(tally.maxUlp).toBe(3);
    expect(tally.maxRel).toBe(3 * ULP);
    expect(tally.worst).toBeCloseTo(3 / 16, 12);
  });

  it.each([
    ['too far', 1 + 17 * ULP, 1],
    ['NaN for a number', NaN, 1],
    ['a number for NaN', 1, NaN],
    ['finite for infinity', 3e38, Infinity],
    ['infinity for a number', Infinity, 1],
  ])('finds %s', (_, got, want) => {
    const tally = new Tally(limits(false));
    tally.add(got, pair(want), here);
    expect(tally.worst).toBeGreaterThan(1);
    expect(tally.complaint).toContain('here');
  });

  it('holds exact results to one rounding and float32 ones not', () => {
    const value = 1 + 0.75 * ULP;
    const [exact, float] = [new Tally(limits(true)), new Tally(limits(false))];
    for (const tally of [exact, float]) tally.add(1, pair(value), here);
    expect(exact.worst).toBeGreaterThan(1);
    expect(float.worst).toBeLessThan(1);
  });

  it('lets float32 squares overflow and underflow, but not exact results', () => {
    const [exact, float] = [new Tally(limits(true)), new Tally(limits(false))];
    for (const tally of [exact, float]) {
      tally.add(Infinity, pair(1e25), here);
      tally.add(0, pair(1e-25), here);
    }
    expect(float.complaint).toBeUndefined();
    expect(exact.complaint).toContain('Infinity');
  });
});

describe('checkNeighbours', () => {
  const distances = [0.5, 1, 1, 2];
  const search = (isRounded: boolean): Parameters<typeof checkNeighbours>[2] => ({
    query: 0,
    points: 4,
    isSimilarity: false,
    limits: limits(isRounded),
    pairOf: (j) => pair(distances[j]),
    exists: (j) => j !== 3,
  });
  const want = { indices: [0, 1, 2], pairs: [pair(0.5), pair(1), pair(1)] };
  const check = (
    indices: number[],
    found: number[],
    isRounded = true,
  ): { mismatches: number; complaint: string | undefined } => {
    const tally = new Tally(limits(isRounded));
    const mismatches = checkNeighbours(
      { indices, distances: found },
      want,
      search(isRounded),
      tally,
    );
    return { mismatches, complaint: tally.complaint };
  };

  it('accepts the neighbours of the oracle and an empty slot behind them', () => {
    expect(check([0, 1, 2, -1], [0.5, 1, 1, Infinity])).toEqual({
      mismatches: 0,
      complaint: undefined,
    });
  });

  it.each([
    ['a forbidden point', [0, 1, 3], [0.5, 1, 2]],
    ['a point twice', [0, 1, 1], [0.5, 1, 1]],
    ['an index out of range', [0, 1, 4], [0.5, 1, 1]],
    ['an empty slot too early', [0, 1, -1], [0.5, 1, Infinity]],
    ['a foreign distance', [0, 1, 2], [0.5, 1, 1.5]],
    ['a filled slot behind the last', [0, 1, 2, 3], [0.5, 1, 1, 2]],
    ['equal distances in the wrong order', [0, 2, 1], [0.5, 1, 1]],
  ])('finds %s', (_, indices, found) => {
    expect(check(indices, found).complaint).toBeDefined();
  });

  it('counts swapped ties where float32 decides, without a violation', () => {
    expect(check([0, 2, 1], [0.5, 1, 1], false)).toEqual({ mismatches: 2, complaint: undefined });
  });
});

describe('bits', () => {
  it('differ for signed zeros and are equal for the same NaN', () => {
    expect(bitDifferences(Float32Array.of(0, NaN, 1), Float32Array.of(-0, NaN, 1))).toEqual([0]);
    expect(bitDifferences(Int32Array.of(1), Int32Array.of(1, 2))).toEqual([1]);
  });

  it('are undecided at the edge between two numbers only', () => {
    expect(isUndecided(pair(1 + ULP / 2), BOUNDS.rounded)).toBe(true);
    expect(isUndecided(pair(1 + ULP / 4), BOUNDS.rounded)).toBe(false);
  });
});
