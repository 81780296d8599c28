import * as tf from '@tensorflow/tfjs';
import { expect } from 'vitest';
import type { MetricForm } from '../../../src/specs/metricForm.js';
import { knnSpec } from '../../../src/specs/knn.js';
import type { KnnAttrs } from '../../../src/specs/knn.js';
import { runKernel } from '../../../src/specs/spec.js';
import { Rng } from '../../../src/util/rng.js';

/** A search as the kernel takes it: rows of a batch one after the other. */
export interface Search {
  readonly form: MetricForm;
  readonly batch?: number;
  readonly q: number;
  readonly n: number;
  readonly d: number;
  readonly k: number;
  readonly queries: Float32Array;
  readonly points: Float32Array;
  readonly mode?: KnnAttrs['mode'];
  readonly selfOffset?: number;
  readonly queryAux?: Float32Array;
  readonly pointAux?: Float32Array;
  /** Words of bits, with the first two dimensions of their shape. */
  readonly allowed?: { readonly words: Int32Array; readonly batch: number; readonly rows: number };
  readonly queryGroups?: Int32Array;
  readonly pointGroups?: Int32Array;
}

export interface Found {
  readonly distances: Float32Array;
  readonly indices: Int32Array;
}

export function normals(count: number, seed: number, scale = 1, shift = 0): Float32Array {
  const rng = new Rng(seed);
  return Float32Array.from({ length: count }, () => rng.normal() * scale + shift);
}

export function integers(count: number, seed: number, below: number): Float32Array {
  const rng = new Rng(seed);
  return Float32Array.from({ length: count }, () => rng.int(below));
}

function tensorsOf(search: Search): Record<string, tf.Tensor> {
  const { batch = 1, q, n, d, form, allowed } = search;
  const tensors: Record<string, tf.Tensor> = {
    queries: tf.tensor3d(search.queries, [batch, q, d]),
    points: tf.tensor3d(search.points, [batch, n, d]),
  };
  const { queryAux, pointAux, queryGroups, pointGroups } = search;
  if (form.family === 'expression' && queryAux !== undefined && pointAux !== undefined) {
    tensors.queryAux = tf.tensor3d(queryAux, [batch, q, form.aux]);
    tensors.pointAux = tf.tensor3d(pointAux, [batch, n, form.aux]);
  }
  if (allowed !== undefined) {
    const shape: [number, number, number] = [allowed.batch, allowed.rows, Math.ceil(n / 16)];
    tensors.allowed = tf.tensor3d(allowed.words, shape, 'int32');
  }
  if (queryGroups !== undefined && pointGroups !== undefined) {
    tensors.queryGroups = tf.tensor2d(queryGroups, [batch, q], 'int32');
    tensors.pointGroups = tf.tensor2d(pointGroups, [batch, n], 'int32');
  }
  return tensors;
}

type Tensors = Record<'queries' | 'points', tf.Tensor> & Partial<Record<string, tf.Tensor>>;
type Runner = (inputs: Tensors, attrs: KnnAttrs) => tf.Tensor[];

/** Run the kernel of the active backend, or another way to it. */
export async function searchOnDevice(
  search: Search,
  run: Runner = (inputs, attrs) => runKernel(knnSpec, inputs, attrs),
): Promise<Found> {
  const tensors = tensorsOf(search);
  const { queries, points, ...rest } = tensors;
  const { form, k, mode = 'exact', selfOffset } = search;
  const attrs = { form, k, mode, selfOffset, resident: false };
  const [distances, indices] = run({ queries, points, ...rest }, attrs);
  expect(distances.shape).toEqual([search.batch ?? 1, search.q, k]);
  expect(indices.dtype).toBe('int32');
  const found = {
    distances: (await distances.data()) as Float32Array,
    indices: (await indices.data()) as Int32Array,
  };
  for (const tensor of [...Object.values(tensors), distances, indices]) tensor.dispose();
  return found;
}

/** Distance of two rows in float64, from the definition; expression forms by a function of the test. */
export type Distance = (x: Float32Array, y: Float32Array) => number;

function distanceOf(form: MetricForm): Distance {
  const sum = (x: Float32Array, term: (f: number) => number): number =>
    x.reduce((total, _, f) => total + term(f), 0);
  switch (form.family) {
    case 'squares':
      return (x, y) => {
        const squares = sum(x, (f) => (x[f] - y[f]) ** 2);
        return form.root ? Math.sqrt(squares) : squares;
      };
    case 'innerProduct':
      return (x, y) => sum(x, (f) => x[f] * y[f]);
    case 'cosine':
      return (x, y) => {
        const product = sum(x, (f) => x[f] * y[f]);
        const lengths = Math.sqrt(sum(x, (f) => x[f] ** 2)) * Math.sqrt(sum(y, (f) => y[f] ** 2));
        if (Number.isNaN(product)) return NaN;
        return lengths === 0 ? 1 : Math.max(0, 1 - product / lengths);
      };
    case 'expression':
      throw new Error('give the distance of an expression form');
  }
}

/** Whether a pair exists, by all masks of the search. */
function exists(search: Search, b: number, i: number, j: number): boolean {
  const { q, n, selfOffset, allowed, queryGroups, pointGroups } = search;
  if (selfOffset !== undefined && j === i + selfOffset) return false;
  if (allowed !== undefined) {
    const words = Math.ceil(n / 16);
    const row = (allowed.batch > 1 ? b * allowed.rows : 0) + (allowed.rows > 1 ? i : 0);
    if (((allowed.words[row * words + (j >> 4)] >> (j & 15)) & 1) === 0) return false;
  }
  return queryGroups?.[b * q + i] === pointGroups?.[b * n + j];
}

/** Float64 oracle: all pairs, rounded to float32, sorted by (distance, index). */
export function oracle(search: Search, distance: Distance = distanceOf(search.form)): Found {
  const { batch = 1, q, n, d, k, queries, points } = search;
  const similar = search.form.family === 'innerProduct';
  const distances = new Float32Array(batch * q * k).fill(similar ? -Infinity : Infinity);
  const indices = new Int32Array(batch * q * k).fill(-1);
  const rowOf = (rows: Float32Array, row: number): Float32Array =>
    rows.subarray(row * d, (row + 1) * d);
  for (let b = 0; b < batch; b++) {
    for (let i = 0; i < q; i++) {
      const x = rowOf(queries, b * q + i);
      const pairs: [value: number, index: number][] = [];
      for (let j = 0; j < n; j++) {
        const value = Math.fround(distance(x, rowOf(points, b * n + j)));
        if (!Number.isNaN(value) && exists(search, b, i, j)) pairs.push([value, j]);
      }
      // Infinity minus itself is NaN, which means equal here.
      pairs.sort(([a, m], [c, o]) => (similar ? c - a : a - c) || m - o);
      pairs.slice(0, k).forEach(([value, index], slot) => {
        distances[(b * q + i) * k + slot] = value;
        indices[(b * q + i) * k + slot] = index;
      });
    }
  }
  return { distances, indices };
}

/** Assert equal bits, naming the first neighbour that differs. */
export function expectSame(got: Found, want: Found, k: number, label: string): void {
  expect(got.indices.length, label).toBe(want.indices.length);
  for (let s = 0; s < want.indices.length; s++) {
    if (got.indices[s] !== want.indices[s] || !Object.is(got.distances[s], want.distances[s])) {
      expect.fail(
        `${label}: query ${Math.floor(s / k)} slot ${s % k}: got ${got.indices[s]} at ` +
          `${got.distances[s]}, want ${want.indices[s]} at ${want.distances[s]}`,
      );
    }
  }
}

/** Assert that the kernel gives the oracle's bits. */
export async function expectExact(
  search: Search,
  label: string,
  distance?: Distance,
): Promise<void> {
  expectSame(await searchOnDevice(search), oracle(search, distance), search.k, label);
}
