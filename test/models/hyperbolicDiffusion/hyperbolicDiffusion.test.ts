import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { neighborMap } from '../../../src/metrics/index.js';
import {
  HyperbolicDiffusionDistance,
  parseHyperbolicDiffusionConfig,
} from '../../../src/models/hyperbolicDiffusion/index.js';
import type { DiffusionGraph } from '../../../src/models/hyperbolicDiffusion/index.js';
import type { Artifacts } from '../../../src/util/artifacts.js';
import { PROPERTY, normalRows } from '../../support/arbitraries.js';

type Square = number[][];

const product = (a: Square, b: Square): Square =>
  a.map((row) => b.map((_, j) => row.reduce((sum, value, k) => sum + value * b[k][j], 0)));

/** e^A by its series; A is small here. */
function exponential(a: Square): Square {
  let term: Square = a.map((_, i) => a.map((__, j) => (i === j ? 1 : 0)));
  const sum = term.map((row) => [...row]);
  for (let k = 1; k < 80; k++) {
    term = product(term, a).map((row) => row.map((value) => value / k));
    term.forEach((row, i) => row.forEach((value, j) => (sum[i][j] += value)));
  }
  return sum;
}

/** (I - X)^(1/2) by its series, X = I - A; the eigenvalues of A are far enough from 0. */
function squareRoot(a: Square): Square {
  const x = a.map((row, i) => row.map((value, j) => (i === j ? 1 : 0) - value));
  let power: Square = a.map((_, i) => a.map((__, j) => (i === j ? 1 : 0)));
  const sum = power.map((row) => [...row]);
  let factor = 1;
  for (let k = 0; k < 600; k++) {
    factor *= (k - 0.5) / (k + 1);
    const next = product(power, x);
    next.forEach((row, i) => row.forEach((value, j) => (sum[i][j] += factor * value)));
    power = next;
  }
  return sum;
}

/** Sum over k of the half-space distances 2 asinh(|x - y| / (2 height)) of the roots of P^(2^-k). */
function bySeries(powers: readonly Square[]): Square {
  return powers[0].map((_, i) =>
    powers[0].map((__, j) =>
      powers.reduce((total, power, k) => {
        const root = (r: number): number[] => power[r].map((v) => Math.sqrt(Math.max(0, v)));
        const [x, y] = [root(i), root(j)];
        const gap = Math.hypot(...x.map((value, f) => value - y[f]));
        return total + 2 * Math.asinh(gap / (2 * 2 ** (k / 2 - 2)));
      }, 0),
    ),
  );
}

function laplacian({ edges, nodes, weights }: DiffusionGraph, normalized: boolean): Square {
  const a = Array.from({ length: nodes }, () => Array<number>(nodes).fill(0));
  for (let i = 0; i < edges.length; i += 2) {
    const weight = weights?.[i / 2] ?? 1;
    a[edges[i]][edges[i + 1]] = a[edges[i + 1]][edges[i]] = weight;
  }
  const degree = a.map((row) => row.reduce((sum, value) => sum + value, 0));
  return a.map((row, i) =>
    row.map((value, j) => {
      if (!normalized) return (i === j ? degree[i] : 0) - value;
      const own = i === j && degree[i] > 0 ? 1 : 0;
      return value === 0 ? own : own - value / Math.sqrt(degree[i] * degree[j]);
    }),
  );
}

const tree = (nodes: number, arity: number): DiffusionGraph => ({
  nodes,
  edges: Array.from({ length: nodes - 1 }, (_, i) => [i + 1, Math.floor(i / arity)]).flat(),
});

const graphs = fc.integer({ min: 2, max: 9 }).chain((nodes) =>
  fc
    .uniqueArray(fc.tuple(fc.nat(nodes - 1), fc.nat(nodes - 1)), {
      maxLength: 2 * nodes,
      selector: ([u, v]) => Math.min(u, v) * nodes + Math.max(u, v),
    })
    .map((pairs): DiffusionGraph => {
      const edges = pairs.filter(([u, v]) => u !== v);
      return { nodes, edges: edges.flat(), weights: edges.map((_, i) => 0.25 + (i % 3)) };
    }),
);

const asRows = (rows: readonly (readonly number[])[]) => ({
  data: Float32Array.from(rows.flat()),
  count: rows.length,
  rowShape: [rows[0].length],
});

describe('HyperbolicDiffusionDistance of a graph', () => {
  it.each(['combinatorial', 'normalized'] as const)(
    'reference: equals the series of exp(-L 2^-k), %s Laplacian',
    (kind) => {
      fc.assert(
        fc.property(graphs, fc.integer({ min: 1, max: 5 }), (graph, scales) => {
          const model = new HyperbolicDiffusionDistance({ scales, laplacian: kind });
          model.fitGraph(graph);
          const l = laplacian(graph, kind === 'normalized');
          const powers = Array.from({ length: scales }, (_, k) =>
            exponential(l.map((row) => row.map((value) => -value * 2 ** -k))),
          );
          bySeries(powers).forEach((row, i) => {
            row.forEach((value, j) => expect(model.distance(i, j)).toBeCloseTo(value, 6));
          });
        }),
        PROPERTY,
      );
    },
  );

  it('golden: two nodes with an edge', () => {
    const model = new HyperbolicDiffusionDistance({ scales: 1 }).fitGraph({
      edges: [0, 1],
      nodes: 2,
    });
    // exp(-L) has (1 + e^-2) / 2 on the diagonal and (1 - e^-2) / 2 beside it.
    const [stay, go] = [(1 + Math.exp(-2)) / 2, (1 - Math.exp(-2)) / 2].map(Math.sqrt);
    expect(model.distance(0, 1)).toBeCloseTo(2 * Math.asinh(2 * Math.SQRT2 * (stay - go)), 12);
  });

  it('property: a metric, and the half-space distance of its embedding', () => {
    fc.assert(
      fc.property(graphs, (graph) => {
        const model = new HyperbolicDiffusionDistance({ scales: 3 }).fitGraph(graph);
        const { points, heights } = model.embedding();
        const n = graph.nodes;
        expect(heights).toEqual([0.25, 2 ** -1.5, 0.5]);
        const all = Array.from({ length: n }, (_, i) => Array.from(model.distances(i)));
        for (let i = 0; i < n; i++) {
          expect(all[i][i]).toBe(0);
          for (let j = 0; j < n; j++) {
            expect(all[i][j]).toBe(all[j][i]);
            for (let k = 0; k < n; k++) {
              expect(all[i][j]).toBeLessThanOrEqual(all[i][k] + all[k][j] + 1e-12);
            }
            const total = points.reduce((sum, values, k) => {
              const x = values.subarray(i * n, (i + 1) * n);
              const y = values.subarray(j * n, (j + 1) * n);
              const squares = x.reduce((s, value, f) => s + (value - y[f]) ** 2, 0);
              return sum + Math.acosh(1 + squares / (2 * heights[k] ** 2));
            }, 0);
            expect(all[i][j]).toBeCloseTo(total, 6);
          }
        }
      }),
      PROPERTY,
    );
  });

  it('puts the neighbours of a tree first', async () => {
    const graph = tree(40, 3);
    const model = new HyperbolicDiffusionDistance({ scales: 3 }).fitGraph(graph);
    const distances = (node: number): Float64Array => model.distances(node);
    expect(await neighborMap({ nodes: 40, edges: graph.edges, distances })).toBe(1);
  });
});

describe('HyperbolicDiffusionDistance of rows', () => {
  it('reference: equals powers of the normalised kernel, by series', () => {
    const rows = normalRows(9, 3, 6);
    const squares = rows.map((x) => rows.map((y) => Math.hypot(...x.map((v, f) => v - y[f])) ** 2));
    const w = squares.map((row) => row.map((value) => Math.exp(-value / 0.5)));
    const sum = (row: number[]): number => row.reduce((total, value) => total + value, 0);
    const k = w.map((row, i) => row.map((value, j) => value / (sum(w[i]) * sum(w[j]))));
    const p = k.map((row) => row.map((value) => value / sum(row)));
    const model = new HyperbolicDiffusionDistance({ scales: 2, bandwidth: 0.5 });
    const { points } = model.fitRows(asRows(rows)).embedding();
    const power = (at: number): Square =>
      rows.map((_, i) => Array.from(points[at].subarray(9 * i, 9 * i + 9), (v) => v * v));
    power(0).forEach((row, i) => {
      row.forEach((value, j) => expect(value).toBeCloseTo(p[i][j], 10));
    });
    const half = squareRoot(p);
    product(half, half).forEach((row, i) => {
      row.forEach((value, j) => expect(value).toBeCloseTo(p[i][j], 10));
    });
    // Entries of a root may be below 0, where they are cut.
    power(1).forEach((row, i) => {
      row.forEach((value, j) => expect(value).toBeCloseTo(Math.max(0, half[i][j]), 10));
    });
  });

  it('property: unchanged when rows are moved or come in another order', () => {
    const rows = normalRows(12, 2, 9);
    const far = (list: number[][]): Float64Array =>
      new HyperbolicDiffusionDistance().fitRows(asRows(list)).distances(0);
    const moved = far(rows.map(([a, b]) => [a + 4, b - 2]));
    far(rows).forEach((value, i) => expect(moved[i]).toBeCloseTo(value, 4));
    const reversed = new HyperbolicDiffusionDistance().fitRows(asRows([...rows].reverse()));
    far(rows).forEach((value, i) => expect(reversed.distance(11, 11 - i)).toBeCloseTo(value, 6));
    const equal = new HyperbolicDiffusionDistance().fitRows(asRows([[1], [1], [1]]));
    expect(equal.distance(0, 2)).toBeLessThan(1e-12);
    expect(new HyperbolicDiffusionDistance().fitRows(asRows([[1]])).nodes).toBe(1);
  });

  it('separates clusters by more than their members', () => {
    const near = normalRows(10, 2, 1, 0.1);
    const rows = [...near, ...near.map(([a, b]) => [a + 5, b])];
    const row = new HyperbolicDiffusionDistance({ bandwidth: 1 })
      .fitRows(asRows(rows))
      .distances(0);
    expect(Math.max(...row.subarray(0, 10))).toBeLessThan(Math.min(...row.subarray(10)));
  });
});

describe('HyperbolicDiffusionDistance as a model', () => {
  it('gives the same bits after saving and loading, and forgets when told', () => {
    const model = new HyperbolicDiffusionDistance({ scales: 2 }).fitGraph(tree(15, 2));
    const saved = model.toArtifacts();
    const json = JSON.parse(JSON.stringify(saved.config)) as Artifacts['config'];
    const loaded = HyperbolicDiffusionDistance.fromArtifacts({ ...saved, config: json });
    for (let i = 0; i < 15; i++) expect(loaded.distances(i)).toEqual(model.distances(i));
    expect(loaded.config).toEqual(model.config);
    model.fitGraph(tree(7, 2));
    expect(model.nodes).toBe(7);
    model.dispose();
    expect(model.fitted).toBe(false);
    expect(() => model.distance(0, 0)).toThrow('the model must be fitted first');
    const refuse = (change: Partial<Artifacts>): (() => unknown) => {
      return () => HyperbolicDiffusionDistance.fromArtifacts({ ...saved, ...change });
    };
    expect(refuse({ model: 'sage' })).toThrow("be 'hyperbolicDiffusion', version 1, got 'sage'");
    expect(refuse({ formatVersion: 2 })).toThrow('version 2');
    expect(refuse({ arrays: {} })).toThrow("array 'roots.0' must be there");
    expect(refuse({ config: { ...saved.config, nodes: null } })).toThrow('config.nodes must be');
  });

  it('has a config with known fields only, and defaults', () => {
    expect(parseHyperbolicDiffusionConfig({})).toEqual({
      version: 1,
      scales: 4,
      laplacian: 'combinatorial',
      bandwidth: 'auto',
    });
    const failing = (config: object): (() => unknown) => {
      return () => parseHyperbolicDiffusionConfig(config);
    };
    expect(failing({ scales: 0 })).toThrow(
      'config.scales must be an integer >= 1 and <= 50, got 0',
    );
    expect(failing({ laplacian: 'x' })).toThrow('be one of combinatorial, normalized, got "x"');
    expect(failing({ bandwidth: -1 })).toThrow("be 'auto' or a finite number > 0, got -1");
    expect(failing({ scale: 1 })).toThrow("known keys only, got 'scale'. Known: version, scales");
    expect(() => parseHyperbolicDiffusionConfig(3)).toThrow('config must be an object of settings');
  });

  it('error: bad graphs and rows', () => {
    const model = new HyperbolicDiffusionDistance();
    expect(() => model.fitGraph({ edges: [0, 2], nodes: 2 })).toThrow(
      'HyperbolicDiffusionDistance.fitGraph: edges must hold nodes 0 to 1, got 2 in edge 0',
    );
    expect(() => model.fitGraph({ edges: [0, 1], nodes: 2, weights: [0] })).toThrow(
      'weights must be finite and above 0, got 0 for edge 0',
    );
    expect(() => model.fitGraph({ edges: [0, 1], nodes: 2, weights: [] })).toThrow('0 values');
    expect(() => model.fitGraph({ edges: [], nodes: 9000 })).toThrow('at most 8192 with 4 scales');
    expect(() => model.fitRows(asRows([[NaN]]))).toThrow('x must be finite, got NaN at row 0');
    expect(() => model.fitGraph(tree(3, 2)).distance(0, 3)).toThrow('index must be 0 to 2, got 3');
  });
});
