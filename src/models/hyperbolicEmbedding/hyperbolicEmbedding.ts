import { z } from 'zod';
import { DataError, DomainError, NotFittedError } from '../../errors.js';
import type { Geometry } from '../../specs/relationSteps.js';
import type { Artifacts, Json } from '../../util/artifacts.js';
import { checkEdges, directedAdjacency } from '../../util/graph.js';
import type { EdgePairs } from '../../util/graph.js';
import type { Rows } from '../../util/rows.js';
import { savedArray } from '../layers/parameters.js';
import { parseHyperbolicEmbeddingConfig } from './config.js';
import type { HyperbolicEmbeddingConfig, HyperbolicEmbeddingConfigInput } from './config.js';
import { convertPoints, storedDistance } from './geometry.js';
import type { StoredPoints } from './geometry.js';
import { trainEmbedding } from './training.js';
import type { EmbeddingFitOptions, Relations } from './training.js';

const [MODEL, FORMAT] = ['hyperbolicEmbedding', 1] as const;
const LOAD = 'HyperbolicEmbedding.fromArtifacts';
const POINTS = 'points';

/**
 * Points in hyperbolic space such that related nodes are near: Poincare embeddings of a hierarchy, in the
 * ball, on the hyperboloid or in tangent coordinates.
 *
 * Minimises over relations (u, v) the loss -log(exp(-d(u, v)) / (exp(-d(u, v)) + sum_k exp(-d(u, v_k))))
 * with random negatives v_k that are no relations of u, by Riemannian gradient descent; see
 * {@link relationSteps}. Give the transitive closure of a hierarchy as pairs (node, ancestor): general
 * nodes then come to lie near the origin, leaves far out.
 *
 * The fitted points are on the host; nothing stays on the device. The same seed, relations and backend
 * give the same bits, also when training was interrupted and resumed.
 *
 * Reference: Nickel, Kiela, Poincare embeddings for learning hierarchical representations, 2017; Learning
 * continuous hierarchies in the Lorentz model of hyperbolic geometry, 2018.
 * @example
 * const embedding = await new HyperbolicEmbedding({ dim: 2 }).fit([1, 0, 2, 0, 3, 1, 3, 0]);
 * embedding.distance(3, 1);
 */
export class HyperbolicEmbedding {
  readonly config: HyperbolicEmbeddingConfig;
  #points: Float32Array | undefined;

  /**
   * @param config Any part of the hyper-parameters; see {@link HyperbolicEmbeddingConfig} for defaults.
   * @throws DomainError naming the field at fault; unknown fields are errors.
   */
  constructor(config: HyperbolicEmbeddingConfigInput = {}) {
    this.config = parseHyperbolicEmbeddingConfig(config);
  }

  get fitted(): boolean {
    return this.#points !== undefined;
  }

  /** Number of embedded nodes. */
  get nodes(): number {
    return this.#stored('nodes').data.length / this.config.dim;
  }

  /**
   * Embed the nodes of relations. A second call forgets the first; when it fails or is aborted, the
   * points from before stay.
   *
   * @param relations Pairs (u, v), flat list of shape [e, 2]: u is trained to be nearer to v than to other
   * nodes. Equal pairs count as often as they stand there; pairs (u, u) are left out.
   * @returns This model, fitted.
   * @throws ShapeError, DomainError for bad relations, before anything is computed; DomainError when
   * there is none or the loss stops being finite. The reason of `signal`.
   * Cost: O(epochs e negatives dim) time.
   */
  async fit(relations: EdgePairs, options: EmbeddingFitOptions = {}): Promise<this> {
    this.#points = await trainEmbedding(this.config, prepare(relations, options.nodes), options);
    return this;
  }

  /**
   * The points, one row per node.
   * @param geometry How they are stored. Default: as trained. In 'poincare', points beyond radius
   * 14.6 / sqrt(curvature) are put there.
   */
  points(geometry: Geometry = this.config.geometry): Rows {
    const stored = this.#stored('points');
    const { dim } = this.config;
    return { data: convertPoints(stored, geometry), count: this.nodes, rowShape: [dim] };
  }

  /**
   * Hyperbolic distance of two nodes, float64 of the stored points.
   * @throws NotFittedError; DomainError for a node that is not there.
   */
  distance(i: number, j: number): number {
    const stored = this.#stored('distance');
    const { nodes } = this;
    for (const [arg, node] of Object.entries({ i, j })) {
      if (Number.isInteger(node) && node >= 0 && node < nodes) continue;
      const expected = `be a node, 0 to ${nodes - 1}`;
      const op = 'HyperbolicEmbedding.distance';
      throw new DomainError({ op, arg, expected, got: String(node) });
    }
    return storedDistance(stored, i, j);
  }

  /** Config and points as plain host data. */
  toArtifacts(): Promise<Artifacts> {
    return new Promise((resolve) => {
      resolve(this.#artifacts());
    });
  }

  /**
   * A fitted model from {@link toArtifacts}, with the same bits.
   * @throws DataError for another model or format, or a missing or misshapen array.
   */
  static fromArtifacts(artifacts: Artifacts): HyperbolicEmbedding {
    const format = z.object({ model: z.literal(MODEL), formatVersion: z.literal(FORMAT) });
    if (!format.safeParse(artifacts).success) {
      const expected = `be '${MODEL}', version ${FORMAT}`;
      const got = `'${artifacts.model}', version ${artifacts.formatVersion}`;
      throw new DataError({ op: LOAD, arg: 'the model', expected, got });
    }
    const model = new HyperbolicEmbedding(parseHyperbolicEmbeddingConfig(artifacts.config));
    const shape = [-1, model.config.dim];
    const points = savedArray(LOAD, artifacts.arrays, POINTS, 'float32', shape);
    model.#points = Float32Array.from(points);
    return model;
  }

  /** Forget the points; the model is then not fitted. */
  dispose(): void {
    this.#points = undefined;
  }

  #artifacts(): Artifacts {
    const { data } = this.#stored('toArtifacts');
    const config = { ...this.config } as { [key: string]: Json };
    const shape = [this.nodes, this.config.dim];
    const arrays = { [POINTS]: { dtype: 'float32', shape, data: data.slice() } as const };
    return { model: MODEL, formatVersion: FORMAT, config, arrays };
  }

  #stored(what: string): StoredPoints {
    const { geometry, curvature, dim } = this.config;
    if (this.#points !== undefined) return { geometry, curvature, dim, data: this.#points };
    throw new NotFittedError({
      op: `HyperbolicEmbedding.${what}`,
      arg: 'the model',
      expected: 'be fitted first',
      got: 'a model without points',
      fix: 'Call fit, or load one with HyperbolicEmbedding.fromArtifacts.',
    });
  }
}

function prepare(relations: EdgePairs, given: number | undefined): Relations {
  const op = 'HyperbolicEmbedding.fit';
  let largest = 0;
  for (let i = 0; i < relations.length; i++) largest = Math.max(largest, relations[i]);
  const nodes = given ?? largest + 1;
  checkEdges(op, relations, nodes);
  const kept: number[] = [];
  for (let i = 0; i < relations.length; i += 2) {
    if (relations[i] !== relations[i + 1]) kept.push(relations[i], relations[i + 1]);
  }
  if (kept.length === 0) {
    const expected = 'have a pair of two different nodes';
    throw new DomainError({ op, arg: 'relations', expected, got: 'none' });
  }
  return { pairs: Int32Array.from(kept), related: directedAdjacency(relations, nodes) };
}
