/** A table from which an index is drawn with given weights in constant time. */
export interface AliasTable {
  /** Chance that slot j gives j itself, else alias[j]. */
  readonly probability: Float32Array;
  readonly alias: Int32Array;
}

/**
 * Alias table of weights >= 0 with a positive sum: draw a slot uniformly, then keep it with its
 * probability or take its alias.
 *
 * Vose, A linear algorithm for generating random numbers with a given distribution, 1991. O(n).
 */
export function aliasTable(weights: ArrayLike<number>): AliasTable {
  const n = weights.length;
  let total = 0;
  for (let i = 0; i < n; i++) total += weights[i];
  const share = Float64Array.from(weights, (weight) => (weight * n) / total);
  const probability = new Float32Array(n).fill(1);
  const alias = Int32Array.from({ length: n }, (_, i) => i);
  const small: number[] = [];
  const large: number[] = [];
  share.forEach((value, i) => (value < 1 ? small : large).push(i));
  for (;;) {
    const [i, j] = [small.at(-1), large.at(-1)];
    // What is left over is 1 but for rounding.
    if (i === undefined || j === undefined) break;
    small.pop();
    probability[i] = share[i];
    alias[i] = j;
    share[j] -= 1 - share[i];
    if (share[j] < 1) {
      large.pop();
      small.push(j);
    }
  }
  return { probability, alias };
}
