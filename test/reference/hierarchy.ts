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

/** Rank of each relevant item among those that are not, ties one half, best 1. */
export function ranksAmongOthers(
  distances: readonly number[],
  relevant: readonly boolean[],
): number[] {
  return distances.flatMap((own, i) => {
    if (!relevant[i]) return [];
    const others = distances.filter((_, j) => !relevant[j]);
    const nearer = others.filter((d) => d < own).length;
    return [1 + nearer + others.filter((d) => d === own).length / 2];
  });
}

/** MAP and mean rank of a relation from a matrix of distances; a node is not ranked for itself. */
export function rankScores(
  distances: readonly (readonly number[])[],
  relevant: (u: number, v: number) => boolean,
): { map: number; meanRank: number } {
  const precisions: number[] = [];
  const ranks: number[] = [];
  distances.forEach((row, u) => {
    const others = row.map((_, v) => v).filter((v) => v !== u);
    const marks = others.map((v) => relevant(u, v));
    if (!marks.includes(true)) return;
    const values = others.map((v) => row[v]);
    precisions.push(averagePrecision(values, marks));
    ranks.push(...ranksAmongOthers(values, marks));
  });
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  return { map: mean(precisions), meanRank: mean(ranks) };
}

/** Distance in the ball of curvature -1, by the textbook formula. */
export function ballDistance(x: readonly number[], y: readonly number[]): number {
  const squares = (v: readonly number[]): number =>
    v.reduce((sum, value) => sum + value * value, 0);
  const difference = squares(x.map((value, i) => value - y[i]));
  return Math.acosh(1 + (2 * difference) / ((1 - squares(x)) * (1 - squares(y))));
}
