/**
 * log(sum_j exp(z_j / T)) - max_j z_j / T of one row: -log of the largest softmax probability.
 *
 * As log1p of the sum over the other classes, in float64: exact to rounding down to the smallest
 * probabilities, where `1 - max(softmax)` in float32 would be 0 for every confident row.
 * @param logits All rows, row-major. @param start First logit of the row. @param classes Row length.
 * @returns >= 0, nats; 0 only for one class or margins beyond 745 T.
 */
export function negativeLogTop(
  logits: ArrayLike<number>,
  start: number,
  classes: number,
  temperature: number,
): number {
  const top = indexOfTop(logits, start, classes);
  let others = 0;
  for (let j = 0; j < classes; j++) {
    if (j === top) continue;
    others += Math.exp((logits[start + j] - logits[start + top]) / temperature);
  }
  return Math.log1p(others);
}

/** Index of the largest of a row's logits; the lowest among equals. */
export function indexOfTop(logits: ArrayLike<number>, start: number, classes: number): number {
  let top = 0;
  for (let j = 1; j < classes; j++) if (logits[start + j] > logits[start + top]) top = j;
  return top;
}

/**
 * Mean negative log-likelihood of the labels at a temperature, in nats.
 */
export function negativeLogLikelihood(
  logits: ArrayLike<number>,
  labels: ArrayLike<number>,
  classes: number,
  temperature: number,
): number {
  let sum = 0;
  for (let i = 0; i < labels.length; i++) {
    const start = i * classes;
    const top = indexOfTop(logits, start, classes);
    const behind = (logits[start + top] - logits[start + labels[i]]) / temperature;
    sum += negativeLogTop(logits, start, classes, temperature) + behind;
  }
  return sum / labels.length;
}

/** Range of temperatures: beyond it a softmax is one-hot or flat for any logits that a network makes. */
const [LOWEST, HIGHEST] = [0.05, 20];

/** Golden ratio less one: what one step of the search leaves of its interval. */
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/** Width of log T at which the search ends: T to 1e-6 relative. */
const WIDTH = 1e-6;

/**
 * The temperature T in [0.05, 20] that minimises the negative log-likelihood of held-out rows.
 *
 * Golden-section search on log T in float64; the likelihood is convex in 1/T, so it has one minimum.
 * @param logits Shape [rows, classes], row-major.
 * Reference: Guo, Pleiss, Sun, Weinberger, On Calibration of Modern Neural Networks, 2017, section 4.2.
 */
export function fitTemperature(
  logits: ArrayLike<number>,
  labels: ArrayLike<number>,
  classes: number,
): number {
  const at = (logT: number): number =>
    negativeLogLikelihood(logits, labels, classes, Math.exp(logT));
  let [low, high] = [Math.log(LOWEST), Math.log(HIGHEST)];
  let [a, b] = [high - GOLDEN * (high - low), low + GOLDEN * (high - low)];
  let [fa, fb] = [at(a), at(b)];
  while (high - low > WIDTH) {
    if (fa <= fb) {
      [high, b, fb] = [b, a, fa];
      a = high - GOLDEN * (high - low);
      fa = at(a);
    } else {
      [low, a, fa] = [a, b, fb];
      b = low + GOLDEN * (high - low);
      fb = at(b);
    }
  }
  return Math.exp((low + high) / 2);
}

/**
 * log(sum_j exp(z_j)) of one row in float64; an infinite largest value is the result.
 * @param values All rows, row-major. @param start First value of the row. @param count Row length.
 */
export function logSumExp(values: ArrayLike<number>, start: number, count: number): number {
  const top = values[start + indexOfTop(values, start, count)];
  if (!Number.isFinite(top)) return top;
  let sum = 0;
  for (let j = start; j < start + count; j++) sum += Math.exp(values[j] - top);
  return top + Math.log(sum);
}
