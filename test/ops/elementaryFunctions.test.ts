import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { DtypeError } from '../../src/errors.js';
import * as functions from '../../src/ops/elementaryFunctions.js';
import { referenceElementary } from '../reference/elementary.js';
import type { ElementaryName } from '../reference/elementary.js';
import { Rng } from '../../src/util/rng.js';
import { describeOp } from '../support/backends.js';
import { expectNoLeak } from '../support/leaks.js';

interface Domain {
  readonly low: number;
  readonly high: number;
  /** Value at 0, and at infinity of both signs where it is defined. */
  readonly zero: number;
  readonly infinity: number;
}

const DOMAINS: Readonly<Record<ElementaryName, Domain>> = {
  log1p: { low: -1, high: 3e38, zero: 0, infinity: Infinity },
  expm1: { low: -100, high: 88, zero: 0, infinity: Infinity },
  sinh: { low: -89, high: 89, zero: 0, infinity: Infinity },
  cosh: { low: -89, high: 89, zero: 1, infinity: Infinity },
  tanh: { low: -100, high: 100, zero: 0, infinity: 1 },
  asinh: { low: -3e38, high: 3e38, zero: 0, infinity: Infinity },
  acosh1p: { low: 0, high: 3e38, zero: 0, infinity: Infinity },
  atanh: { low: -1, high: 1, zero: 0, infinity: NaN },
  sinhc: { low: -93, high: 93, zero: 1, infinity: Infinity },
  tanhc: { low: -100, high: 100, zero: 1, infinity: 0 },
  asinhc: { low: -3e38, high: 3e38, zero: 1, infinity: 0 },
  atanhc: { low: -1, high: 1, zero: 1, infinity: NaN },
};

const NAMES = Object.keys(DOMAINS) as ElementaryName[];
/**
 * The bounds that docs/numerics.md states. Composed forms stand on the exponential of tfjs, which in a
 * shader is exp2(x log2 e): its error grows with |x|.
 */
const MOST_ULP = { kernel: 4, composed: 96 } as const;

/** Points of all magnitudes, and evenly spread ones, of both signs. */
function pointsOf({ low, high }: Domain): number[] {
  const rng = new Rng(7);
  const spread = Array.from({ length: 300 }, () => {
    const size = Math.min(high, 100);
    return low + rng.uniform() * (size - Math.max(low, -100)) + (Math.max(low, -100) - low);
  });
  const sizes = Array.from({ length: 400 }, () => 2 ** (-120 + rng.uniform() * 247));
  const rim = Array.from({ length: 60 }, (_, i) => 1 - 2 ** (-24 + i / 3));
  return [...spread, ...sizes, ...sizes.map((v) => -v), ...rim, ...rim.map((v) => -v)]
    .map(Math.fround)
    .filter((v) => v > low && v < high);
}

/** Spacing of float32 numbers at a value. */
function ulpAt(value: number): number {
  return 2 ** Math.max(-149, Math.floor(Math.log2(Math.abs(value))) - 23);
}

async function valuesOf(tensor: tf.Tensor): Promise<number[]> {
  const values = [...(await tensor.data())];
  tensor.dispose();
  return values;
}

describeOp('rowMap', ({ form, run }) => {
  const mostUlp = MOST_ULP[form];

  describe.each(NAMES)('%s', (name) => {
    const domain = DOMAINS[name];
    const apply = (x: number[]): Promise<number[]> =>
      valuesOf(run(() => functions[name](tf.tensor1d(x))));

    it(`reference: at most ${mostUlp} ulp over the whole domain`, async () => {
      const points = pointsOf(domain);
      const got = await apply(points);
      // Below the normal numbers a device may round to 0.
      const wrong = points.flatMap((x, i) => {
        const want = referenceElementary(name, x);
        const ulp = Math.abs(got[i] - want) / ulpAt(want);
        return Math.abs(want) < 2 ** -126 || ulp <= mostUlp ? [] : [{ x, want, got: got[i], ulp }];
      });
      expect(wrong).toEqual([]);
    });

    it('edge: 0, infinity, NaN and outside the domain', async () => {
      const [zero, infinity, nan] = await apply([0, Infinity, NaN]);
      expect(zero).toBe(domain.zero);
      expect(infinity).toBe(domain.infinity);
      expect(nan).toBeNaN();
      if (domain.low === -1 || domain.low === 0) {
        const [outside] = await apply([domain.low === 0 ? -0.5 : -1.5]);
        expect(outside).toBeNaN();
      }
    });

    it('gradient: equals central differences of the reference', async () => {
      const points = [-0.9, -0.31, -1e-4, 0, 1e-4, 0.29, 0.31, 0.58, 0.62, 0.95, 1.5, 7]
        .filter((x) => x > domain.low + 0.01 && x < domain.high - 0.01)
        .filter((x) => name !== 'acosh1p' || x > 0.1);
      const x = tf.tensor1d(points);
      const got = run(() => tf.grad((v) => tf.sum(functions[name](v)))(x));
      const values = await valuesOf(got);
      x.dispose();
      const step = 1e-6;
      points.forEach((at, i) => {
        const f32 = Math.fround(at);
        const want =
          (referenceElementary(name, f32 + step) - referenceElementary(name, f32 - step)) /
          (2 * step);
        expect(
          Math.abs(values[i] - want),
          `${name}'(${at}): ${values[i]} for ${want}`,
        ).toBeLessThan(1e-5 * (1 + Math.abs(want)));
      });
    });
  });

  it('reference: any shape, also empty and a scalar', async () => {
    expect(run(() => functions.sinh(tf.zeros([2, 0]))).shape).toEqual([2, 0]);
    const scalar = run(() => functions.tanh(0.5));
    expect(scalar.shape).toEqual([]);
    expect((await valuesOf(scalar))[0]).toBeCloseTo(Math.tanh(0.5), 6);
    const grid = run(() =>
      functions.asinh([
        [1, 2, 3],
        [4, 5, 6],
      ]),
    );
    expect(grid.shape).toEqual([2, 3]);
    expect((await valuesOf(grid))[5]).toBeCloseTo(Math.asinh(6), 5);
  });

  it('error: DtypeError by its words; memory: no tensor is left', async () => {
    const integers = tf.tensor1d([1], 'int32');
    expect(() => functions.sinhc(integers)).toThrow(DtypeError);
    expect(() => functions.sinhc(integers)).toThrow('sinhc: x must be float32, got int32.');
    integers.dispose();
    await valuesOf(run(() => functions.sinh([1, 2])));
    await expectNoLeak(async () => {
      await valuesOf(run(() => functions.sinh([1, 2])));
    });
  });
});
