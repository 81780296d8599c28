import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { setThreads } from '../../../src/kernels/wasm/register.js';
import { expressions as e, variable } from '../../../src/specs/expression.js';
import { knnSpec } from '../../../src/specs/knn.js';
import { expressionForm, isSimilarity, productForm } from '../../../src/specs/metricForm.js';
import type { MetricForm } from '../../../src/specs/metricForm.js';
import { cityblockForm, poincareForm } from '../../../src/specs/metricForms.js';
import { runKernel } from '../../../src/specs/spec.js';
import { Rng } from '../../../src/util/rng.js';
import { isClose } from '../../support/tolerances.js';
import { FORM_CASES, oracle, tensorsOf } from './formCases.js';
import type { FormCase, Rows } from './formCases.js';
import { normals, startWasm, valuesOf } from './start.js';

/** Which pairs exist, as values per query and point. */
interface Masks {
  readonly selfOffset?: number;
  /** One row of bits for all queries, or one for each. */
  readonly allowed?: readonly (readonly boolean[])[];
  readonly groups?: { readonly x: readonly number[]; readonly y: readonly number[] };
}

interface Found {
  readonly distances: number[];
  readonly indices: number[];
}

function bitsOf(rows: readonly (readonly boolean[])[]): tf.Tensor {
  const words = Math.ceil(rows[0].length / 16);
  const bits = new Int32Array(rows.length * words);
  rows.forEach((row, i) => {
    row.forEach((isSet, j) => (bits[i * words + (j >> 4)] |= Number(isSet) << (j & 15)));
  });
  return tf.tensor3d(bits, [1, rows.length, words], 'int32');
}

async function search(
  form: MetricForm,
  x: Rows,
  y: Rows,
  d: number,
  k: number,
  { selfOffset, allowed, groups }: Masks = {},
): Promise<Found> {
  const [distances, indices] = tf.tidy(() => {
    const [queries, points] = [x, y].map((rows) => tensorsOf({ form }, rows, d));
    const group = (values: readonly number[] | undefined): tf.Tensor | undefined =>
      values && tf.tensor2d([...values], [1, values.length], 'int32');
    return runKernel(
      knnSpec,
      {
        queries: queries.values,
        points: points.values,
        queryAux: queries.aux,
        pointAux: points.aux,
        allowed: allowed && bitsOf(allowed),
        queryGroups: group(groups?.x),
        pointGroups: group(groups?.y),
      },
      { form, k, mode: 'direct', selfOffset, resident: false },
    );
  });
  return { distances: await valuesOf(distances), indices: await valuesOf(indices) };
}

/** Whether the pair of query i and point j exists. */
function exists({ selfOffset, allowed, groups }: Masks, i: number, j: number): boolean {
  if (selfOffset !== undefined && j === i + selfOffset) return false;
  if (allowed !== undefined && !allowed[allowed.length === 1 ? 0 : i][j]) return false;
  return groups === undefined || groups.x[i] === groups.y[j];
}

/** Distances within the tolerance of the oracle's slot by slot, of existing pairs, in order. */
async function expectOracle(
  { form, tolerance }: Pick<FormCase, 'form' | 'tolerance'>,
  x: Rows,
  y: Rows,
  d: number,
  k: number,
  masks: Masks = {},
): Promise<void> {
  const { distances, indices } = await search(form, x, y, d, k, masks);
  const value = oracle(form, x, y, d);
  const sign = isSimilarity(form) ? -1 : 1;
  for (let i = 0; i < x.count; i++) {
    const pairs = Array.from({ length: y.count }, (_, j) => j)
      .filter((j) => exists(masks, i, j))
      .map((j) => ({ j, ...value(i, j) }))
      .filter((pair) => !Number.isNaN(pair.value))
      .sort((a, b) => sign * (a.value - b.value) || a.j - b.j);
    const scale = Math.max(1e-30, ...pairs.map((pair) => pair.scale));
    const own = indices.slice(i * k, (i + 1) * k);
    const filled = Math.min(k, pairs.length);
    expect(new Set(own.slice(0, filled)).size, `query ${i}`).toBe(filled);
    for (let slot = 0; slot < k; slot++) {
      const got = distances[i * k + slot];
      const hint = `query ${i}, slot ${slot}: point ${own[slot]} at ${got}`;
      if (slot >= filled) {
        expect([own[slot], got], hint).toEqual([-1, sign * Infinity]);
        continue;
      }
      expect(own[slot], hint).toBeGreaterThanOrEqual(0);
      expect(exists(masks, i, own[slot]), hint).toBe(true);
      const want = value(i, own[slot]).value;
      expect(isClose(got, want, tolerance, scale), `${hint}, not ${want}`).toBe(true);
      expect(isClose(got, pairs[slot].value, tolerance, scale), hint).toBe(true);
      if (slot > 0) {
        expect(sign * got, hint).toBeGreaterThanOrEqual(sign * distances[i * k + slot - 1]);
      }
    }
  }
}

const featuresOf = ({ name }: FormCase, all: readonly number[]): readonly number[] =>
  name === 'haversine' ? [1] : all;

const plain = (values: Float32Array, d: number): Rows => ({
  values,
  aux: new Float32Array(0),
  count: values.length / d,
});

function randomMasks(n: number, m: number, seed: number): Masks {
  const rng = new Rng(seed);
  const share = [0.02, 0.5, 0.95][seed % 3];
  const bits = (rows: number): boolean[][] =>
    Array.from({ length: rows }, () => Array.from({ length: m }, () => rng.uniform() < share));
  const groups = (count: number): number[] => Array.from({ length: count }, () => rng.int(3) - 1);
  return {
    ...(seed % 2 === 0 ? { selfOffset: rng.int(5) - 2 } : {}),
    ...(seed % 5 < 3 ? { allowed: bits(seed % 5 === 0 ? 1 : n) } : {}),
    ...(seed % 7 < 4 ? { groups: { x: groups(n), y: groups(m) } } : {}),
  };
}

describe('direct neighbour search on wasm', () => {
  beforeAll(startWasm);
  afterEach(() => setThreads(undefined));

  it.each(FORM_CASES)('$name equals the oracle', async (formCase) => {
    for (const d of featuresOf(formCase, [1, 2, 3, 63, 64, 65, 257])) {
      for (const [n, m, k] of [
        [5, 9, 3],
        [6, 83, 70],
      ]) {
        const [x, y] = [formCase.rows(n, d, d), formCase.rows(m, d, d + 1)];
        await expectOracle(formCase, x, y, d, k);
      }
    }
  });

  it.each(FORM_CASES)('$name returns existing pairs only', async (formCase) => {
    const [d] = featuresOf(formCase, [5]);
    const size = fc.integer({ min: 1, max: 70 });
    await fc.assert(
      fc.asyncProperty(size, size, fc.nat(1e6), async (n, m, seed) => {
        const [x, y] = [formCase.rows(n, d, seed), formCase.rows(m, d, seed + 1)];
        await expectOracle(formCase, x, y, d, 1 + (seed % m), randomMasks(n, m, seed));
      }),
      { seed: 21, numRuns: 12 },
    );
  });

  it('ranks rows without features', async () => {
    const none = (count: number): Rows => ({ ...plain(new Float32Array(0), 1), count });
    for (const form of [cityblockForm, productForm('squares'), productForm('innerProduct')]) {
      const found = await search(form, none(3), none(10), 0, 2);
      expect(found.indices).toEqual([0, 1, 0, 1, 0, 1]);
      expect(found.distances.map((v) => v + 0)).toEqual([0, 0, 0, 0, 0, 0]);
    }
  });

  it('returns equal points by ascending index, in lists of every length', async () => {
    const y = plain(new Float32Array(300 * 3).fill(0.5), 3);
    const x = plain(normals(6 * 3, 3), 3);
    for (const form of [cityblockForm, productForm('innerProduct')]) {
      for (const k of [1, 10, 64, 65, 300]) {
        const { indices } = await search(form, x, y, 3, k);
        expect(indices).toEqual(Array.from({ length: 6 * k }, (_, slot) => slot % k));
      }
    }
  });

  it('never returns a NaN, but infinite distances', async () => {
    const y = plain(Float32Array.of(NaN, 1, Infinity, NaN, 2, Infinity), 1);
    const { distances, indices } = await search(
      cityblockForm,
      plain(Float32Array.of(0), 1),
      y,
      1,
      6,
    );
    expect(indices).toEqual([1, 4, 2, 5, -1, -1]);
    expect(distances).toEqual([1, 2, Infinity, Infinity, Infinity, Infinity]);
    const product = productForm('innerProduct');
    const found = await search(product, plain(Float32Array.of(-1), 1), y, 1, 6);
    expect(found.indices).toEqual([1, 4, 2, 5, -1, -1]);
    expect(found.distances).toEqual([-1, -2, -Infinity, -Infinity, -Infinity, -Infinity]);
  });

  it('has no neighbours outside the domain of a metric', async () => {
    // A point outside the ball has a negative gap, and no distance.
    const x: Rows = { values: Float32Array.of(0), aux: Float32Array.of(1), count: 1 };
    const y: Rows = { values: Float32Array.of(2, 0.5), aux: Float32Array.of(-3, 0.75), count: 2 };
    const { indices } = await search(poincareForm(1), x, y, 1, 2);
    expect(indices).toEqual([1, -1]);
  });

  it('finds the last of many points that come nearer and nearer', async () => {
    const values = Float32Array.from({ length: 5000 }, (_, i) => 5000 - i);
    for (const k of [10, 64, 1000]) {
      const found = await search(
        cityblockForm,
        plain(Float32Array.of(0), 1),
        plain(values, 1),
        1,
        k,
      );
      expect(found.indices).toEqual(Array.from({ length: k }, (_, slot) => 4999 - slot));
    }
  });

  it.each(FORM_CASES)('$name has the same bits on one, two and three threads', async (formCase) => {
    const [d] = featuresOf(formCase, [70]);
    const [x, y] = [formCase.rows(65, d, 1), formCase.rows(d === 1 ? 16000 : 300, d, 2)];
    const masks = randomMasks(x.count, y.count, 4);
    const results: Found[] = [];
    for (const threads of [1, 2, 3]) {
      setThreads(threads);
      results.push(await search(formCase.form, x, y, d, 9, masks));
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
  });

  it('serves more forms than are kept, on several threads', async () => {
    setThreads(2);
    const d = 64;
    const [x, y] = [plain(normals(64 * d, 1), d), plain(normals(400 * d, 2), d)];
    const base = await search(cityblockForm, x, y, d, 5);
    for (let i = 0; i < 100; i++) {
      const scale = 2 ** (i - 50);
      const form = expressionForm({
        reduce: 'sum',
        terms: [e.mul(scale, e.abs(e.sub(variable('x'), variable('y'))))],
        rank: variable('s0'),
        finish: e.mul(1 / scale, variable('r')),
        aux: 0,
      });
      expect(await search(form, x, y, d, 5)).toEqual(base);
    }
  });
});
