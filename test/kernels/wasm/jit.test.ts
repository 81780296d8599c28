import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { signed, unsigned } from '../../../src/kernels/wasm/jit/encoder.js';
import { formModule } from '../../../src/kernels/wasm/jit/formModule.js';
import { cachedForms, compiledForm } from '../../../src/kernels/wasm/jit/forms.js';
import { instantiate } from '../../../src/kernels/wasm/module.js';
import { FORM_SLOTS } from '../../../src/kernels/wasm/worker.js';
import { evaluatorOf } from '../../../src/specs/evaluate.js';
import { expressions as e, variable } from '../../../src/specs/expression.js';
import type { Expression, Variable } from '../../../src/specs/expression.js';
import { expressionForm } from '../../../src/specs/metricForm.js';
import type { ExpressionForm } from '../../../src/specs/metricForm.js';
import { Rng } from '../../../src/util/rng.js';
import { isClose, TOLERANCES } from '../../support/tolerances.js';
import { generate } from './generated.js';

/**
 * Expressions whose values are positive and whose float32 error stays small: nothing is subtracted but
 * inputs, conditions compare inputs, and the arguments of exp and square are kept small.
 */
function positive(names: readonly Variable[]): fc.Arbitrary<Expression> {
  const input = fc.constantFrom(...names).map(variable);
  const constant = fc.integer({ min: 1, max: 12 }).map((v) => e.mul(v / 4, 1));
  const difference = fc.tuple(input, input).map(([a, b]) => e.add(0.5, e.abs(e.sub(a, b))));
  return fc.letrec<{ value: Expression }>((tie) => {
    const value = tie('value');
    const small = value.map((v) => e.min(v, 3));
    const two = fc.tuple(value, value);
    return {
      value: fc.oneof(
        { maxDepth: 4, depthSize: 'small', withCrossShrink: true },
        fc.oneof(input, constant, difference),
        two.map(([a, b]) => e.add(a, b)),
        two.map(([a, b]) => e.mul(a, b)),
        two.map(([a, b]) => e.div(a, b)),
        two.map(([a, b]) => e.min(a, b)),
        two.map(([a, b]) => e.max(a, b)),
        value.map((v) => e.sqrt(v)),
        value.map((v) => e.abs(e.neg(v))),
        value.map((v) => e.mul(v, e.sign(v))),
        value.map((v) => e.log1p(v)),
        value.map((v) => e.asinh(v)),
        small.map((v) => e.square(v)),
        small.map((v) => e.exp(v)),
        fc.tuple(value, fc.constantFrom(0.5, 1.5, 2, -0.5)).map(([v, p]) => e.pow(v, p)),
        fc
          .tuple(fc.constantFrom('lt' as const, 'le' as const, 'eq' as const), input, input, two)
          .map(([compare, a, b, [then, otherwise]]) => e.where(compare, a, b, then, otherwise)),
      ),
    };
  }).value;
}

const terms = positive(['x', 'y']);
const forms: fc.Arbitrary<ExpressionForm> = fc
  .tuple(
    fc.constantFrom('sum' as const, 'max' as const),
    fc.oneof(
      fc.tuple(terms).map(([a]): readonly [Expression] => [a]),
      fc.tuple(terms, terms).map(([a, b]): readonly [Expression, Expression] => [a, b]),
    ),
    positive(['s0', 'a0', 'a1', 'b0', 'b1', 'd']),
    positive(['r']),
  )
  .map(([reduce, all, rank, finish]) => {
    const both = all.length === 1 ? rank : e.add(rank, variable('s1'));
    return expressionForm({ reduce, terms: all, rank: both, finish, aux: 2 });
  });

/** Rows of 64 different values from 1/2 to 2: some features of two rows are equal. */
function rows(count: number, width: number, rng: Rng): number[][] {
  return Array.from({ length: count }, () =>
    Array.from({ length: width }, () => Math.fround(0.5 + Math.floor(rng.uniform() * 64) / 42)),
  );
}

/** Ranks that are not the oracle's, in words. */
function wrongRanks(form: ExpressionForm, d: number, seed: number, shared: boolean): string[] {
  const rng = new Rng(seed);
  const [x, y, xAux, yAux] = [rows(4, d, rng), rows(8, d, rng), rows(4, 2, rng), rows(8, 2, rng)];
  const { tile } = generate(form, shared ? sharedModule : plainModule);
  const { rank } = evaluatorOf(form);
  return tile(x, y, xAux, yAux).flatMap((row, i) =>
    row.flatMap((value, j) => {
      const want = rank(x[i], 0, y[j], 0, d, xAux[i], 0, yAux[j], 0);
      const hint = `${form.key} of (${x[i].join()}) and (${y[j].join()})`;
      return isClose(value, want, TOLERANCES.generated) ? [] : [`${value}, not ${want}: ${hint}`];
    }),
  );
}

const sharedModule = instantiate(true);
const plainModule = instantiate(false);

describe('code generated for metric forms', () => {
  it('computes the ranks of random expressions', () => {
    fc.assert(
      fc.property(forms, fc.constantFrom(1, 2, 5, 64, 65, 130), fc.nat(1e6), (form, d, seed) => {
        expect(wrongRanks(form, d, seed, true)).toEqual([]);
      }),
      { seed: 11, numRuns: 150 },
    );
  });

  it('computes the same in a module without shared memory', () => {
    fc.assert(
      fc.property(forms, fc.constantFrom(3, 70), fc.nat(1e6), (form, d, seed) => {
        expect(wrongRanks(form, d, seed, false)).toEqual([]);
      }),
      { seed: 12, numRuns: 40 },
    );
  });

  it('finishes ranks of random expressions', () => {
    const ranks = Array.from({ length: 33 }, (_, i) => Math.fround(0.5 + i / 22));
    fc.assert(
      fc.property(forms, (form) => {
        const { finish } = evaluatorOf(form);
        const wrong = generate(form, sharedModule)
          .finish(ranks)
          .map((value, i) => ({ value, want: finish(ranks[i]) }))
          .filter(({ value, want }) => !isClose(value, want, TOLERANCES.generated));
        expect(wrong, form.key).toEqual([]);
      }),
      { seed: 13, numRuns: 100 },
    );
  });

  it('computes a part once however often it occurs', () => {
    const part = e.exp(e.add(variable('x'), variable('y')));
    const once = sizeOf(e.add(part, 1));
    const often = sizeOf(e.add(part, e.mul(part, e.div(part, e.add(part, 1)))));
    // Ten bytes are a call and the addition before it; arithmetic on known values takes less a part.
    expect(often - once).toBeLessThan(2 * 30);
  });

  it('refuses variables that have no value in a part', () => {
    expect(() => sizeOf(variable('a0'))).toThrow('a0 has no value here');
  });
});

function formOf(term: Expression): ExpressionForm {
  const [rank, finish] = [variable('s0'), variable('r')];
  return expressionForm({ reduce: 'sum', terms: [term], rank, finish, aux: 0 });
}

const sizeOf = (term: Expression): number => formModule(formOf(term), true).length;

const numbered = (i: number): ExpressionForm =>
  formOf(e.mul(i + 1, e.abs(e.sub(variable('x'), variable('y')))));

describe('kept code of metric forms', () => {
  it('is made once for equal forms', () => {
    expect(compiledForm(numbered(1), true)).toBe(compiledForm(numbered(1), true));
    expect(compiledForm(numbered(1), true)).not.toBe(compiledForm(numbered(1), false));
  });

  it('stays within its slots, in the table too, and serves every form in any order', () => {
    const size = sharedModule.table.length;
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 100; i++) {
        const [[rank]] = generate(numbered(i), sharedModule).tile(
          [[1], [1], [1], [1]],
          Array.from({ length: 8 }, () => [3]),
          [[], [], [], []],
          Array.from({ length: 8 }, () => []),
        );
        expect(rank).toBe(2 * (i + 1));
        expect(cachedForms()).toBeLessThanOrEqual(FORM_SLOTS);
      }
    }
    expect(sharedModule.table.length).toBe(size);
  });

  it('drops the form that was not used for the longest time', () => {
    const kept = compiledForm(numbered(1000), true);
    for (let i = 0; i < 3 * FORM_SLOTS; i++) {
      compiledForm(numbered(i), true);
      expect(compiledForm(numbered(1000), true)).toBe(kept);
    }
    for (let i = 0; i < FORM_SLOTS; i++) compiledForm(numbered(i), true);
    expect(compiledForm(numbered(1000), true).id).not.toBe(kept.id);
  });
});

describe('integers in WebAssembly binaries', () => {
  it('have the bytes of the specification', () => {
    expect([0, 127, 128, 624485, 2 ** 32 - 1].map(unsigned)).toEqual([
      [0],
      [0x7f],
      [0x80, 0x01],
      [0xe5, 0x8e, 0x26],
      [0xff, 0xff, 0xff, 0xff, 0x0f],
    ]);
    expect([0, 63, 64, -1, -64, -65, -123456].map(signed)).toEqual([
      [0],
      [0x3f],
      [0xc0, 0x00],
      [0x7f],
      [0x40],
      [0xbf, 0x7f],
      [0xc0, 0xbb, 0x78],
    ]);
  });
});
