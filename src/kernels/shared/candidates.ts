/** Candidates that an exact search keeps beyond k: the surplus is what its certificate lives on. */
export function spareCandidates(k: number): number {
  return Math.max(8, Math.ceil(k / 8));
}

/** Candidates of a query among n points. */
export function candidatesFor(k: number, n: number): number {
  return Math.min(n, k + spareCandidates(k));
}
