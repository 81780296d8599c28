import { describe, expect, it } from 'vitest';
import { instantiate } from '../../../src/kernels/wasm/module.js';
import { expressions as e, variable } from '../../../src/specs/expression.js';
import type { Expression } from '../../../src/specs/expression.js';
import { expressionForm } from '../../../src/specs/metricForm.js';
import { Rng } from '../../../src/util/rng.js';
import { generate } from './generated.js';

const module = instantiate(true);
const r = variable('r');

/** The function over values, computed by generated code. */
function apply(finish: Expression, values: readonly number[]): number[] {
  const terms = [e.abs(e.sub(variable('x'), variable('y')))] as const;
  const form = expressionForm({ reduce: 'sum', terms, rank: variable('s0'), finish, aux: 0 });
  return generate(form, module).finish(values);
}

/** Distance of neighbouring float32 numbers around a value. */
function spacing(value: number): number {
  const exponent = Math.floor(Math.log2(Math.abs(value)));
  return 2 ** Math.max(exponent - 23, -149);
}

/** Largest error in ulp, with the value where it occurs; ends must be met exactly. */
function worst(
  finish: Expression,
  exact: (v: number) => number,
  values: readonly number[],
): { ulp: number; at: number } {
  const inputs = values.map(Math.fround);
  const got = apply(finish, inputs);
  let found = { ulp: 0, at: 0 };
  inputs.forEach((v, i) => {
    const want = exact(v);
    const rounded = Math.fround(want);
    const same = Object.is(got[i], rounded) || got[i] === rounded;
    const ulp = same ? 0 : Math.abs(got[i] - want) / spacing(want);
    if (!(ulp <= found.ulp)) found = { ulp, at: v };
  });
  return found;
}

/** Values of every magnitude from 2^low to 2^high. */
function magnitudes(low: number, high: number, seed: number): number[] {
  const rng = new Rng(seed);
  const values: number[] = [];
  for (let exponent = low; exponent < high; exponent++) {
    for (let i = 0; i < 40; i++) values.push(2 ** exponent * (1 + rng.uniform()));
  }
  return values;
}

const bothSigns = (values: readonly number[]): number[] => values.flatMap((v) => [v, -v]);

function between(low: number, high: number, seed: number): number[] {
  const rng = new Rng(seed);
  return Array.from({ length: 4000 }, () => low + (high - low) * rng.uniform());
}

const CASES: readonly [string, Expression, (v: number) => number, readonly number[]][] = [
  ['exp', e.exp(r), Math.exp, [...bothSigns(magnitudes(-30, 7, 1)), ...between(-104, 89, 2)]],
  ['log', e.log(r), Math.log, [...magnitudes(-149, 128, 3), ...between(0.5, 2, 4)]],
  [
    'log1p',
    e.log1p(r),
    Math.log1p,
    [...magnitudes(-140, 128, 5), ...magnitudes(-140, -1, 6).map((v) => -v), ...between(-1, 1, 7)],
  ],
  ['sin', e.sin(r), Math.sin, [...bothSigns(magnitudes(-60, 13, 8)), ...between(-1e4, 1e4, 9)]],
  ['cos', e.cos(r), Math.cos, [...bothSigns(magnitudes(-60, 13, 10)), ...between(-1e4, 1e4, 11)]],
  ['asin', e.asin(r), Math.asin, [...bothSigns(magnitudes(-60, 0, 12)), ...between(-1, 1, 13)]],
  ['asinh', e.asinh(r), Math.asinh, bothSigns(magnitudes(-100, 128, 14))],
  ...[-2.5, -1, 0.3, 0.5, 1, 1.7, 3, 12].map(
    (p): [string, Expression, (v: number) => number, readonly number[]] => [
      `pow ${p}`,
      e.pow(r, p),
      (v) => Math.pow(v, Math.fround(p)),
      [...magnitudes(-149, 128, 15), ...between(0, 4, 16)],
    ],
  ),
];

describe('elementary functions of the wasm module', () => {
  it.each(CASES)('%s stays within 2 ulp of Math', (_name, finish, exact, values) => {
    const { ulp, at } = worst(finish, exact, values);
    expect(ulp, `at ${at}`).toBeLessThanOrEqual(2);
  });

  it.each([
    ['exp', e.exp(r), Math.exp, [0, -Infinity, Infinity, NaN, 200, -200]],
    ['log', e.log(r), Math.log, [0, 1, Infinity, NaN, -1, -Infinity]],
    ['log1p', e.log1p(r), Math.log1p, [0, -1, Infinity, NaN, -1.5, -Infinity]],
    ['sin', e.sin(r), Math.sin, [0, Infinity, -Infinity, NaN]],
    ['cos', e.cos(r), Math.cos, [0, Infinity, -Infinity, NaN]],
    ['asin', e.asin(r), Math.asin, [0, 1, -1, 1.5, -1.5, NaN]],
    ['asinh', e.asinh(r), Math.asinh, [0, Infinity, -Infinity, NaN]],
    ['sign', e.sign(r), Math.sign, [0, 3, -3, Infinity, -Infinity, NaN, 1e-45]],
    ['sqrt', e.sqrt(r), Math.sqrt, [0, 4, Infinity, -1, NaN]],
    ['square', e.square(r), (v: number) => v * v, [0, -3, Infinity, NaN]],
    ['neg', e.neg(r), (v: number) => -v, [0, 3, -Infinity, NaN]],
    ['pow 0', e.pow(r, 0), () => 1, [0, 2, Infinity, NaN]],
    ['pow 2', e.pow(r, 2), (v: number) => v ** 2, [0, 1, Infinity, NaN]],
    ['pow -1', e.pow(r, -1), (v: number) => 1 / v, [0, 1, Infinity, NaN]],
  ] as const)('%s has the ends of Math', (_name, finish, exact, values) => {
    const want = values.map((v) => Math.fround(exact(v)) + 0);
    expect(apply(finish, values).map((v) => v + 0)).toEqual(want);
  });

  it('has no power of a negative number', () => {
    expect(apply(e.pow(r, 2), [-1, -Infinity])).toEqual([NaN, NaN]);
  });

  it('finishes every count of values and touches none behind them', () => {
    for (let count = 0; count < 10; count++) {
      const values = Array.from({ length: count }, (_, i) => i);
      expect(apply(e.add(r, 1), values)).toEqual(values.map((v) => v + 1));
      expect(new Float32Array(module.memory.buffer)[65536 / 4 + count]).not.toBe(count + 2);
    }
  });
});
