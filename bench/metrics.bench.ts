import * as tf from '@tensorflow/tfjs';
import { withComposedForms } from '../src/ops/dispatch.js';
import { knn } from '../src/ops/knn.js';
import type { KnnOptions } from '../src/ops/knn.js';
import { METRICS } from '../src/specs/metric.js';
import type { Metric } from '../src/specs/metric.js';
import { oracleNeighbours, oracleOf } from '../src/verify/oracle.js';
import { checkNeighbours } from './check.js';
import type { TrueNeighbours } from './check.js';
import { firstRows, mappedRows, shareRows, tensorOf, uniformRows } from './data.js';
import type { HostRows } from './data.js';
import type { BenchCase, Place, PreparedCase, Subject } from './harness.js';
import { searchWork, shapeName, tensorSubject } from './knnCase.js';
import type { KnnShape, Peers, Search } from './knnCase.js';
import { timePython } from './peers/python.js';

const SHAPE: KnnShape = { q: 256, n: 10_000, d: 128, k: 10 };
/** Queries that the float64 oracle checks; it is slow. */
const CHECKED = 2;
/** Float32 evaluation of a transcendental metric, relative to 1 + the distance. */
const TOLERANCE = 1e-4;

interface Recipe {
  readonly options?: Partial<KnnOptions>;
  readonly rows?: (rows: number, d: number, seed: number) => HostRows;
  readonly d?: number;
  /** Name in scikit-learn, where it means the same. */
  readonly sklearn?: string;
}

/** Whole numbers 0, 1, 2. */
const levels = (rows: number, d: number, seed: number): HostRows =>
  mappedRows(rows, d, seed, (u) => Math.floor(1.5 * (u + 1)));
const inside = (rows: number, d: number, seed: number): HostRows =>
  mappedRows(rows, d, seed, (u) => u / Math.sqrt(d));
const latLon = (rows: number, d: number, seed: number): HostRows =>
  mappedRows(rows, d, seed, (u, f) => u * (f === 0 ? Math.PI / 2 : Math.PI));

const identity = (d: number): number[][] =>
  Array.from({ length: d }, (_, r) =>
    Array.from({ length: d }, (_unused, c) => (r === c ? 1 : 0.5 / d)),
  );

const RECIPES: Readonly<Record<Metric, Recipe>> = {
  braycurtis: { rows: shareRows, sklearn: 'braycurtis' },
  canberra: { sklearn: 'canberra' },
  chebyshev: { sklearn: 'chebyshev' },
  cityblock: { sklearn: 'cityblock' },
  correlation: {},
  cosine: { sklearn: 'cosine' },
  euclidean: { sklearn: 'euclidean' },
  hamming: { rows: levels, sklearn: 'hamming' },
  haversine: { rows: latLon, d: 2, sklearn: 'haversine' },
  hellinger: { rows: shareRows },
  innerProduct: {},
  jaccard: { rows: levels },
  jensenshannon: { rows: shareRows },
  kl: { rows: shareRows },
  lorentz: { options: { c: 1 } },
  mahalanobis: { options: { VI: identity(SHAPE.d) } },
  minkowski: { options: { p: 3 } },
  poincare: { rows: inside, options: { c: 1 } },
  seuclidean: { options: { V: new Array<number>(SHAPE.d).fill(2) } },
  spherical: {},
  sqeuclidean: { sklearn: 'sqeuclidean' },
};

/** Neighbours of the first queries by the float64 oracle. */
function oracleRows(
  metric: Metric,
  recipe: Recipe,
  x: HostRows,
  y: HostRows,
  k: number,
): TrueNeighbours {
  const oracle = oracleOf({ ...recipe.options, metric }, firstRows(x, CHECKED), y, 'exact');
  const similarity = metric === 'innerProduct';
  const found = Array.from({ length: CHECKED }, (_, i) =>
    oracleNeighbours(oracle, i, y.rows, k, similarity, () => true),
  );
  return {
    rows: CHECKED,
    k,
    distances: Float64Array.from(found.flatMap(({ pairs }) => pairs.map(({ value }) => value))),
    indices: Int32Array.from(found.flatMap(({ indices }) => indices)),
  };
}

function prepare(metric: Metric, shape: KnnShape, place: Place, peers: Peers): PreparedCase {
  const recipe = RECIPES[metric];
  const { q, n, d, k } = shape;
  const make = recipe.rows ?? uniformRows;
  const [queries, points] = [make(q, d, 1), make(n, d, 2)];
  const want = oracleRows(metric, recipe, queries, points, k);
  const pointTensor = tensorOf(points);
  const options = { ...recipe.options, metric };
  const search: Search = (rows) => {
    const { distances, indices } = knn(rows, pointTensor, k, options);
    return { distances, indices };
  };
  const checked = (subject: ReturnType<typeof tensorSubject>): typeof subject => ({
    ...subject,
    check: async () => {
      const rows = tensorOf(firstRows(queries, CHECKED));
      const found = tf.tidy(() => search(rows));
      const [distances, indices] = [await found.distances.data(), await found.indices.data()];
      tf.dispose([rows, found.distances, found.indices]);
      checkNeighbours({ distances, indices }, want, false, TOLERANCE);
    },
  });
  const ours = checked(
    tensorSubject('tfjs-latent exact', queries, search, { mayShorten: false, exact: false }),
  );
  const composed = tensorSubject(
    'composed form',
    queries,
    (rows) => withComposedForms(() => search(rows)),
    { mayShorten: true, exact: false },
  );
  const subjects: Subject[] = [ours, composed];
  return {
    subjects,
    outside: (budgetMs) => {
      const { sklearn } = recipe;
      if (sklearn === undefined || place.device === 'gpu') {
        return Promise.resolve({ timed: [], notRun: [] });
      }
      const threads = place.threads ?? 1;
      const request = { queries, points, k, metric: sklearn, threads, want: undefined };
      return Promise.resolve(
        timePython(peers.python, { ...request, subjects: ['sklearn'] }, budgetMs),
      );
    },
    dispose: () => {
      ours.dispose();
      composed.dispose();
      pointTensor.dispose();
    },
  };
}

/** One search in every metric. */
export function metricCases(peers: Peers): BenchCase[] {
  return METRICS.map((metric) => {
    const shape = { ...SHAPE, d: RECIPES[metric].d ?? SHAPE.d };
    return {
      suite: 'metrics',
      name: `${metric} ${shapeName(shape)}`,
      ...searchWork(shape),
      fast: metric === 'cityblock' || metric === 'jensenshannon',
      prepare: (place) => prepare(metric, shape, place, peers),
    };
  });
}
