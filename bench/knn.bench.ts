import type { KnnOptions } from '../src/ops/knn.js';
import type { BenchCase, Place } from './harness.js';
import { prepareSearch, searchWork, shapeName } from './knnCase.js';
import type { KnnShape, Peers } from './knnCase.js';

type Mode = NonNullable<KnnOptions['mode']>;

interface Entry extends KnnShape {
  readonly modes: readonly Mode[];
  readonly fast?: true;
  /** Needs a real GPU: its inputs and its work are made for one. */
  readonly gpu?: true;
  /** Not on a real GPU, where it would measure the launch of kernels only. */
  readonly cpu?: true;
}

const BOTH: readonly Mode[] = ['exact', 'fast'];

/** Smallest work first. */
const GRID: readonly Entry[] = [
  { q: 256, n: 4096, d: 32, k: 10, modes: BOTH, fast: true },
  { q: 1, n: 100_000, d: 128, k: 10, modes: ['exact'], fast: true, cpu: true },
  { q: 8, n: 100_000, d: 128, k: 10, modes: ['exact'], cpu: true },
  { q: 1024, n: 10_000, d: 16, k: 10, modes: BOTH },
  { q: 1024, n: 10_000, d: 128, k: 10, modes: BOTH, fast: true },
  { q: 4096, n: 100_000, d: 16, k: 10, modes: BOTH },
  { q: 4096, n: 100_000, d: 128, k: 10, modes: BOTH },
  { q: 4096, n: 100_000, d: 784, k: 10, modes: BOTH },
  { q: 4096, n: 10_000, d: 3, k: 16, modes: ['exact', 'direct'] },
  { q: 50_000, n: 50_000, d: 3, k: 16, modes: ['exact'] },
  { q: 1000, n: 10_000, d: 4096, k: 1000, modes: BOTH },
  { q: 1000, n: 100_000, d: 768, k: 100, modes: BOTH },
  { q: 1, n: 1_000_000, d: 128, k: 10, modes: ['exact'], gpu: true },
  { q: 8, n: 1_000_000, d: 128, k: 10, modes: ['exact'], gpu: true },
  { q: 1000, n: 2_000_000, d: 128, k: 32, modes: BOTH, gpu: true },
  { q: 10_000, n: 100_000, d: 1536, k: 20, modes: BOTH, gpu: true },
  { q: 10_000, n: 1_000_000, d: 128, k: 10, modes: BOTH, gpu: true },
];

function obstacle({ gpu, cpu }: Entry, { device }: Place): string | undefined {
  if (gpu && device !== 'gpu') return 'made for a real GPU';
  return cpu && device === 'gpu' ? 'a GPU has the larger cases of few queries' : undefined;
}

/** Euclidean neighbours: goals, few queries, many neighbours, many features. */
export function knnCases(peers: Peers): BenchCase[] {
  return GRID.map((entry) => ({
    suite: 'knn',
    name: shapeName(entry),
    ...searchWork(entry),
    fast: entry.fast ?? false,
    obstacle: (place) => obstacle(entry, place),
    prepare: (place) => prepareSearch(entry, place, entry.modes, peers),
  }));
}

/** Time against the number of neighbours. */
export function kSweepCases(): BenchCase[] {
  return [1, 10, 64, 100, 1000].map((k) => {
    const shape = { q: 256, n: 50_000, d: 64, k };
    return {
      suite: 'kSweep',
      name: shapeName(shape),
      ...searchWork(shape),
      fast: false,
      prepare: (place) => prepareSearch(shape, place, ['exact', 'fast'], undefined),
    };
  });
}
