import * as tf from '@tensorflow/tfjs';
import { knn } from '../src/ops/knn.js';
import type { KnnOptions } from '../src/ops/knn.js';
import { matMulSide } from '../src/kernels/wasm/matMul.js';
import { checkNeighbours, trueNeighbours } from './check.js';
import type { TrueNeighbours } from './check.js';
import { expandedSquares, firstRows, tensorOf, uniformRows } from './data.js';
import type { HostRows } from './data.js';
import type { BenchCase, Place, PreparedCase, Subject } from './harness.js';
import { timePython } from './peers/python.js';
import type { PythonPeers } from './peers/python.js';
import type { UsearchPeer } from './peers/usearch.js';

/** Peers that a run may use. */
export interface Peers {
  readonly usearch: UsearchPeer | string;
  readonly python: PythonPeers;
}

/** Elements of the slab of distances that matMul + topk holds: 256 MiB, on a CPU 64 MiB. */
const SLAB = { gpu: 2 ** 26, cpu: 2 ** 24 } as const;

/** Distances and indices of the neighbours of some queries. */
export type Search = (queries: tf.Tensor2D) => {
  readonly distances: tf.Tensor;
  readonly indices: tf.Tensor;
};

/** A subject that searches with tensors; waits for the indices, which are small. */
export function tensorSubject(
  name: string,
  queries: HostRows,
  search: Search,
  options: {
    readonly mayShorten: boolean;
    readonly exact: boolean;
    readonly want?: TrueNeighbours;
  },
): Subject & { readonly dispose: () => void } {
  const parts = new Map<number, tf.Tensor2D>();
  const part = (items: number): tf.Tensor2D => {
    const known = parts.get(items);
    if (known !== undefined) return known;
    const made = tensorOf(firstRows(queries, items));
    parts.set(items, made);
    return made;
  };
  return {
    name,
    isOurs: !options.mayShorten,
    mayShorten: options.mayShorten,
    run: async (items) => {
      const rows = part(items);
      const found = tf.tidy(() => search(rows));
      await found.indices.data();
      tf.dispose([found.distances, found.indices]);
    },
    check: async () => {
      if (options.want === undefined) return;
      const rows = part(options.want.rows);
      const found = tf.tidy(() => search(rows));
      const distances = await found.distances.data();
      const indices = await found.indices.data();
      tf.dispose([found.distances, found.indices]);
      checkNeighbours({ distances, indices }, options.want, options.exact);
    },
    dispose: () => {
      for (const tensor of parts.values()) tensor.dispose();
      parts.clear();
    },
  };
}

/** What a tfjs user writes today, in slabs of queries. */
export function expandedSearch(points: tf.Tensor2D, k: number, device: Place['device']): Search {
  const slab = Math.max(1, Math.floor(SLAB[device] / points.shape[0]));
  return (queries) => {
    const distances: tf.Tensor[] = [];
    const indices: tf.Tensor[] = [];
    for (let start = 0; start < queries.shape[0]; start += slab) {
      const rows = Math.min(slab, queries.shape[0] - start);
      const [values, at] = tf.tidy(() => {
        const some = queries.slice([start, 0], [rows, -1]);
        const top = tf.topk(tf.neg(expandedSquares(some, points)), k);
        return [tf.sqrt(tf.neg(top.values)), top.indices];
      });
      distances.push(values);
      indices.push(at);
    }
    return { distances: tf.concat(distances, 0), indices: tf.concat(indices, 0) };
  };
}

/** A euclidean search. */
export interface KnnShape {
  readonly q: number;
  readonly n: number;
  readonly d: number;
  readonly k: number;
}

export const shapeName = ({ q, n, d, k }: KnnShape): string => `Q=${q} N=${n} d=${d} k=${k}`;

/**
 * Prepare a euclidean search with ours in the given modes, tfjs on the same backend, and native peers
 * where they run on the same device: on the CPU's cores beside wasm, on the GPU beside a GPU.
 */
export function prepareSearch(
  { q, n, d, k }: KnnShape,
  place: Place,
  modes: readonly NonNullable<KnnOptions['mode']>[],
  peers: Peers | undefined,
): PreparedCase {
  const queries = uniformRows(q, d, 1);
  const points = uniformRows(n, d, 2);
  const want = trueNeighbours(queries, points, k);
  const pointTensor = tensorOf(points);
  const ours = modes.map((mode) => {
    const search: Search = (rows) => {
      const { distances, indices } = knn(rows, pointTensor, k, { mode });
      return { distances, indices };
    };
    const options = { mayShorten: false, exact: mode === 'exact', want };
    return tensorSubject(`tfjs-latent ${mode}`, queries, search, options);
  });
  const theirs = tfjsSubjects(queries, expandedSearch(pointTensor, k, place.device), place, want);
  const isNative = place.device === 'gpu' || place.backend === 'wasm';
  const native = isNative && peers !== undefined ? peers : undefined;
  const threads = place.threads ?? 1;
  const isCpu = place.device === 'cpu';
  const usearch =
    native === undefined || !isCpu
      ? []
      : [usearchSubject(native.usearch, queries, points, k, threads, want)];
  const request = {
    ...{ queries, points, k, metric: 'euclidean', threads, want },
    subjects: isCpu ? (['sklearn', 'faiss'] as const) : (['torch', 'cuvs'] as const),
  };
  return {
    subjects: [...ours, ...theirs, ...usearch],
    ...(native === undefined
      ? {}
      : {
          outside: (budgetMs: number) =>
            Promise.resolve(timePython(native.python, request, budgetMs)),
        }),
    dispose: () => {
      for (const subject of [...ours, ...theirs]) subject.dispose();
      pointTensor.dispose();
    },
  };
}

/** matMul + topk; on wasm also with our matrix product in the place of tfjs's. */
function tfjsSubjects(
  queries: HostRows,
  search: Search,
  { backend }: Place,
  want: TrueNeighbours,
): ReturnType<typeof tensorSubject>[] {
  const options = { mayShorten: true, exact: false, want };
  if (backend !== 'wasm') return [tensorSubject('tfjs matMul + topk', queries, search, options)];
  const original: Search = (rows) => matMulSide.during('theirs', () => search(rows));
  return [
    tensorSubject('tfjs matMul + topk', queries, original, options),
    tensorSubject('tfjs topk + our matMul', queries, search, options),
  ];
}

function usearchSubject(
  peer: UsearchPeer | string,
  queries: HostRows,
  points: HostRows,
  k: number,
  threads: number,
  want: TrueNeighbours,
): Subject {
  const name = 'usearch exactSearch';
  if (typeof peer === 'string') {
    const fail = (): Promise<void> => Promise.reject(new Error(peer));
    return { name, isOurs: false, mayShorten: true, run: fail, check: fail };
  }
  return {
    name,
    isOurs: false,
    mayShorten: true,
    most: peer.most(points.rows),
    run: (items) => {
      peer.search(firstRows(queries, items), points, k, threads);
      return Promise.resolve();
    },
    check: () => {
      checkNeighbours(peer.search(firstRows(queries, want.rows), points, k, threads), want, false);
      return Promise.resolve();
    },
  };
}

/** Figures that every search shares. */
export function searchWork({ q, n, d }: KnnShape): Pick<BenchCase, 'items' | 'flops' | 'bytes'> {
  return { items: q, flops: 2 * n * d, bytes: 4 * d * (n + q) };
}
