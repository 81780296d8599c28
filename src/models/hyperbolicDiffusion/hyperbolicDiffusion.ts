import { DataError, DomainError, NotFittedError } from '../../errors.js';
import type { Artifacts } from '../../util/artifacts.js';
import { checkRows } from '../../util/rows.js';
import type { Rows } from '../../util/rows.js';
import { savedArray } from '../layers/parameters.js';
import { parseHyperbolicDiffusionConfig } from './config.js';
import type { HyperbolicDiffusionConfig, HyperbolicDiffusionConfigInput } from './config.js';
import { graphOperator, rootsOfPower, rowsOperator } from './operator.js';
import type { DiffusionOperator, DiffusionGraph } from './operator.js';

const OP = 'HyperbolicDiffusionDistance';

/** Name of the model in a saved file, and the version of its format. */
const [MODEL, FORMAT] = ['hyperbolicDiffusion', 1] as const;

/** Values that all densities together may hold: 2 GiB. */
const MOST_VALUES = 2 ** 28;

interface State {
  readonly nodes: number;
  /** Per scale, the square roots of the densities [n, n]; row i belongs to node i. */
  readonly roots: readonly Float64Array[];
}

/** A point for each node in a product of hyperbolic spaces. */
export interface HyperbolicDiffusionEmbedding {
  /** Space coordinates of scale k in the half-space model [nodes, nodes], row by row. */
  readonly points: readonly Float64Array[];
  /** Height of all points of scale k: 2^(k / 2 - 2). */
  readonly heights: readonly number[];
}

/**
 * Hyperbolic diffusion distance: a distance between the nodes of a graph, or between rows, that reveals
 * their hierarchy, without training.
 *
 * A diffusion operator P gives the density P^t(i, .) that spreads from i within time t. For the dyadic times
 * t = 2^-k, k = 0 .. K - 1, node i becomes the point (sqrt(P^(2^-k)(i, .)), 2^(k/2 - 2)) of the upper
 * half-space, and the distance is the sum of the hyperbolic distances of all scales:
 * d(i, j) = sum_k 2 asinh(2^(1 - k/2) |sqrt(P^(2^-k)(i, .)) - sqrt(P^(2^-k)(j, .))|).
 *
 * For a graph P = exp(-L); `laplacian` 'combinatorial' (L = D - A, the one that gives the figures of the
 * paper) or 'normalized'. For rows P is the density-normalised Gaussian kernel of diffusion maps. Powers come from all
 * eigenvalues, in float64 on the host.
 *
 * Reference: Lin, Coifman, Mishne, Talmon, Hyperbolic diffusion embedding and distance for hierarchical
 * representation learning, 2023 (arXiv 2305.18962), definitions 1 and 2.
 * @example
 * const tree = new HyperbolicDiffusionDistance({ scales: 3 }).fitGraph({ edges, nodes });
 * await neighborMap({ nodes, edges, distances: (node) => tree.distances(node) });
 */
export class HyperbolicDiffusionDistance {
  readonly config: HyperbolicDiffusionConfig;
  #state: State | undefined;

  /**
   * @param config Any part of the settings; see {@link HyperbolicDiffusionConfig} for defaults.
   * @throws DomainError naming the field at fault; unknown fields are errors.
   */
  constructor(config: HyperbolicDiffusionConfigInput = {}) {
    this.config = parseHyperbolicDiffusionConfig(config);
  }

  /** Whether there are distances. */
  get fitted(): boolean {
    return this.#state !== undefined;
  }

  /** Number of nodes or rows. */
  get nodes(): number {
    return this.#fitted('nodes').nodes;
  }

  /**
   * Diffuse on a graph. A later fit forgets this one.
   * @param graph Edges [e, 2] in either direction, nodes, weights; loops are left out.
   * @returns This, fitted.
   * Cost: O(n^3) time, O(K n^2) memory; 1,000 nodes take seconds.
   * @throws ShapeError, DomainError for bad edges or weights, or when K n^2 exceeds 2^28 values; before
   * anything is computed.
   */
  fitGraph(graph: DiffusionGraph): this {
    const op = `${OP}.fitGraph`;
    this.#checkSize(op, graph.nodes);
    return this.#keep(graphOperator(op, graph, this.config.laplacian));
  }

  /**
   * Diffuse among rows. A later fit forgets this one.
   * @param x Rows, finite.
   * @returns This, fitted.
   * Cost: O(n^2 d + n^3) time, O(K n^2) memory.
   * @throws ShapeError, DomainError for bad rows, or when K n^2 exceeds 2^28 values; before anything is
   * computed.
   */
  fitRows(x: Rows): this {
    const op = `${OP}.fitRows`;
    checkRows(op, 'x', x);
    this.#checkSize(op, x.count);
    return this.#keep(rowsOperator(x, this.config.bandwidth));
  }

  /**
   * Distance of two nodes, >= 0.
   * @throws NotFittedError; DomainError for an index out of range.
   */
  distance(i: number, j: number): number {
    const op = `${OP}.distance`;
    const state = this.#fitted(op);
    return between(state, checkNode(op, state, i), checkNode(op, state, j));
  }

  /** Distances of a node to all, in order of their index. Errors as {@link distance}. */
  distances(node: number): Float64Array {
    const op = `${OP}.distances`;
    const state = this.#fitted(op);
    const i = checkNode(op, state, node);
    return Float64Array.from({ length: state.nodes }, (_, j) => between(state, i, j));
  }

  /** The points whose summed half-space distances these are. @throws NotFittedError. */
  embedding(): HyperbolicDiffusionEmbedding {
    const { roots } = this.#fitted(`${OP}.embedding`);
    return {
      points: roots.map((values) => values.slice()),
      heights: roots.map((_, k) => 2 ** (k / 2 - 2)),
    };
  }

  /** Config and densities as plain host data. @throws NotFittedError. */
  toArtifacts(): Artifacts {
    const { nodes, roots } = this.#fitted(`${OP}.toArtifacts`);
    const arrays = roots.map((data, k) => [
      `roots.${k}`,
      { dtype: 'float64', shape: [nodes, nodes], data: data.slice() } as const,
    ]);
    return {
      model: MODEL,
      formatVersion: FORMAT,
      config: { ...this.config, nodes },
      arrays: Object.fromEntries(arrays) as Artifacts['arrays'],
    };
  }

  /**
   * Distances from {@link toArtifacts}, the same to the bit.
   * @throws DataError for another model or format, or a missing or misshapen array.
   */
  static fromArtifacts({
    model,
    formatVersion,
    config,
    arrays,
  }: Artifacts): HyperbolicDiffusionDistance {
    const op = `${OP}.fromArtifacts`;
    if (model !== MODEL || formatVersion !== FORMAT) {
      const got = `'${model}', version ${formatVersion}`;
      const expected = `be '${MODEL}', version ${FORMAT}`;
      throw new DataError({ op, arg: 'model', expected, got });
    }
    const { nodes, ...settings } = config;
    if (!(typeof nodes === 'number' && Number.isInteger(nodes) && nodes >= 1)) {
      const got = JSON.stringify(nodes);
      throw new DataError({ op, arg: 'config.nodes', expected: 'be an integer >= 1', got });
    }
    const fitted = new HyperbolicDiffusionDistance(settings);
    const roots = Array.from({ length: fitted.config.scales }, (_, k) =>
      savedArray(op, arrays, `roots.${k}`, 'float64', [nodes, nodes]).slice(),
    );
    fitted.#state = { nodes, roots };
    return fitted;
  }

  /** Forget the densities. */
  dispose(): void {
    this.#state = undefined;
  }

  #keep(operator: DiffusionOperator): this {
    const roots = Array.from({ length: this.config.scales }, (_, k) =>
      rootsOfPower(operator, 2 ** -k),
    );
    this.#state = { nodes: operator.nodes, roots };
    return this;
  }

  #checkSize(op: string, nodes: number): void {
    const values = this.config.scales * nodes * nodes;
    if (!(values > MOST_VALUES)) return;
    const most = Math.floor(Math.sqrt(MOST_VALUES / this.config.scales));
    throw new DomainError({
      op,
      arg: 'nodes',
      expected: `be at most ${most} with ${this.config.scales} scales`,
      got: String(nodes),
    });
  }

  #fitted(op: string): State {
    if (this.#state !== undefined) return this.#state;
    throw new NotFittedError({
      op,
      arg: 'the model',
      expected: 'be fitted first',
      got: 'a model without densities',
      fix: 'Call fitGraph or fitRows.',
    });
  }
}

function checkNode(op: string, { nodes }: State, node: number): number {
  if (Number.isInteger(node) && node >= 0 && node < nodes) return node;
  const expected = `be 0 to ${nodes - 1}`;
  throw new DomainError({ op, arg: 'index', expected, got: String(node) });
}

function between({ nodes: n, roots }: State, i: number, j: number): number {
  let total = 0;
  for (let k = 0; k < roots.length; k++) {
    const values = roots[k];
    let squares = 0;
    for (let f = 0; f < n; f++) {
      const difference = values[i * n + f] - values[j * n + f];
      squares += difference * difference;
    }
    total += 2 * Math.asinh(2 ** (1 - k / 2) * Math.sqrt(squares));
  }
  return total;
}
