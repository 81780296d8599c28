/** Out-of-distribution scores from the papers' formulas, float64, one row at a time. */

export type Rows = readonly (readonly number[])[];

export const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
export const dot = (a: readonly number[], b: readonly number[]): number =>
  sum(a.map((v, i) => v * b[i]));
export const minus = (a: readonly number[], b: readonly number[]): number[] =>
  a.map((v, i) => v - b[i]);
export const length = (a: readonly number[]): number => Math.sqrt(dot(a, a));

function softmax(z: readonly number[], temperature = 1): number[] {
  const top = Math.max(...z);
  const powers = z.map((v) => Math.exp((v - top) / temperature));
  return powers.map((p) => p / sum(powers));
}

function logSumExp(z: readonly number[]): number {
  const top = Math.max(...z);
  return top + Math.log(sum(z.map((v) => Math.exp(v - top))));
}

const argmax = (z: readonly number[]): number => z.indexOf(Math.max(...z));

// Logits

export const msp = (z: readonly number[], temperature = 1): number =>
  1 - Math.max(...softmax(z, temperature));

export const maxLogit = (z: readonly number[]): number => -Math.max(...z);

export const energy = (z: readonly number[], temperature = 1): number =>
  -temperature * logSumExp(z.map((v) => v / temperature));

export function gen(z: readonly number[], gamma: number, top: number): number {
  const p = softmax(z).sort((a, b) => b - a);
  return sum(p.slice(0, top).map((v) => v ** gamma * (1 - v) ** gamma));
}

/** The temperature of a fine grid with the least negative log-likelihood. */
export function temperature(logits: Rows, labels: readonly number[]): number {
  const loss = (t: number): number =>
    sum(logits.map((z, i) => -Math.log(softmax(z, t)[labels[i]])));
  let best = 0.05;
  for (let t = 0.05; t <= 20; t *= 1.001) if (loss(t) < loss(best)) best = t;
  return best;
}

export { argmax, logSumExp, softmax };
