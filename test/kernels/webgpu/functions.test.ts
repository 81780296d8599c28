import { beforeAll, describe, expect, it } from 'vitest';
import { startBackend } from '../../../src/backends/start.js';
import { functionsCode } from '../../../src/kernels/webgpu/wgsl/functions.js';
import type { FunctionName } from '../../../src/kernels/webgpu/wgsl/functions.js';
import { Rng } from '../../../src/util/rng.js';
import { describeOnBackend } from '../../backends/onBackend.js';
import { runWgsl } from './runWgsl.js';

const COUNT = 100_000;
const SMALLEST_NORMAL = 2 ** -126;

/** Spacing of float32 numbers at a value. */
function ulpOf(value: number): number {
  return 2 ** (Math.floor(Math.log2(Math.abs(Math.fround(value)))) - 23);
}

/**
 * Largest error in ulp of the true value. NaN and infinity must be met exactly; results below the
 * normal numbers may be flushed to 0.
 */
function worstUlp(got: ArrayLike<number>, want: readonly number[]): number {
  let worst = 0;
  want.forEach((value, i) => {
    const rounded = Math.fround(value);
    if (!Number.isFinite(rounded)) {
      if (!Object.is(rounded, got[i])) worst = Infinity;
    } else if (Math.abs(rounded) < SMALLEST_NORMAL) {
      if (Math.abs(got[i] - value) > SMALLEST_NORMAL) worst = Infinity;
    } else worst = Math.max(worst, Math.abs(got[i] - value) / ulpOf(value));
  });
  return worst;
}

const spread = (low: number, high: number): Float32Array => {
  const rng = new Rng(1);
  return Float32Array.from({ length: COUNT }, () => low + (high - low) * rng.uniform());
};
/** Every magnitude as likely as any other, half of them negative when asked for. */
const magnitudes = (low: number, high: number, signed = false): Float32Array => {
  const rng = new Rng(2);
  return Float32Array.from({ length: COUNT }, () => {
    const size = low * (high / low) ** rng.uniform();
    return signed && rng.uniform() < 0.5 ? -size : size;
  });
};
/** The float32 numbers nearest to the multiples of pi/2 below 10,000, where sine or cosine vanish. */
const turns = Float32Array.from({ length: 6366 }, (_, i) => (i * Math.PI) / 2);

type Name = Extract<
  FunctionName,
  'exp' | 'log' | 'log1p' | 'sin' | 'cos' | 'asin' | 'asinh' | 'sqrt'
>;
const callOf = (name: string): string => `expr${name.charAt(0).toUpperCase()}${name.slice(1)}`;

/** Largest error allowed, in ulp: about one and a half of what lavapipe shows. */
const CASES: readonly (readonly [name: Name, bound: number, values: Float32Array])[] = [
  ['log', 1.5, magnitudes(2e-38, 3e38)],
  ['log', 1.5, spread(0.5, 2)],
  ['log', 1.5, spread(0.99, 1.01)],
  ['log1p', 4, magnitudes(1e-30, 0.9999, true)],
  ['log1p', 4, spread(-1, 4)],
  ['log1p', 4, magnitudes(1, 3e38)],
  ['exp', 2, spread(-87, 88.72)],
  ['exp', 2, spread(-1, 1)],
  ['sin', 3, spread(-1e4, 1e4)],
  ['sin', 3, magnitudes(1e-30, 10, true)],
  ['sin', 3, turns],
  ['cos', 3, spread(-1e4, 1e4)],
  ['cos', 3, spread(-10, 10)],
  ['cos', 3, turns],
  ['asin', 4, spread(-1, 1)],
  ['asin', 4, magnitudes(1e-30, 1, true)],
  ['asinh', 4, magnitudes(1e-30, 3e38, true)],
  ['asinh', 4, spread(-3, 3)],
  ['sqrt', 3, magnitudes(2e-38, 3e38)],
];

const POWERS: readonly (readonly [Float32Array, Float32Array])[] = [
  [magnitudes(1e-37, 1e38), spread(0.01, 1)],
  [magnitudes(1e-5, 1e5), spread(0.1, 5)],
  [spread(0.9, 1.1), magnitudes(1, 800)],
  [magnitudes(1e-3, 1e3), spread(-4, 12)],
  [spread(0.5, 2), spread(-80, 120)],
];

const NONE = NaN;
const EDGES: Readonly<Record<Name, readonly number[]>> = {
  exp: [0, -0, Infinity, -Infinity, NONE, 89, -200, 88.9],
  log: [0, -0, 1, Infinity, -1, -Infinity, NONE, 2 ** -126],
  log1p: [0, -1, Infinity, -2, -Infinity, NONE, 1e-38],
  sin: [0, Infinity, -Infinity, NONE],
  cos: [0, Infinity, -Infinity, NONE],
  asin: [0, 1, -1, 1.5, -1.5, Infinity, NONE],
  asinh: [0, Infinity, -Infinity, NONE, 3.4e38],
  sqrt: [0, Infinity, -1, -Infinity, NONE],
};

describeOnBackend('webgpu', 'elementary functions in WGSL', () => {
  beforeAll(async () => {
    await startBackend({ prefer: 'webgpu' });
  });

  const evaluate = async (name: Name, values: Float32Array): Promise<Float32Array> =>
    runWgsl(functionsCode([name]), `result[index] = ${callOf(name)}(a);`, [values], 1);

  it.each(CASES)('reference: %s within %f ulp', async (name, bound, values) => {
    const worst = worstUlp(
      await evaluate(name, values),
      Array.from(values, (v) => Math[name](v)),
    );
    expect(worst).toBeLessThan(bound);
    // All operations round: an error of 0 would mean that nothing was compared.
    expect(worst).toBeGreaterThan(0);
  });

  it('reference: pow within 4 ulp', async () => {
    for (const [v, p] of POWERS) {
      const shuffled = p.slice().sort((a, b) => Math.sin(1e4 * a) - Math.sin(1e4 * b));
      const body = 'result[index] = exprPow(a, b);';
      const got = await runWgsl(functionsCode(['pow']), body, [v, shuffled], 1);
      expect(
        worstUlp(
          got,
          Array.from(v, (value, i) => value ** shuffled[i]),
        ),
      ).toBeLessThan(4);
    }
  });

  describe('edge', () => {
    it.each(Object.keys(EDGES) as Name[])('%s at zeros, ends, infinity and NaN', async (name) => {
      const values = Float32Array.from(EDGES[name]);
      const want = Array.from(values, (v) => Math[name](v));
      const got = await evaluate(name, values);
      expect(
        worstUlp(got, want),
        `${Array.from(got).join(' ')} for ${want.join(' ')}`,
      ).toBeLessThan(4);
    });

    it('pow at zeros, ends, infinity and NaN', async () => {
      const pairs = [
        [0, 0.5],
        [0, 0],
        [0, -1],
        [1, 1000],
        [NaN, 2],
        [NaN, 0],
        [2, NaN],
        [Infinity, 0.5],
        [Infinity, -2],
        [-1, 0.5],
        [1e30, 2],
        [1e-30, 2],
        [2, 127],
        [2, Infinity],
        [0.5, Infinity],
      ];
      const v = Float32Array.from(pairs, ([value]) => value);
      const p = Float32Array.from(pairs, ([, power]) => power);
      const got = await runWgsl(
        functionsCode(['pow']),
        'result[index] = exprPow(a, b);',
        [v, p],
        1,
      );
      expect(
        worstUlp(
          got,
          pairs.map(([value, power]) => Math.fround(value) ** power),
        ),
        Array.from(got).join(' '),
      ).toBeLessThan(4);
    });

    it('comparisons and sign are exact, and false or NaN for NaN', async () => {
      const values = [0, -0, 1, -1, 1.5, -1.5, 2 ** -126, Infinity, -Infinity, NaN, 3e38];
      const a = Float32Array.from(values.flatMap((v) => values.map(() => v)));
      const b = Float32Array.from(values.flatMap(() => values));
      const got = await runWgsl(
        functionsCode(['less', 'atMost', 'equal', 'isZero', 'sign']),
        `result[5 * index] = select(0.0, 1.0, exprLess(a, b));
         result[5 * index + 1] = select(0.0, 1.0, exprAtMost(a, b));
         result[5 * index + 2] = select(0.0, 1.0, exprEqual(a, b));
         result[5 * index + 3] = select(0.0, 1.0, exprIsZero(a));
         result[5 * index + 4] = exprSign(a);`,
        [a, b],
        5,
      );
      const want = Array.from(a, (v, i) => [
        Number(v < b[i]),
        Number(v <= b[i]),
        Number(v === b[i]),
        Number(v === 0),
        Math.sign(v) + 0,
      ]).flat();
      expect(Array.from(got, (v) => v + 0)).toEqual(want);
    });
  });
});
