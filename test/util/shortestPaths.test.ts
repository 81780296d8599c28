import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Rng } from '../../src/util/rng.js';
import { shortestPaths } from '../../src/util/shortestPaths.js';
import { PROPERTY } from '../support/arbitraries.js';

type Edge = readonly [from: number, to: number, length: number];

function listsOf(edges: readonly Edge[], n: number) {
  const rows = Array.from({ length: n }, (_, i) => edges.filter(([from]) => from === i));
  const offsets = [0];
  for (const row of rows) offsets.push(offsets[offsets.length - 1] + row.length);
  return {
    offsets,
    indices: rows.flatMap((row) => row.map(([, to]) => to)),
    distances: rows.flatMap((row) => row.map(([, , length]) => length)),
  };
}

/** Rounds over all edges until nothing changes (Bellman, Ford). */
function relaxed(edges: readonly Edge[], n: number, source: number): number[] {
  const lengths = new Array<number>(n).fill(Infinity);
  lengths[source] = 0;
  for (let round = 0; round < n; round++) {
    for (const [from, to, length] of edges) {
      lengths[to] = Math.min(lengths[to], lengths[from] + length);
    }
  }
  return lengths;
}

describe('shortestPaths', () => {
  it('reference: random graphs against rounds over all edges', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.nat(60), fc.nat(), (n, count, seed) => {
        const rng = new Rng(seed);
        const edges = Array.from({ length: count }, (): Edge => [
          rng.int(n),
          rng.int(n),
          rng.int(6) / 2,
        ]);
        const source = rng.int(n);
        expect(Array.from(shortestPaths(listsOf(edges, n), source))).toEqual(
          relaxed(edges, n, source),
        );
      }),
      PROPERTY,
    );
  });

  it('edge: a node without edges reaches itself only', () => {
    expect(Array.from(shortestPaths(listsOf([], 3), 1))).toEqual([Infinity, 0, Infinity]);
  });
});
