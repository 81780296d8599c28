import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { graphDistances } from '../../src/metrics/index.js';
import { pathLengths } from '../reference/hierarchy.js';
import { PROPERTY } from '../support/arbitraries.js';

describe('graphDistances', () => {
  it('golden: a path, a node apart, a loop and an edge named twice', () => {
    const row = graphDistances([0, 1, 2, 1, 1, 2, 2, 2], 4);
    expect(Array.from(row(0))).toEqual([0, 1, 2, Infinity]);
    expect(Array.from(row(3))).toEqual([Infinity, Infinity, Infinity, 0]);
  });

  it('reference: equals Floyd and Warshall', () => {
    const graphs = fc
      .integer({ min: 1, max: 12 })
      .chain((n) =>
        fc.tuple(
          fc.constant(n),
          fc.array(fc.tuple(fc.nat(n - 1), fc.nat(n - 1)), { maxLength: 2 * n }),
        ),
      );
    fc.assert(
      fc.property(graphs, ([n, edges]) => {
        const row = graphDistances(edges.flat(), n);
        pathLengths(edges, n).forEach((want, u) => expect(Array.from(row(u))).toEqual(want));
      }),
      PROPERTY,
    );
  });

  it('error: bad edges and an index out of range', () => {
    expect(() => graphDistances([0, 1], 1)).toThrow('graphDistances: edges must hold nodes 0 to 0');
    expect(() => graphDistances([0, 1], 2)(2)).toThrow('node must be 0 to 1, got 2');
  });
});
