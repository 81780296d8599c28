import { DomainError } from '../../errors.js';
import type { EdgePairs } from '../../util/graph.js';
import { FLOAT64_BITS, decimals, float64 } from './arithmetic.js';
import type { Arithmetic } from './arithmetic.js';
import { alignedTo, smallestAngle, spreadDirections } from './directions.js';
import type { Directions } from './directions.js';
import { rootTree } from './tree.js';
import type { RootedTree } from './tree.js';

const OP = 'sarkarEmbed';

export interface SarkarOptions {
  /** Edges of a tree in either direction, flat list of shape [nodes - 1, 2]. */
  readonly edges: EdgePairs;
  readonly nodes: number;
  /** Length of every edge, > 0. Default 1 each. */
  readonly weights?: ArrayLike<number>;
  /** Dimension of the ball, >= 2. Default 2. */
  readonly dim?: number;
  /** Hyperbolic length of an edge of length 1, > 0. Default: the largest that the precision allows. */
  readonly tau?: number;
  /** Instead of tau: distances are to be within a factor 1 + epsilon of tau times the tree's. */
  readonly epsilon?: number;
  /** The node at the origin. Default: the middle of a longest path, which gives the least radius. */
  readonly root?: number;
  /** Bits of the coordinates. Default 53, plain float64; more are computed with decimal.js. */
  readonly precision?: number;
  /** Embed the breadth-first spanning tree of a graph that is no tree. Default false: an error. */
  readonly spanningTree?: boolean;
}

/** Points of the Poincaré ball of curvature -1. */
export interface SarkarEmbedding {
  readonly nodes: number;
  readonly dim: number;
  readonly tau: number;
  readonly root: number;
  /** Bits of the coordinates. */
  readonly precision: number;
  /** Largest distance from the origin, tau times the depth of the tree. */
  readonly radius: number;
  /** Parent of every node in the tree; -1 for the root. */
  readonly parent: Int32Array;
  /** Coordinates [nodes, dim], rounded to float64: beyond radius 37 these lie on the boundary. */
  readonly points: Float64Array;
  /** Coordinates of a node at full precision, as decimal numbers. */
  readonly decimals: (node: number) => readonly string[];
  /** Distance of two nodes, computed at the precision of the coordinates. */
  readonly distance: (u: number, v: number) => number;
  /** Distances of a node to all. */
  readonly distances: (node: number) => Float64Array;
}

/**
 * Embed a tree in the Poincaré ball by construction, without training.
 *
 * The root is put at the origin. From every node x, with its parent in direction p (seen from x), the
 * children are put at distance tau in directions that are as far from one another and from p as possible:
 * child = x ⊕ tanh(tau / 2) u_k, where ⊕ (Möbius addition) is the isometry that takes the origin to x. In
 * the plane u_k stands at angle 2 pi k / (children + 1) from p; in more dimensions the directions are a
 * simplex, a cross-polytope, or points that repel each other on the sphere. Edges get length tau exactly;
 * other distances are at most tau times the tree's and approach it as tau grows, with epsilon:
 * tau = (1 + epsilon) / epsilon * (-2 ln tan(beta / 2)), beta = the smallest angle at the node of most
 * edges, divided by 2.4 (in the plane pi / (1.2 degree)).
 *
 * Precision: a point at radius R needs R / ln 2 bits, R = tau * depth. float64 holds R <= 36; nearby points
 * at radius R then have distances good to 2^-52 e^R. With `precision` the coordinates are decimal numbers of
 * that many bits and 64 more, so distances are good to 1e-12. Beside the coordinates each node carries
 * 1 - |x|^2, computed without cancellation, so that far points do not lose digits.
 *
 * @param options Tree, dim, tau or epsilon, root, precision; see {@link SarkarOptions}.
 * @returns Points and a distance that is right at their precision: give `distances` and `nodes` to
 * neighborMap, distortion or reconstruction.
 * Cost: O(nodes * dim) operations of the precision; a row of distances costs as much.
 * @throws ShapeError, DomainError for edges that are no tree, weights, root or options out of range, and
 * for a radius that the precision does not hold, naming the bits it needs.
 * Reference: Sarkar, Low distortion Delaunay embedding of trees in hyperbolic plane, 2011; Sala, De Sa, Gu,
 * Ré, Representation tradeoffs for hyperbolic embeddings, 2018, sections 3.1 and 3.2, algorithm 1.
 * @example
 * const edges = [0, 1, 0, 2, 0, 3];
 * const { nodes, distances } = sarkarEmbed({ edges, nodes: 4, tau: 2 });
 * await neighborMap({ nodes, distances, edges }); // 1
 */
export function sarkarEmbed(options: SarkarOptions): SarkarEmbedding {
  const { dim = 2, precision = FLOAT64_BITS } = options;
  checkInteger('dim', dim, 2, 1 << 16);
  checkInteger('precision', precision, FLOAT64_BITS, 1 << 20);
  checkScale(options);
  const tree = rootTree(OP, options);
  const codes = new Map<number, Directions>();
  const spread = (count: number): Directions => {
    const known = codes.get(count) ?? spreadDirections(count, dim);
    codes.set(count, known);
    return known;
  };
  const tau = tauOf(options, tree, precision, spread);
  checkRadius(tau * tree.depth, precision);
  const frame = { tree, dim, tau, precision, spread };
  return precision === FLOAT64_BITS ? build(float64, frame) : build(decimals(precision), frame);
}

interface Frame {
  readonly tree: RootedTree;
  readonly dim: number;
  readonly tau: number;
  readonly precision: number;
  readonly spread: (count: number) => Directions;
}

// Options

function checkInteger(arg: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  const expected = `be an integer in [${least}, ${most}]`;
  throw new DomainError({ op: OP, arg, expected, got: String(value) });
}

function checkScale({ tau, epsilon }: SarkarOptions): void {
  if (tau !== undefined && epsilon !== undefined) {
    const expected = 'be absent when tau is given';
    throw new DomainError({ op: OP, arg: 'epsilon', expected, got: String(epsilon) });
  }
  for (const [arg, value] of Object.entries({ tau, epsilon })) {
    if (value === undefined || (value > 0 && Number.isFinite(value))) continue;
    throw new DomainError({ op: OP, arg, expected: 'be a number above 0', got: String(value) });
  }
}

function tauOf(
  { tau, epsilon }: SarkarOptions,
  tree: RootedTree,
  precision: number,
  spread: Frame['spread'],
): number {
  if (tau !== undefined) return tau;
  // A tree of one node has no edge to measure.
  if (tree.depth === 0) return 1;
  // As Sala et al.: a margin of 1.3 leaves bits to tell siblings apart.
  if (epsilon === undefined) return (precision * Math.LN2) / (1.3 * tree.depth);
  const beta = smallestAngle(spread(Math.max(2, tree.degree))) / 2.4;
  const shortest = tree.lengths.reduce(
    (least, length) => (length > 0 ? Math.min(least, length) : least),
    Infinity,
  );
  return (((1 + epsilon) / epsilon) * (-2 * Math.log(Math.tan(beta / 2)))) / shortest;
}

function checkRadius(radius: number, precision: number): void {
  const need = Math.ceil(radius / Math.LN2);
  if (need <= precision) return;
  throw new DomainError({
    op: OP,
    arg: 'precision',
    expected: `be at least ${need} bits for points at radius ${radius.toPrecision(4)} (tau times depth)`,
    got: `${precision} bits`,
    fix: 'Raise precision, lower tau, raise epsilon, or add dimensions.',
  });
}

// Construction

/** A point with its distance from the boundary, 1 - |x|^2. */
interface Point<T> {
  readonly x: readonly T[];
  readonly gap: T;
}

function build<T>(numbers: Arithmetic<T>, frame: Frame): SarkarEmbedding {
  const { tree, dim, tau, precision } = frame;
  const points = place(numbers, frame);
  const logGaps = points.map(({ gap }) => numbers.logSize(gap));
  const logSizes = new Float64Array(dim);
  const distance = (u: number, v: number): number => {
    for (let f = 0; f < dim; f++) {
      logSizes[f] = numbers.logSize(numbers.sub(points[u].x[f], points[v].x[f]));
    }
    return fromLogs(logSizes, logGaps[u] + logGaps[v]);
  };
  const check = (node: number): number => {
    if (Number.isInteger(node) && node >= 0 && node < tree.nodes) return node;
    const expected = `be a node, 0 to ${tree.nodes - 1}`;
    throw new DomainError({ op: OP, arg: 'node', expected, got: String(node) });
  };
  return {
    nodes: tree.nodes,
    dim,
    tau,
    root: tree.root,
    precision,
    radius: tau * tree.depth,
    parent: tree.parent,
    points: Float64Array.from(points.flatMap(({ x }) => x.map(numbers.toNumber))),
    decimals: (node) => points[check(node)].x.map(numbers.toText),
    distance: (u, v) => distance(check(u), check(v)),
    distances: (node) => {
      const u = check(node);
      return Float64Array.from({ length: tree.nodes }, (_, v) => distance(u, v));
    },
  };
}

/** d = 2 asinh(|x - y| / sqrt(gap gap')), from logarithms, which do not leave the range of float64. */
function fromLogs(logSizes: Float64Array, logGaps: number): number {
  const largest = logSizes.reduce((most, value) => Math.max(most, value), -Infinity);
  if (largest === -Infinity) return 0;
  let squares = 0;
  for (const value of logSizes) squares += Math.exp(2 * (value - largest));
  const half = largest + (Math.log(squares) - logGaps) / 2;
  // asinh(e^h) = h + ln 2 to the last bit from here on.
  return half > 40 ? 2 * (half + Math.LN2) : 2 * Math.asinh(Math.exp(half));
}

function place<T>(numbers: Arithmetic<T>, { tree, dim, tau, spread }: Frame): readonly Point<T>[] {
  const steps = new Map<number, Step<T>>();
  const stepOf = (length: number): Step<T> => {
    const known = steps.get(length) ?? edgeStep(numbers, tau * length);
    steps.set(length, known);
    return known;
  };
  const origin: Point<T> = {
    x: Array.from({ length: dim }, () => numbers.of(0)),
    gap: numbers.of(1),
  };
  const points = Array.from({ length: tree.nodes }, () => origin);
  for (const node of tree.order) {
    const children = tree.children[node];
    if (children.length === 0) continue;
    const up = tree.parent[node];
    const directions =
      up < 0
        ? spread(children.length)
        : alignedTo(spread(children.length + 1), directionTo(numbers, points[node], points[up]));
    children.forEach((child, k) => {
      const step = stepOf(tree.lengths[child]);
      points[child] = translated(numbers, points[node], step, directions[k]);
    });
  }
  return points;
}

/** e = tanh(length / 2) and 1 - e^2. */
interface Step<T> {
  readonly size: T;
  readonly gap: T;
}

function edgeStep<T>({ exp, of, add, sub, mul, div }: Arithmetic<T>, length: number): Step<T> {
  const power = exp(length);
  const above = add(power, of(1));
  return {
    size: div(sub(power, of(1)), above),
    gap: div(mul(of(4), power), mul(above, above)),
  };
}

function sumOfSquares<T>({ of, add, mul }: Arithmetic<T>, vector: readonly T[]): T {
  return vector.reduce((sum, value) => add(sum, mul(value, value)), of(0));
}

/**
 * x ⊕ y for y = size * direction: (gap (x + y) + |x + y|^2 x) / (gap gap_y + |x + y|^2), and its gap
 * gap gap_y / (gap gap_y + |x + y|^2): sums of like terms only, where the textbook form cancels.
 */
function translated<T>(
  numbers: Arithmetic<T>,
  { x, gap }: Point<T>,
  step: Step<T>,
  direction: Float64Array,
): Point<T> {
  const { of, add, mul, div, sqrt } = numbers;
  const raw = Array.from(direction, of);
  // Directions come in float64; their length has to be 1 at full precision.
  const scale = div(step.size, sqrt(sumOfSquares(numbers, raw)));
  const sum = x.map((value, f) => add(value, mul(scale, raw[f])));
  const squares = sumOfSquares(numbers, sum);
  const gaps = mul(gap, step.gap);
  const below = add(gaps, squares);
  return {
    x: x.map((value, f) => div(add(mul(gap, sum[f]), mul(squares, value)), below)),
    gap: div(gaps, below),
  };
}

/** Direction of y as seen from x, that of (-x) ⊕ y: gap (y - x) - |y - x|^2 x. */
function directionTo<T>(numbers: Arithmetic<T>, { x, gap }: Point<T>, y: Point<T>): Float64Array {
  const { sub, mul, div, sqrt, toNumber } = numbers;
  const difference = x.map((value, f) => sub(y.x[f], value));
  const squares = sumOfSquares(numbers, difference);
  const vector = x.map((value, f) => sub(mul(gap, difference[f]), mul(squares, value)));
  const length = sqrt(sumOfSquares(numbers, vector));
  return Float64Array.from(vector, (value) => toNumber(div(value, length)));
}
