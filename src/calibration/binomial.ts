/**
 * P(X >= k) for X binomial with n trials of probability p in (0, 1).
 *
 * The weights of the mass function are computed outwards from the mode by their ratios, and divided by
 * their sum: no factorial, nothing cancels, and weights that underflow are below 1e-300 of the mode's. So the
 * relative error is some units in the last place per step taken, a few thousand steps for n of a million.
 */
export function binomialUpperTail(n: number, p: number, k: number): number {
  if (k <= 0) return 1;
  if (k > n) return 0;
  const odds = p / (1 - p);
  const mode = Math.min(n, Math.floor((n + 1) * p));
  let all = 0;
  let tail = 0;
  for (let j = mode, weight = 1; j <= n && weight > 0; j++) {
    all += weight;
    if (j >= k) tail += weight;
    weight *= ((n - j) / (j + 1)) * odds;
  }
  for (let j = mode - 1, weight = mode / (n - mode + 1) / odds; j >= 0 && weight > 0; j--) {
    all += weight;
    if (j >= k) tail += weight;
    weight *= j / (n - j + 1) / odds;
  }
  return tail / all;
}
