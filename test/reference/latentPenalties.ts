/** Float64 definitions of penalties on latents and matrices, from the papers. */

type Matrix = readonly (readonly number[])[];

const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, value, i) => sum + value * b[i], 0);

export const transposed = (m: Matrix): number[][] => m[0].map((_, j) => m.map((row) => row[j]));

/**
 * Singular values by one-sided Jacobi rotations of the columns, largest first: no Gram matrix, so small ones
 * keep their digits.
 */
export function jacobiSingularValues(matrix: Matrix): number[] {
  const columns =
    matrix.length < matrix[0].length ? matrix.map((row) => [...row]) : transposed(matrix);
  for (let sweep = 0; sweep < 60; sweep++) {
    let moved = 0;
    for (let p = 0; p < columns.length; p++) {
      for (let q = p + 1; q < columns.length; q++) {
        const [a, b] = [columns[p], columns[q]];
        const [aa, bb, ab] = [dot(a, a), dot(b, b), dot(a, b)];
        if (Math.abs(ab) <= 1e-16 * Math.sqrt(aa * bb) || ab === 0) continue;
        moved = Math.max(moved, Math.abs(ab) / Math.sqrt(aa * bb));
        const zeta = (bb - aa) / (2 * ab);
        const t = (zeta >= 0 ? 1 : -1) / (Math.abs(zeta) + Math.hypot(1, zeta));
        const c = 1 / Math.hypot(1, t);
        columns[p] = a.map((value, i) => c * (value - t * b[i]));
        columns[q] = b.map((value, i) => c * (value + t * a[i]));
      }
    }
    if (moved < 1e-15) break;
  }
  return columns.map((column) => Math.sqrt(dot(column, column))).sort((a, b) => b - a);
}

export const nuclearNorm = (matrix: Matrix): number =>
  jacobiSingularValues(matrix).reduce((sum, value) => sum + value, 0);

/** Mean over rows of KL(N(m, diag exp(l)) | N(0, I)). */
export function gaussianDivergence(means: Matrix, logVariances: Matrix): number {
  const terms = means.flatMap((row, i) =>
    row.map((m, j) => (Math.exp(logVariances[i][j]) + m * m - 1 - logVariances[i][j]) / 2),
  );
  return terms.reduce((sum, term) => sum + term, 0) / means.length;
}

export const distances = (rows: Matrix): number[][] =>
  rows.map((a) => rows.map((b) => Math.hypot(...a.map((value, f) => value - b[f]))));

export function stress(latents: Matrix, wanted: Matrix): number {
  const found = distances(latents);
  const terms = found.flatMap((row, i) => row.map((value, j) => (value - wanted[i][j]) ** 2));
  return terms.reduce((sum, term) => sum + term, 0) / terms.length;
}

/** Edges [i, j], i < j, of the minimum spanning tree by Kruskal, ties by position. */
export function kruskal(lengths: Matrix): [number, number][] {
  const edges = lengths.flatMap((row, i) =>
    row.flatMap((length, j) => (i < j ? [[length, i, j] as const] : [])),
  );
  edges.sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]);
  const component = lengths.map((_, i) => i);
  const tree: [number, number][] = [];
  for (const [, i, j] of edges) {
    const [a, b] = [component[i], component[j]];
    if (a === b) continue;
    component.forEach((own, at) => {
      if (own === b) component[at] = a;
    });
    tree.push([i, j]);
  }
  return tree;
}

/** Moor et al., 2020, eq. 3 to 5, divided by the edges of a tree. */
export function topologicalLoss(latents: Matrix, wanted: Matrix): number {
  const found = distances(latents);
  const half = (tree: readonly [number, number][]): number =>
    tree.reduce((sum, [i, j]) => sum + (found[i][j] - wanted[i][j]) ** 2, 0) / 2;
  return (half(kruskal(wanted)) + half(kruskal(found))) / Math.max(1, latents.length - 1);
}

/** Derivative of a map of flat vectors, [outputs][inputs], by central differences. */
export function numericJacobian(
  f: (x: readonly number[]) => readonly number[],
  x: readonly number[],
  step = 1e-6,
): number[][] {
  const columns = x.map((value, i) => {
    const at = (moved: number): readonly number[] =>
      f([...x.slice(0, i), moved, ...x.slice(i + 1)]);
    const [above, below] = [at(value + step), at(value - step)];
    return above.map((high, k) => (high - below[k]) / (2 * step));
  });
  return transposed(columns);
}
