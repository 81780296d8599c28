import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { transitiveClosure } from '../../src/data/index.js';
import { closurePairs } from '../reference/hierarchy.js';
import { PROPERTY } from '../support/arbitraries.js';

/** Acyclic edges: a random order of the nodes, every edge from an earlier to a later one. */
const hierarchies = fc.integer({ min: 2, max: 12 }).chain((n) =>
  fc
    .tuple(
      fc.shuffledSubarray(
        Array.from({ length: n }, (_, i) => i),
        { minLength: n },
      ),
      fc.array(fc.tuple(fc.nat(n - 1), fc.nat(n - 1)), { maxLength: 3 * n }),
    )
    .map(([order, raw]) => ({
      n,
      edges: raw
        .filter(([a, b]) => a !== b)
        .map(([a, b]): [number, number] => [order[Math.min(a, b)], order[Math.max(a, b)]]),
    })),
);

describe('transitiveClosure', () => {
  it('golden: a chain and a diamond', () => {
    expect(Array.from(transitiveClosure([0, 1, 1, 2], 3))).toEqual([0, 1, 0, 2, 1, 2]);
    const diamond = [3, 1, 3, 2, 1, 0, 2, 0];
    expect(Array.from(transitiveClosure(diamond, 5))).toEqual([1, 0, 2, 0, 3, 0, 3, 1, 3, 2]);
    expect(Array.from(transitiveClosure([], 3))).toEqual([]);
  });

  it('reference: equals the repeated squaring of the relation', () => {
    fc.assert(
      fc.property(hierarchies, ({ n, edges }) => {
        const got = transitiveClosure(edges.flat(), n);
        expect(Array.from(got)).toEqual(closurePairs(edges, n).flat());
      }),
      PROPERTY,
    );
  });

  it('property: the closure of a closure is itself', () => {
    fc.assert(
      fc.property(hierarchies, ({ n, edges }) => {
        const once = transitiveClosure(edges.flat(), n);
        expect(transitiveClosure(once, n)).toEqual(once);
      }),
      PROPERTY,
    );
  });

  it('error: a cycle names a node on it, not one that only leads there', () => {
    const names = ['leaf', 'a', 'b', 'c', 'root'];
    const edges = [0, 1, 1, 2, 2, 3, 3, 1, 1, 4];
    expect(() => transitiveClosure(edges, 5, names)).toThrow(
      /^transitiveClosure: edges must have no cycle, got edges that lead back to it at node [123] \('[abc]'\)\./,
    );
    expect(() => transitiveClosure([0, 1, 1, 1], 2)).toThrow('an edge to itself at node 1. Remove');
  });

  it('error: bad edges', () => {
    expect(() => transitiveClosure([0, 1, 2], 3)).toThrow('an even number of values, got 3 values');
    expect(() => transitiveClosure([0, 1, 2, 3], 3)).toThrow('nodes 0 to 2, got 3 in edge 1');
    expect(() => transitiveClosure([0, 0.5], 3)).toThrow('got 0.5 in edge 0');
    expect(() => transitiveClosure([], 0)).toThrow('nodes must be an integer >= 1');
  });
});
