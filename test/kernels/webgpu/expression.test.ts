import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { startBackend } from '../../../src/backends/start.js';
import { DomainError, UnsupportedError } from '../../../src/errors.js';
import { f32Literal } from '../../../src/kernels/webgpu/wgsl/constants.js';
import { DOUBLE_FLOAT } from '../../../src/kernels/webgpu/wgsl/doubleFloat.js';
import { formCode, formCodePrecise } from '../../../src/kernels/webgpu/wgsl/expression.js';
import { evaluateScalar } from '../../../src/specs/evaluate.js';
import { expressions as e, variable } from '../../../src/specs/expression.js';
import type { Expression } from '../../../src/specs/expression.js';
import { expressionForm } from '../../../src/specs/metricForm.js';
import type { ExpressionForm } from '../../../src/specs/metricForm.js';
import * as forms from '../../../src/specs/metricForms.js';
import { Rng } from '../../../src/util/rng.js';
import { describeOnBackend } from '../../backends/onBackend.js';
import { PROPERTY } from '../../support/arbitraries.js';
import { expectClose } from '../../support/compare.js';
import { TOLERANCES } from '../../support/tolerances.js';
import { FORM_CASES } from './formCases.js';
import { runWgsl } from './runWgsl.js';

const COUNT = 200;
const x = variable('x');
const y = variable('y');
const [s0, s1, a0, b1, d, r] = (['s0', 's1', 'a0', 'b1', 'd', 'r'] as const).map(variable);

const CONSTANT = fc
  .double({ min: 0.5, max: 2, noNaN: true })
  .map((value): Expression => e.mul(1, value));

/**
 * Expressions that keep positive values of moderate size positive and of moderate size, and no error
 * more than doubled, so that float32 may be compared with float64 at all. Only the first two leaves are
 * compared with each other: no rounding decides which way that goes.
 */
function positive(leaves: readonly Expression[], algebraic: boolean): fc.Arbitrary<Expression> {
  const leaf = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...leaves) },
    { weight: 1, arbitrary: CONSTANT },
  );
  const { node } = fc.letrec<{ node: Expression }>((tie) => {
    const one = tie('node');
    const two = fc.tuple(one, one);
    const arithmetic = [
      one.map((v) => e.sqrt(v)),
      one.map((v) => e.square(e.min(v, 3))),
      one.map((v) => e.abs(e.neg(v))),
      one.map((v) => e.add(v, e.sign(v))),
      two.map(([v, w]) => e.add(v, w)),
      two.map(([v, w]) => e.mul(e.min(v, 4), e.min(w, 4))),
      two.map(([v, w]) => e.div(v, e.add(1, w))),
      two.map(([v, w]) => e.max(v, w)),
      two.map(([v, w]) => e.min(v, w)),
      fc
        .tuple(fc.constantFrom('lt', 'le', 'eq'), one, one)
        .map(([compare, v, w]) => e.where(compare, leaves[0], leaves[1], v, w)),
    ];
    const elementary = [
      one.map((v) => e.exp(e.neg(e.min(v, 2)))),
      one.map((v) => e.log(e.add(1.5, v))),
      one.map((v) => e.log1p(v)),
      one.map((v) => e.sin(e.min(v, 1))),
      one.map((v) => e.cos(e.min(v, 1))),
      one.map((v) => e.asin(e.min(v, 0.9))),
      one.map((v) => e.asinh(v)),
      one.map((v) => e.pow(v, 1.25)),
    ];
    const inner = fc.oneof(...arithmetic, ...(algebraic ? [] : elementary));
    return {
      node: fc.oneof(
        { depthSize: 'max', maxDepth: 3 },
        { weight: 1, arbitrary: leaf },
        { weight: 4, arbitrary: inner },
      ),
    };
  });
  return node;
}

const randomForm = (algebraic: boolean): fc.Arbitrary<ExpressionForm> =>
  fc
    .tuple(
      positive([x, y], algebraic),
      positive([y, x], algebraic),
      positive([a0, b1, s0, s1, d], algebraic),
      positive([r, e.add(r, 1)], algebraic),
    )
    .map(([first, second, rank, finish]) =>
      expressionForm({ reduce: 'sum', terms: [first, second], rank, finish, aux: 2 }),
    );

/** Float32 numbers of [0.5, 2], some equal in both. */
function inputs(seed: number): Float32Array[] {
  const rng = new Rng(seed);
  const draw = (): Float32Array =>
    Float32Array.from({ length: COUNT }, () => 0.5 + 1.5 * rng.uniform());
  const [a, b, c, g] = [draw(), draw(), draw(), draw()];
  for (let i = 0; i < COUNT; i += 7) b[i] = a[i];
  return [a, b, c, g];
}

/** Value of a form of one feature: x, y, a0 and b1 from the four inputs. */
function evaluate(form: ExpressionForm, given: readonly Float32Array[], i: number): number {
  const [a, b, c, g] = given.map((values) => values[i]);
  const names: Partial<Record<string, number>> = { x: a, y: b, a0: c, b1: g, d: 1 };
  const lookUp = (name: string): number => names[name] ?? 0;
  names.s0 = evaluateScalar(form.terms[0], lookUp);
  names.s1 = form.terms.length === 2 ? evaluateScalar(form.terms[1], lookUp) : 0;
  names.r = evaluateScalar(form.rank, lookUp);
  return evaluateScalar(form.finish, lookUp);
}

const SCALARS = 'vec4<f32>(c, 0.0, 0.0, 0.0), vec4<f32>(0.0, d, 0.0, 0.0), 1.0';

async function single(form: ExpressionForm, given: readonly Float32Array[]): Promise<Float32Array> {
  const second = form.terms.length === 2 ? 'formTerm1(a, b)' : '0.0';
  const body = `result[index] = formFinish(formRank(formTerm0(a, b), ${second}, ${SCALARS}));`;
  return runWgsl(formCode(form), body, given, 1);
}

async function precise(
  form: ExpressionForm,
  given: readonly Float32Array[],
): Promise<Float32Array> {
  const second = form.terms.length === 2 ? 'preciseTerm1(a, b)' : 'vec2<f32>(0.0, 0.0)';
  const rank = `preciseRank(preciseTerm0(a, b), ${second}, ${SCALARS})`;
  const body = `result[index] = preciseFinish(${rank}).x;`;
  return runWgsl(DOUBLE_FLOAT + formCodePrecise(form), body, given, 1);
}

/** Assert that values are the float64 ones rounded, but for what lies within 2^-43 of halfway. */
function expectRounded(got: Float32Array, want: readonly number[], form: ExpressionForm): void {
  let met = 0;
  want.forEach((value, i) => {
    const rounded = Math.fround(value);
    if (got[i] === rounded) met++;
    else if (Math.abs(value - (got[i] + rounded) / 2) > 2 ** -43 * Math.abs(value)) {
      expect.fail(`element ${i}: got ${got[i]}, want ${value} of ${form.key}`);
    }
  });
  expect(met).toBeGreaterThan(want.length / 2);
}

describe('constants in WGSL', () => {
  it('literals are hex floats of the nearest float32', () => {
    expect(f32Literal(0)).toBe('0.0f');
    expect(f32Literal(-0)).toBe('-0.0f');
    expect(f32Literal(1)).toBe('0x1.000000p0f');
    expect(f32Literal(-0.1)).toBe('-0x1.99999ap-4f');
    expect(f32Literal(3.4028234663852886e38)).toBe('0x1.fffffep127f');
    expect(f32Literal(2 ** -149)).toBe('0x0.000002p-126f');
  });

  it('error: a constant that float32 does not hold', () => {
    for (const value of [1e39, Infinity, -Infinity, NaN]) {
      expect(() => f32Literal(value)).toThrow(DomainError);
      const terms = [e.mul(x, value)] as const;
      const form = expressionForm({ reduce: 'sum', terms, rank: s0, finish: r, aux: 0 });
      expect(() => formCode(form)).toThrow('a constant of its expression must be a number');
      expect(() => formCodePrecise(form)).toThrow(DomainError);
    }
  });

  it('error: no extended precision for elementary functions', () => {
    expect(() => formCodePrecise(forms.klForm)).toThrow(UnsupportedError);
    for (const { form } of FORM_CASES.filter(({ form: { algebraic } }) => algebraic)) {
      expect(formCodePrecise(form)).toContain('fn preciseRank');
    }
  });

  it('only the support functions in use are written, each once', () => {
    const code = formCode(forms.klForm);
    expect(code.match(/fn exprLog\(/g)).toHaveLength(1);
    expect(code).not.toContain('fn exprAsin');
    expect(formCode(forms.cityblockForm)).not.toContain('fn expr');
  });
});

describeOnBackend('webgpu', 'expressions in WGSL', () => {
  beforeAll(async () => {
    await startBackend({ prefer: 'webgpu' });
  });

  const all = (form: ExpressionForm, given: readonly Float32Array[]): number[] =>
    Array.from({ length: COUNT }, (_, i) => evaluate(form, given, i));

  it('property: literals arrive bit by bit', async () => {
    const rng = new Rng(6);
    const values = Float32Array.from(
      { length: 60 },
      () => rng.normal() * 10 ** (60 * rng.uniform() - 30),
    );
    const cases = Array.from(
      values,
      (v, i) => `if (index == ${i}) { result[index] = ${f32Literal(v)}; }`,
    );
    const got = await runWgsl('', cases.join('\n'), [values], 1);
    expect(got).toEqual(values);
  });

  it('property: random expressions in float32', async () => {
    await fc.assert(
      fc.asyncProperty(randomForm(false), fc.nat(), async (form, seed) => {
        const given = inputs(seed);
        expectClose(await single(form, given), all(form, given), TOLERANCES.elementary);
      }),
      { ...PROPERTY, numRuns: 15, endOnFailure: true },
    );
  });

  it('property: random algebraic expressions in double-float are correctly rounded', async () => {
    await fc.assert(
      fc.asyncProperty(randomForm(true), fc.nat(), async (form, seed) => {
        const given = inputs(seed);
        expectRounded(await precise(form, given), all(form, given), form);
      }),
      { ...PROPERTY, numRuns: 15, endOnFailure: true },
    );
  });

  it.each(FORM_CASES.filter(({ form }) => form.algebraic))(
    'reference: $name in double-float is correctly rounded',
    async ({ form }) => {
      const given = inputs(3);
      expectRounded(await precise(form, given), all(form, given), form);
    },
  );

  it('edge: comparisons with NaN are false, in both precisions', async () => {
    const rank = e.add(
      e.where('lt', x, y, 1, 0),
      e.add(e.where('le', x, y, 2, 0), e.where('eq', x, y, 4, 0)),
    );
    const form = expressionForm({ reduce: 'sum', terms: [rank], rank: s0, finish: r, aux: 0 });
    const values = [0, -0, 1, -1, Infinity, -Infinity, NaN];
    const a = Float32Array.from(values.flatMap((v) => values.map(() => v)));
    const b = Float32Array.from(values.flatMap(() => values));
    const given = [a, b, a, b];
    const want = Float32Array.from(a, (_, i) => evaluate(form, given, i));
    expect(await single(form, given)).toEqual(want);
    expect(await precise(form, given)).toEqual(want);
  });

  it('edge: a quotient of constants by 0 compiles and is what division gives', async () => {
    const terms = [e.add(e.div(1, 0), x)] as const;
    const form = expressionForm({ reduce: 'sum', terms, rank: s0, finish: r, aux: 0 });
    const given = inputs(1);
    const want = new Float32Array(COUNT).fill(Infinity);
    expect(await single(form, given)).toEqual(want);
    expect(await precise(form, given)).toEqual(want);
  });
});
