/** The reconstruction value of `reconstructionTest: 'combined'`. */
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import '../../../src/kernels/cpu/register.js';
import { DataError } from '../../../src/errors.js';
import { auroc } from '../../../src/metrics/index.js';
import { Sage } from '../../../src/models/index.js';
import type { SageConfigInput, SageScores } from '../../../src/models/index.js';
import { residualValue } from '../../../src/models/sage/residuals.js';
import type { Artifacts } from '../../../src/util/artifacts.js';
import { takeRows } from '../../../src/util/rows.js';
import type { Rows } from '../../../src/util/rows.js';
import { PROPERTY } from '../../support/arbitraries.js';
import { blobs, halves, withSage } from './toy.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const unit = {
  variance: Float64Array.of(1),
  error: { mean: 0, deviation: 1 },
  scaled: { mean: 0, deviation: 1 },
};
const size = fc.double({ min: 1e-3, max: 1e3, noNaN: true });

describe('residualValue', () => {
  it('golden: the largest of z_e, z_s - 1 and -z_e - 3/2', () => {
    expect(residualValue(unit, Math.E ** 2, 1)).toBeCloseTo(2, 12);
    expect(residualValue(unit, 1, Math.E ** 3)).toBeCloseTo(2, 12);
    expect(residualValue(unit, Math.E ** -4, 1)).toBeCloseTo(2.5, 12);
    const wide = { ...unit, error: { mean: 1, deviation: 2 } };
    expect(residualValue(wide, Math.E ** 5, 1)).toBeCloseTo(2, 12);
  });

  it('property: more scaled error never lowers it, and the middle of the error is its least', () => {
    fc.assert(
      fc.property(size, size, size, (error, scaled, more) => {
        const value = residualValue(unit, error, scaled);
        expect(residualValue(unit, error, scaled + more)).toBeGreaterThanOrEqual(value);
        // z_e and -z_e - 3/2 are equal at z_e = -3/4.
        expect(residualValue(unit, Math.exp(-0.75), scaled)).toBeLessThanOrEqual(value + 1e-12);
      }),
      PROPERTY,
    );
  });

  it('edge: an error of 0 is finite', () => {
    expect(Number.isFinite(residualValue(unit, 0, 0))).toBe(true);
  });
});

type Spreads = Record<'error' | 'scaled', { readonly mean: number; readonly deviation: number }>;

/** The spread of the logarithms that artifacts hold. */
function spreadsOf({ config }: Artifacts): Spreads {
  return (config.fitted as unknown as { readonly residuals: Spreads }).residuals;
}

/** What the saved numbers and `reconstruct` say about rows, by the definition, in float64. */
async function valuesOf(sage: Sage, x: Rows): Promise<number[]> {
  const artifacts = await sage.toArtifacts();
  const { arrays } = artifacts;
  const residuals = spreadsOf(artifacts);
  const variance = arrays['bank/residuals'].data;
  const deviation = arrays['input.deviation'].data;
  const back = await sage.reconstruct(x);
  const features = variance.length;
  const z = (which: 'error' | 'scaled', value: number): number =>
    (Math.log(value) - residuals[which].mean) / residuals[which].deviation;
  return Array.from({ length: x.count }, (_, i) => {
    let [error, scaled] = [0, 0];
    for (let j = 0; j < features; j++) {
      const at = i * features + j;
      const square = ((x.data[at] - back.data[at]) / deviation[j]) ** 2;
      error += square / features;
      scaled += square / variance[j] / features;
    }
    return Math.max(z('error', error), z('scaled', scaled) - 1, -z('error', error) - 1.5);
  });
}

describe("reconstructionTest 'combined'", () => {
  it('reference: raw values equal the definition on saved numbers', async () => {
    const test = blobs(40, 2, 0.5).x;
    await withSage({}, blobs(100, 1), async (sage) => {
      const { raw } = await sage.score(test);
      const want = await valuesOf(sage, test);
      want.forEach((value, i) => expect(raw.reconstruction[i]).toBeCloseTo(value, 3));
    });
  });

  it('reference: the saved spread and mean squares are those of the training rows', async () => {
    const data = blobs(100, 1);
    const calibration = blobs(20, 3);
    const sage = new Sage({ hidden: [8], headHidden: [], latentDim: 2, epochs: 3, k: 3 });
    await sage.fit(data.x, data.targets, { calibration });
    const artifacts = await sage.toArtifacts();
    const { arrays } = artifacts;
    const [variance, deviation] = [arrays['bank/residuals'].data, arrays['input.deviation'].data];
    const back = await sage.reconstruct(data.x);
    sage.dispose();
    const errors = Array.from({ length: 100 }, (_, i) => {
      let sum = 0;
      for (let j = 0; j < 6; j++) {
        sum += ((data.x.data[i * 6 + j] - back.data[i * 6 + j]) / deviation[j]) ** 2;
      }
      return Math.log(sum / 6);
    });
    const mean = errors.reduce((sum, value) => sum + value, 0) / 100;
    expect(spreadsOf(artifacts).error.mean).toBeCloseTo(mean, 4);
    const squares = Array.from({ length: 6 }, (_, j) => {
      let sum = 0;
      for (let i = 0; i < 100; i++) {
        sum += ((data.x.data[i * 6 + j] - back.data[i * 6 + j]) / deviation[j]) ** 2;
      }
      return sum / 100;
    });
    const floor = squares.reduce((sum, value) => sum + value, 0) / 600;
    squares.forEach((value, j) => expect(variance[j] / (value + floor)).toBeCloseTo(1, 3));
  });

  it('sees ink where training rows have none, which the plain error overlooks', async () => {
    const dim = (seed: number): ReturnType<typeof halves> => {
      // The last column is always 0.1 in training: no noise at all.
      const set = halves(80, seed);
      for (let p = 7; p < set.x.data.length; p += 8) set.x.data[p] = 0.1;
      return set;
    };
    const marked = takeRows(dim(2).x, [...Array(40).keys()]);
    for (let p = 7; p < marked.data.length; p += 8) marked.data[p] = p % 16 === 7 ? 0.2 : 0;
    const area = async (config: SageConfigInput): Promise<number> => {
      const scores = (sage: Sage): Promise<SageScores[]> =>
        Promise.all([sage.score(dim(3).x), sage.score(marked)]);
      const settings = { standardize: false, epochs: 40, latentDim: 4, ...config };
      const [near, far] = await withSage(settings, dim(1), scores);
      return auroc(far.raw.reconstruction, near.raw.reconstruction);
    };
    const [combined, error] = [await area({}), await area({ reconstructionTest: 'error' })];
    expect(combined).toBeGreaterThan(0.99);
    expect(error).toBeLessThan(combined);
  });

  it('compat measures the error whatever is asked', async () => {
    const artifacts = await withSage({ compat: true }, blobs(60, 4), (sage) => sage.toArtifacts());
    expect(Object.keys(artifacts.arrays)).not.toContain('bank/residuals');
  });

  it('a bank saved before the test existed keeps its scores', async () => {
    const test = blobs(20, 5, 1).x;
    await withSage({ reconstructionTest: 'error' }, blobs(60, 4), async (sage) => {
      const artifacts = await sage.toArtifacts();
      const { reconstructionTest: asked, ...config } = artifacts.config;
      expect(asked).toBe('error');
      const old = Sage.fromArtifacts({ ...artifacts, formatVersion: 1, config });
      expect((await old.score(test)).ranking).toEqual((await sage.score(test)).ranking);
      old.dispose();
    });
  });

  it('error: artifacts without the residuals, or with bad ones', async () => {
    const artifacts = await withSage({}, blobs(60, 4), (sage) => sage.toArtifacts());
    const { residuals, ...fitted } = artifacts.config.fitted as Record<string, never>;
    expect(residuals).toBeDefined();
    const without = { ...artifacts, config: { ...artifacts.config, fitted } };
    expect(() => Sage.fromArtifacts(without)).toThrow(DataError);
    expect(() => Sage.fromArtifacts(without)).toThrow(
      "config.fitted.residuals must be there for reconstructionTest 'combined', got nothing",
    );
    const zeros = { dtype: 'float64', shape: [6], data: new Float64Array(6) } as const;
    const arrays = { ...artifacts.arrays, 'bank/residuals': zeros };
    expect(() => Sage.fromArtifacts({ ...artifacts, arrays })).toThrow(
      "array 'bank/residuals' must be above 0, got 0 at 0",
    );
  });
});
