import { beforeAll, describe, expect, it } from 'vitest';
import { startBackend } from '../../../src/backends/start.js';
import { DOUBLE_FLOAT } from '../../../src/kernels/webgpu/wgsl/doubleFloat.js';
import { Rng } from '../../../src/util/rng.js';
import { describeOnBackend } from '../../backends/onBackend.js';
import { runWgsl } from './runWgsl.js';

const COUNT = 20_000;
/** Whole numbers stand for multiples of 2^-SCALE: every float32 above 2^-150 is one, exactly. */
const SCALE = 200;

/** A float32 as a whole number of 2^-SCALE. */
function exact(value: number): bigint {
  if (value === 0) return 0n;
  const exponent = Math.floor(Math.log2(Math.abs(value))) - 60;
  // value / 2^exponent is a whole number: 24 bits lie above 2^-60 of it.
  return BigInt(value * 2 ** -exponent) << BigInt(exponent + SCALE);
}

const magnitude = (v: bigint): bigint => (v < 0n ? -v : v);

/** floor(sqrt(v)) */
function rootOf(v: bigint): bigint {
  if (v < 2n) return v;
  let x = 1n << BigInt(Math.ceil(v.toString(2).length / 2));
  for (;;) {
    const next = (x + v / x) >> 1n;
    if (next >= x) return x;
    x = next;
  }
}

/** Random bits of significands, exponents within +-range. */
function randomFloats(rng: Rng, range: number): Float32Array {
  const bits = new Uint32Array(COUNT);
  for (let i = 0; i < COUNT; i++) {
    const exponent = 127 + Math.floor((2 * rng.uniform() - 1) * range);
    // Many significands end in zeros or ones, where ties and carries are.
    const fraction = Math.floor(rng.uniform() * 2 ** 23);
    const kind = rng.uniform();
    const shaped = kind < 0.2 ? fraction & 0x7ff000 : kind < 0.4 ? fraction | 0xfff : fraction;
    bits[i] = ((rng.uniform() < 0.5 ? 1 : 0) << 31) | (exponent << 23) | shaped;
  }
  return new Float32Array(bits.buffer);
}

/** Low parts of at most half an ulp, some of them 0. */
function lowParts(rng: Rng, high: Float32Array): Float32Array {
  return high.map((v) =>
    rng.uniform() < 0.2
      ? 0
      : (2 * rng.uniform() - 1) * 2 ** (Math.floor(Math.log2(Math.abs(v))) - 24),
  );
}

interface Operands {
  readonly a: Float32Array;
  readonly b: Float32Array;
  readonly aLow: Float32Array;
  readonly bLow: Float32Array;
}

function operands(seed: number, range: number): Operands {
  const rng = new Rng(seed);
  const a = randomFloats(rng, range);
  const b = randomFloats(rng, range);
  // Some pairs nearly cancel.
  for (let i = 0; i < COUNT; i += 5) b[i] = -a[i] * (1 + Math.floor(rng.uniform() * 8) * 2 ** -22);
  return { a, b, aLow: lowParts(rng, a), bLow: lowParts(rng, b) };
}

const A = 'vec2<f32>(a, c)';
const B = 'vec2<f32>(b, d)';

describeOnBackend('webgpu', 'double-float arithmetic in WGSL', () => {
  beforeAll(async () => {
    await startBackend({ prefer: 'webgpu' });
  });

  const run = async (code: string, { a, b, aLow, bLow }: Operands): Promise<Float32Array> =>
    runWgsl(
      DOUBLE_FLOAT,
      `let value = ${code}; result[2 * index] = value.x; result[2 * index + 1] = value.y;`,
      [a, b, aLow, bLow],
      2,
    );

  describe('exact', () => {
    it.each([
      ['dfTwoSum', 40, (a: bigint, b: bigint) => (a + b) << BigInt(SCALE)],
      ['dfFromDifference', 40, (a: bigint, b: bigint) => (a - b) << BigInt(SCALE)],
      ['dfTwoProd', 30, (a: bigint, b: bigint) => a * b],
    ] as const)('%s loses no bit', async (name, range, want) => {
      const given = operands(1, range);
      const got = await run(`${name}(a, b)`, given);
      for (let i = 0; i < COUNT; i++) {
        const sum = (exact(got[2 * i]) + exact(got[2 * i + 1])) << BigInt(SCALE);
        if (sum !== want(exact(given.a[i]), exact(given.b[i]))) {
          expect.fail(`${name}(${given.a[i]}, ${given.b[i]}) = ${got[2 * i]} + ${got[2 * i + 1]}`);
        }
        // The high part is the rounded result.
        expect(Math.fround(got[2 * i] + got[2 * i + 1])).toBe(got[2 * i]);
      }
    });
  });

  describe('within 2^-44', () => {
    const value = ({ a, aLow }: Operands, i: number): bigint => exact(a[i]) + exact(aLow[i]);
    const other = ({ b, bLow }: Operands, i: number): bigint => exact(b[i]) + exact(bLow[i]);

    /** Results against exact ones, both in units of 2^-SCALE / unit. */
    function compare(
      got: Float32Array,
      want: (i: number) => bigint,
      unit: bigint,
      describeCase: (i: number) => string,
    ): void {
      for (let i = 0; i < COUNT; i++) {
        const truth = want(i);
        const found = (exact(got[2 * i]) + exact(got[2 * i + 1])) * unit;
        if (magnitude(found - truth) << 44n > magnitude(truth)) expect.fail(describeCase(i));
        expect(Math.fround(got[2 * i] + got[2 * i + 1])).toBe(got[2 * i]);
      }
    }

    it.each([
      ['dfAdd', 40],
      ['dfSub', 40],
      ['dfMul', 30],
      ['dfDiv', 30],
    ] as const)('reference: %s', async (name, range) => {
      const given = operands(2, range);
      const got = await run(`${name}(${A}, ${B})`, given);
      const one = 1n << BigInt(SCALE);
      const want = (i: number): bigint => {
        const [a, b] = [value(given, i), other(given, i)];
        if (name === 'dfAdd') return (a + b) * one;
        if (name === 'dfSub') return (a - b) * one;
        return name === 'dfMul' ? a * b : (a * one * one) / b;
      };
      compare(got, want, one, (i) => `${name}: operands ${given.a[i]}, ${given.b[i]}`);
    });

    it('reference: dfSqrt and dfSquare', async () => {
      const given = operands(3, 60);
      const one = 1n << BigInt(SCALE);
      const name = (i: number): string => `operand ${given.a[i]}`;
      const roots = await run(`dfSqrt(dfAbs(${A}))`, given);
      compare(roots, (i) => rootOf(magnitude(value(given, i)) * one * one * one), one, name);
      const small = operands(4, 30);
      const squares = await run(`dfSquare(${A})`, small);
      compare(squares, (i) => value(small, i) ** 2n, one, name);
    });

    it('reference: quotients and roots at both ends of the range', async () => {
      const given = operands(5, 120);
      const quotients = await run(`dfDiv(${A}, ${B})`, given);
      const roots = await run(`dfSqrt(dfAbs(${A}))`, given);
      for (let i = 0; i < COUNT; i++) {
        const a = given.a[i] + given.aLow[i];
        const quotient = a / (given.b[i] + given.bLow[i]);
        // Halfway cases aside, which float64 does not settle, the high part is the rounded result.
        const rounded = Math.fround(quotient);
        const size = Math.abs(rounded);
        if (size >= 2 ** -125 && Math.abs(given.aLow[i]) >= 2 ** -126) {
          const apart = Math.abs(quotients[2 * i] - rounded);
          if (size < Infinity && apart > 0) {
            expect(Math.abs(quotient - (quotients[2 * i] + rounded) / 2) / size).toBeLessThan(
              2 ** -44,
            );
          } else expect(quotients[2 * i]).toBe(rounded);
        }
        expect(Math.abs(roots[2 * i] / Math.sqrt(Math.abs(a)) - 1)).toBeLessThan(2 ** -23.9);
      }
    });
  });

  it('edge: infinity and NaN stay what they are', async () => {
    const values = [0, -0, 1, -2, 3e38, -3e38, Infinity, -Infinity, NaN];
    const a = Float32Array.from(values.flatMap((v) => values.map(() => v)));
    const b = Float32Array.from(values.flatMap(() => values));
    const none = new Float32Array(a.length);
    const given = { a, b, aLow: none, bLow: none };
    const cases: readonly (readonly [string, (x: number, y: number) => number])[] = [
      ['dfTwoSum(a, b)', (x, y) => x + y],
      ['dfFromDifference(a, b)', (x, y) => x - y],
      ['dfTwoProd(a, b)', (x, y) => x * y],
      [`dfAdd(${A}, ${B})`, (x, y) => x + y],
      [`dfSub(${A}, ${B})`, (x, y) => x - y],
      [`dfMul(${A}, ${B})`, (x, y) => x * y],
      [`dfDiv(${A}, ${B})`, (x, y) => x / y],
      [`dfSqrt(${A})`, Math.sqrt],
      [`dfSquare(${A})`, (x) => x * x],
      [`dfMin(${A}, ${B})`, Math.min],
      [`dfMax(${A}, ${B})`, Math.max],
      [`dfSign(${A})`, Math.sign],
      [`vec2<f32>(select(0.0, 1.0, dfLess(${A}, ${B})), 0.0)`, (x, y) => Number(x < y)],
      [`vec2<f32>(select(0.0, 1.0, dfAtMost(${A}, ${B})), 0.0)`, (x, y) => Number(x <= y)],
      [`vec2<f32>(select(0.0, 1.0, dfEqual(${A}, ${B})), 0.0)`, (x, y) => Number(x === y)],
    ];
    for (const [code, want] of cases) {
      const got = await run(code, given);
      for (let i = 0; i < a.length; i++) {
        // Zeros have no sign here.
        expect(got[2 * i] + 0, `${code} of ${a[i]}, ${b[i]}`).toBe(
          Math.fround(want(a[i], b[i])) + 0,
        );
        if (!Number.isFinite(got[2 * i])) expect(got[2 * i + 1]).toBe(0);
      }
    }
  });

  it('property: order is decided by the low part between equal high parts', async () => {
    const given = {
      a: Float32Array.of(1, 1, 1, -1),
      b: Float32Array.of(1, 1, 1, -1),
      aLow: Float32Array.of(2 ** -30, -(2 ** -30), 2 ** -30, 2 ** -30),
      bLow: Float32Array.of(2 ** -29, 2 ** -30, 2 ** -30, 2 ** -29),
    };
    const test = `select(0.0, 1.0, dfLess(${A}, ${B})), select(0.0, 1.0, dfEqual(${A}, ${B}))`;
    expect(Array.from(await run(`vec2<f32>(${test})`, given))).toEqual([1, 0, 1, 0, 0, 1, 1, 0]);
    expect(Array.from(await run(`dfMax(${A}, ${B})`, given))).toEqual(
      Array.from({ length: 4 }, (_, i) => [
        given.a[i],
        Math.max(given.aLow[i], given.bLow[i]),
      ]).flat(),
    );
  });
});
