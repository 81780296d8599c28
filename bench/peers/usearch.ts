import { createRequire } from 'node:module';
import type { HostRows } from '../data.js';

/** The part of the npm package usearch that we time. */
interface Usearch {
  readonly exactSearch: (
    dataset: Float32Array,
    queries: Float32Array,
    dimensions: number,
    count: number,
    metric: string,
    threads: number,
  ) => { readonly keys: BigUint64Array; readonly distances: Float32Array };
}

const require = createRequire(import.meta.url);

/** exactSearch holds two arrays of 8 bytes for every pair. */
const BYTES_PER_PAIR = 16;
const MEMORY = 2 ** 29;

export interface UsearchPeer {
  readonly version: string;
  /** Euclidean distances (not squared) and indices. */
  readonly search: (
    queries: HostRows,
    points: HostRows,
    k: number,
    threads: number,
  ) => { readonly distances: Float64Array; readonly indices: number[] };
  /** Queries that fit its memory. */
  readonly most: (points: number) => number;
}

/** The peer, or why it is missing. */
export function findUsearch(): UsearchPeer | string {
  try {
    const { exactSearch } = require('usearch') as Usearch;
    // Its package.json is not exported; the file lies three folders above the entry point.
    const entry = require.resolve('usearch');
    const root = entry.slice(0, entry.lastIndexOf('usearch/javascript'));
    const { version } = require(`${root}usearch/package.json`) as { readonly version: string };
    return {
      version,
      search: (queries, points, k, threads) => {
        const found = exactSearch(points.data, queries.data, points.d, k, 'l2sq', threads);
        return {
          distances: Float64Array.from(found.distances, Math.sqrt),
          indices: Array.from(found.keys, Number),
        };
      },
      most: (points) => Math.max(1, Math.floor(MEMORY / (BYTES_PER_PAIR * points))),
    };
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n')[0] : String(error);
    return `usearch does not load (${why}); install it with npm install --save-dev usearch`;
  }
}
