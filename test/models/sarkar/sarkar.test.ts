import { Decimal } from 'decimal.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { distortion, neighborMap } from '../../../src/metrics/index.js';
import { smallestAngle, spreadDirections } from '../../../src/models/sarkar/directions.js';
import { sarkarEmbed } from '../../../src/models/sarkar/index.js';
import type { SarkarEmbedding, SarkarOptions } from '../../../src/models/sarkar/index.js';
import { pathLengths } from '../../reference/hierarchy.js';
import { PROPERTY } from '../../support/arbitraries.js';

/** Edges of the tree in which node i > 0 hangs at `up(i)` < i. */
function treeEdges(nodes: number, up: (i: number) => number): number[] {
  return Array.from({ length: nodes - 1 }, (_, i) => [i + 1, up(i + 1)]).flat();
}

const ternary = { nodes: 40, edges: treeEdges(40, (i) => Math.floor((i - 1) / 3)) };

/** Random trees of up to 20 nodes. */
const trees = fc
  .array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), {
    minLength: 1,
    maxLength: 19,
  })
  .map((draws) => ({
    nodes: draws.length + 1,
    edges: treeEdges(draws.length + 1, (i) => Math.floor(draws[i - 1] * i)),
  }));

const pairsOf = (edges: readonly number[]): [number, number][] =>
  Array.from({ length: edges.length / 2 }, (_, i) => [edges[2 * i], edges[2 * i + 1]]);

/** Distance in the ball from decimal text, by the textbook acosh at 900 digits. */
function decimalDistance(x: readonly string[], y: readonly string[]): number {
  const Wide = Decimal.clone({ precision: 900 });
  const squares = (v: readonly Decimal[]): Decimal =>
    v.reduce((sum, value) => sum.plus(value.times(value)), new Wide(0));
  const [a, b] = [x.map((text) => new Wide(text)), y.map((text) => new Wide(text))];
  const gaps = new Wide(1).minus(squares(a)).times(new Wide(1).minus(squares(b)));
  const difference = squares(a.map((value, f) => value.minus(b[f])));
  return Wide.acosh(new Wide(1).plus(difference.times(2).dividedBy(gaps))).toNumber();
}

const given = ({ nodes, distances }: SarkarEmbedding) => ({ nodes, distances });

describe('sarkarEmbed', () => {
  it('golden: a star of three leaves', () => {
    const star = sarkarEmbed({ edges: [0, 1, 0, 2, 3, 0], nodes: 4, tau: 2, root: 0 });
    const r = Math.tanh(1);
    const want = [0, 1, 2].flatMap((k) => [
      r * Math.cos((2 * Math.PI * k) / 3),
      r * Math.sin((2 * Math.PI * k) / 3),
    ]);
    expect(Array.from(star.points.subarray(0, 2))).toEqual([0, 0]);
    Array.from(star.points.subarray(2)).forEach((value, i) => {
      expect(value).toBeCloseTo(want[i], 14);
    });
    expect(star.distance(0, 3)).toBeCloseTo(2, 14);
    // Two sides of length 2 at 120 degrees, by the hyperbolic law of cosines.
    const between = Math.acosh(Math.cosh(2) ** 2 - Math.sinh(2) ** 2 * Math.cos((2 * Math.PI) / 3));
    expect(star.distance(1, 2)).toBeCloseTo(between, 13);
    expect([star.root, star.radius, star.distance(2, 2)]).toEqual([0, 2, 0]);
    expect(Array.from(star.parent)).toEqual([-1, 0, 0, 0]);
  });

  it.each([2, 3, 6])('shows a ternary tree perfectly at tau 3 in %d dimensions', async (dim) => {
    const tree = sarkarEmbed({ ...ternary, tau: 3, dim });
    expect(await neighborMap({ ...given(tree), edges: ternary.edges })).toBe(1);
    const far = await distortion({ ...given(tree), edges: ternary.edges, scale: 1 / 3 });
    const near = await distortion({
      ...given(sarkarEmbed({ ...ternary, tau: 6, dim })),
      edges: ternary.edges,
      scale: 1 / 6,
    });
    expect(far.average).toBeLessThan(0.15);
    expect(near.average).toBeLessThan(0.6 * far.average);
  });

  it('property: edges have length tau, and no distance exceeds that of the tree', () => {
    fc.assert(
      fc.property(
        trees,
        fc.double({ min: 0.2, max: 1.5, noNaN: true }),
        fc.integer({ min: 2, max: 4 }),
        ({ nodes, edges }, tau, dim) => {
          const tree = sarkarEmbed({ nodes, edges, tau, dim });
          const lengths = pathLengths(pairsOf(edges), nodes);
          // Rounding at the boundary: e^R units in the last place.
          const slack = 1e-14 * Math.exp(tree.radius) + 1e-12;
          for (let u = 0; u < nodes; u++) {
            const row = tree.distances(u);
            for (let v = 0; v < nodes; v++) {
              expect(row[v]).toBeLessThanOrEqual(tau * lengths[u][v] + slack);
              if (lengths[u][v] === 1) expect(Math.abs(row[v] - tau)).toBeLessThan(slack);
              expect(row[v]).toBeCloseTo(tree.distance(v, u), 12);
            }
          }
        },
      ),
      PROPERTY,
    );
  });

  it('property: with epsilon all distances are within its factor, in 2 and in 5 dimensions', () => {
    fc.assert(
      fc.property(trees, fc.constantFrom(0.5, 0.2), ({ nodes, edges }, epsilon) => {
        for (const dim of [2, 5]) {
          const tree = sarkarEmbed({ nodes, edges, epsilon, dim, precision: 1200 });
          const lengths = pathLengths(pairsOf(edges), nodes);
          for (let u = 0; u < nodes; u++) {
            for (let v = 0; v < u; v++) {
              const ratio = (tree.tau * lengths[u][v]) / tree.distance(u, v);
              expect(ratio).toBeGreaterThan(1 - 1e-12);
              expect(ratio).toBeLessThan(1 + epsilon);
            }
          }
        }
      }),
      { ...PROPERTY, numRuns: 6 },
    );
  });

  it('reference: decimal coordinates give the distances that textbook acosh gives', () => {
    // A path of 30 edges of length 9 and a branch at every node: radius 135, 195 bits.
    const edges = treeEdges(60, (i) => (i % 2 === 1 ? i - 1 : Math.max(0, i - 2)));
    const tree = sarkarEmbed({ edges, nodes: 60, tau: 9, precision: 256 });
    expect(tree.radius).toBeGreaterThan(130);
    for (const [u, v] of [
      [0, 1],
      [0, 59],
      [57, 59],
      [58, 59],
      [58, 1],
      [30, 31],
    ]) {
      const want = decimalDistance(tree.decimals(u), tree.decimals(v));
      expect(tree.distance(u, v) / want).toBeCloseTo(1, 12);
    }
    expect(tree.points.every((value) => Math.abs(value) <= 1)).toBe(true);
  });

  it('reference: float64 and decimal numbers agree where float64 is enough', () => {
    const plain = sarkarEmbed({ ...ternary, tau: 2, dim: 3 });
    const wide = sarkarEmbed({ ...ternary, tau: 2, dim: 3, precision: 120 });
    for (let u = 0; u < ternary.nodes; u++) {
      const [a, b] = [plain.distances(u), wide.distances(u)];
      a.forEach((value, v) => expect(value).toBeCloseTo(b[v], 10));
    }
    expect(plain.decimals(7)).toEqual(Array.from(plain.points.subarray(21, 24), String));
  });

  it('weights stretch edges, the root is the middle of a longest path, a graph gives its walk', () => {
    const path = sarkarEmbed({ edges: [0, 1, 1, 2, 3, 2], nodes: 4, weights: [1, 2, 0.5], tau: 2 });
    expect(path.distance(0, 1)).toBeCloseTo(2, 12);
    expect(path.distance(2, 1)).toBeCloseTo(4, 12);
    expect(path.distance(3, 2)).toBeCloseTo(1, 12);
    expect([1, 2]).toContain(path.root);
    const ring = { edges: [0, 1, 1, 2, 2, 0], nodes: 3, tau: 1 };
    const walk = sarkarEmbed({ ...ring, spanningTree: true, root: 0 });
    expect(Array.from(walk.parent)).toEqual([-1, 0, 0]);
    expect(sarkarEmbed({ edges: [], nodes: 1 }).distances(0)).toEqual(Float64Array.of(0));
  });

  it('uses the precision that it has when no tau is given', async () => {
    const tree = sarkarEmbed(ternary);
    expect(tree.radius).toBeCloseTo((53 * Math.LN2) / 1.3, 10);
    expect(await neighborMap({ ...given(tree), edges: ternary.edges })).toBe(1);
  });

  it.each<[Partial<SarkarOptions>, string]>([
    [
      { edges: [0, 1, 1, 2, 2, 0] },
      'be a tree: 2 edges between 3 nodes, got 3 edges. With spanning',
    ],
    [{ edges: [0, 1] }, 'join all nodes, got 1 nodes without a path to node 0, the first 2'],
    [{ edges: [0, 1, 1, 3] }, 'edges must hold nodes 0 to 2, got 3 in edge 1'],
    [{ tau: 0 }, 'tau must be a number above 0, got 0'],
    [{ tau: 1, epsilon: 1 }, 'epsilon must be absent when tau is given, got 1'],
    [{ tau: 40 }, 'precision must be at least 58 bits for points at radius 40.00'],
    [{ dim: 1 }, 'dim must be an integer in [2, 65536], got 1'],
    [{ precision: 52 }, 'precision must be an integer in [53, 1048576], got 52'],
    [{ root: 3 }, 'root must be a node, 0 to 2, got 3'],
    [{ weights: [1] }, 'weights must have one value per edge, 2, got 1 values'],
    [{ weights: [1, -1] }, 'weights must be finite and above 0, got -1 for edge 1'],
  ])('error: %j', (options, message) => {
    expect(() => sarkarEmbed({ edges: [0, 1, 1, 2], nodes: 3, ...options })).toThrow(
      `sarkarEmbed: ${message.includes(' must ') ? '' : 'edges must '}${message}`,
    );
    const tree = sarkarEmbed({ edges: [0, 1], nodes: 2 });
    expect(() => tree.distance(0, 2)).toThrow('node must be a node, 0 to 1, got 2');
  });
});

describe('spreadDirections', () => {
  const degrees = (count: number, dim: number): number =>
    (smallestAngle(spreadDirections(count, dim)) * 180) / Math.PI;

  it('gives polygon, simplex and cross-polytope exactly', () => {
    expect(degrees(7, 2)).toBeCloseTo(360 / 7, 10);
    expect(degrees(2, 5)).toBeCloseTo(180, 5);
    expect(degrees(4, 3)).toBeCloseTo((Math.acos(-1 / 3) * 180) / Math.PI, 10);
    expect(degrees(6, 5)).toBeCloseTo((Math.acos(-1 / 5) * 180) / Math.PI, 10);
    expect(degrees(10, 5)).toBeCloseTo(90, 10);
    expect(degrees(1, 3)).toBe(180);
  });

  it('comes near the best known codes for more, with unit vectors', () => {
    // Icosahedron 63.43 degrees; 24 points on the sphere 43.69; the 24-cell in 4 dimensions 60.
    expect(degrees(12, 3)).toBeGreaterThan(0.95 * 63.43);
    expect(degrees(24, 3)).toBeGreaterThan(0.9 * 43.69);
    expect(degrees(24, 4)).toBeGreaterThan(0.85 * 60);
    for (const direction of spreadDirections(30, 6))
      expect(Math.hypot(...direction)).toBeCloseTo(1, 12);
  });
});
