/** Plain definitions on small graphs, quadratic or worse; nothing is shared with src. */

/** Pairs (u, v), u !== v or not, such that edges lead from u to v, by repeated squaring of the relation. */
export function closurePairs(edges: readonly (readonly [number, number])[], n: number): number[][] {
  const reach = Array.from({ length: n }, () => Array<boolean>(n).fill(false));
  for (const [u, v] of edges) reach[u][v] = true;
  for (let k = 0; k < n; k++) {
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) if (reach[i][k] && reach[k][j]) reach[i][j] = true;
    }
  }
  return reach.flatMap((row, u) => row.flatMap((yes, v) => (yes ? [[u, v]] : [])));
}

/** Lengths of the shortest undirected paths (Floyd and Warshall); Infinity without one. */
export function pathLengths(edges: readonly (readonly [number, number])[], n: number): number[][] {
  const length = Array.from({ length: n }, (_, i) =>
    Array.from({ length: n }, (_, j) => (i === j ? 0 : Infinity)),
  );
  for (const [u, v] of edges) if (u !== v) length[u][v] = length[v][u] = 1;
  for (let k = 0; k < n; k++) {
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        length[i][j] = Math.min(length[i][j], length[i][k] + length[k][j]);
      }
    }
  }
  return length;
}

/** Average precision as the area under the steps of precision over recall, one step per distinct value. */
export function averagePrecision(
  distances: readonly number[],
  relevant: readonly boolean[],
): number {
  const total = relevant.filter(Boolean).length;
  let area = 0;
  let recall = 0;
  for (const threshold of [...new Set(distances)].sort((a, b) => a - b)) {
    const taken = relevant.filter((_, i) => distances[i] <= threshold);
    const hits = taken.filter(Boolean).length;
    area += (hits / total - recall) * (hits / taken.length);
    recall = hits / total;
  }
  return area;
}
