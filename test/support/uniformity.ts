/** Tests of p-values by the inequality of Dvoretzky, Kiefer and Wolfowitz with Massart's constant. */

/** Chance of a right program failing one such test, were the seeds not fixed. */
const LEVEL = 1e-6;

/**
 * Largest excess of the empirical distribution of p-values over the uniform one, sup_t #{p <= t} / N - t, and
 * the largest deficit; what either may reach by chance.
 */
export function uniformity(pValues: readonly number[]): {
  readonly excess: number;
  readonly deficit: number;
  readonly allowed: number;
} {
  const sorted = Float64Array.from(pValues).sort();
  const n = sorted.length;
  let excess = 0;
  let deficit = 0;
  sorted.forEach((p, i) => {
    excess = Math.max(excess, (i + 1) / n - p);
    deficit = Math.max(deficit, p - i / n);
  });
  return { excess, deficit, allowed: Math.sqrt(Math.log(1 / LEVEL) / (2 * n)) };
}
