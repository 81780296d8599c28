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

export const argmax = (z: readonly number[]): number => z.indexOf(Math.max(...z));

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

// Linear algebra

const column = (m: Rows, j: number): number[] => m.map((row) => row[j]);
export const transpose = (m: Rows): number[][] => m[0].map((_, j) => column(m, j));
export const times = (a: Rows, b: Rows): number[][] =>
  a.map((row) => b[0].map((_, j) => dot(row, column(b, j))));

/** Eigenvalues and vectors (as rows) of a symmetric matrix by cyclic Jacobi rotations. */
export function eigen(matrix: Rows): { values: number[]; vectors: number[][] } {
  const n = matrix.length;
  const a = matrix.map((row) => [...row]);
  const v = a.map((_, i) => a.map((__, j) => Number(i === j)));
  for (let sweep = 0; sweep < 60; sweep++) {
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        if (a[p][q] === 0) continue;
        const theta = Math.atan2(2 * a[p][q], a[q][q] - a[p][p]) / 2;
        const [c, s] = [Math.cos(theta), Math.sin(theta)];
        for (let k = 0; k < n; k++) {
          [a[k][p], a[k][q]] = [c * a[k][p] - s * a[k][q], s * a[k][p] + c * a[k][q]];
        }
        for (let k = 0; k < n; k++) {
          [a[p][k], a[q][k]] = [c * a[p][k] - s * a[q][k], s * a[p][k] + c * a[q][k]];
          [v[p][k], v[q][k]] = [c * v[p][k] - s * v[q][k], s * v[p][k] + c * v[q][k]];
        }
      }
    }
  }
  return { values: a.map((row, i) => row[i]), vectors: v };
}

/** Pseudo-inverse of a symmetric matrix; eigenvalues below 1e-11 of the largest count as 0. */
export function inverse(matrix: Rows): number[][] {
  const { values, vectors } = eigen(matrix);
  const cut = 1e-11 * Math.max(...values);
  return matrix.map((_, i) =>
    matrix.map((__, j) =>
      sum(vectors.map((v, k) => (values[k] > cut ? (v[i] * v[j]) / values[k] : 0))),
    ),
  );
}

export const mean = (rows: Rows): number[] =>
  rows[0].map((_, j) => sum(column(rows, j)) / rows.length);

/** (1 - s) S + s tr(S) / d I with S = (1/n) sum (x_i - c_i)(x_i - c_i)^T. */
export function covariance(rows: Rows, centers: Rows, shrinkage = 0): number[][] {
  const d = rows[0].length;
  const shifted = rows.map((row, i) => minus(row, centers[i]));
  const s = times(transpose(shifted), shifted).map((row) => row.map((v) => v / rows.length));
  const trace = sum(s.map((row, i) => row[i]));
  return s.map((row, i) =>
    row.map((v, j) => (1 - shrinkage) * v + (i === j ? (shrinkage * trace) / d : 0)),
  );
}

export const quadratic = (m: Rows, x: readonly number[]): number => dot(times([x], m)[0], x);

// Distances to what was seen

const membersOf = (rows: Rows, labels: readonly number[], c: number): number[][] =>
  rows.filter((_, i) => labels[i] === c).map((row) => [...row]);

export function mahalanobis(
  bank: Rows,
  labels: readonly number[],
  shrinkage = 0,
): (x: readonly number[]) => number {
  const classes = [...new Set(labels)];
  const means = new Map(classes.map((c) => [c, mean(membersOf(bank, labels, c))]));
  const centers = labels.map((c) => means.get(c) ?? []);
  const precision = inverse(covariance(bank, centers, shrinkage));
  return (x) => Math.min(...[...means.values()].map((m) => quadratic(precision, minus(x, m))));
}

export function relativeMahalanobis(
  bank: Rows,
  labels: readonly number[],
  shrinkage = 0,
): (x: readonly number[]) => number {
  const own = mahalanobis(bank, labels, shrinkage);
  const all = mahalanobis(
    bank,
    labels.map(() => 0),
    shrinkage,
  );
  return (x) => own(x) - all(x);
}

const unit = (x: readonly number[]): number[] => {
  const norm = length(x);
  return x.map((v) => (norm === 0 ? 0 : v / norm));
};

const sortedDistances = (x: readonly number[], bank: Rows): { d: number; i: number }[] =>
  bank.map((row, i) => ({ d: length(minus(x, row)), i })).sort((a, b) => a.d - b.d || a.i - b.i);

export function knn(bank: Rows, k: number, normalize: boolean, reduce: 'kth' | 'mean') {
  const prepare = normalize ? unit : (x: readonly number[]): number[] => [...x];
  const points = bank.map(prepare);
  return (x: readonly number[]): number => {
    const near = sortedDistances(prepare(x), points).slice(0, k);
    return reduce === 'kth' ? near[k - 1].d : sum(near.map(({ d }) => d)) / k;
  };
}

/** By the definitions of Breunig et al., with local reachability densities. */
export function lof(bank: Rows, k: number): (x: readonly number[]) => number {
  const neighbors = bank.map((x, own) => sortedDistances(x, bank).filter(({ i }) => i !== own));
  const kDistance = neighbors.map((near) => near[k - 1].d);
  const density = (near: { d: number; i: number }[]): number =>
    k / sum(near.slice(0, k).map(({ d, i }) => Math.max(kDistance[i], d)));
  const densities = neighbors.map(density);
  return (x) => {
    const near = sortedDistances(x, bank);
    return sum(near.slice(0, k).map(({ i }) => densities[i])) / k / density(near);
  };
}

// What the head sees

export interface Head {
  readonly weight: Rows;
  readonly bias: readonly number[];
}

export const headLogits = (x: readonly number[], { weight, bias }: Head): number[] =>
  times([x], weight)[0].map((v, c) => v + bias[c]);

/** |x - u| less its part in the principal space, by Pythagoras. */
export function residual(
  bank: Rows,
  head: Head,
  dimension: number,
): (x: readonly number[]) => number {
  const gram = times(head.weight, transpose(head.weight));
  const target = head.weight.map((row) => dot(row, head.bias));
  const u = times([target], inverse(gram))[0].map((v) => -v);
  const { values, vectors } = eigen(
    covariance(
      bank,
      bank.map(() => u),
    ),
  );
  const principal = vectors
    .map((v, k) => ({ v, value: values[k] }))
    .sort((a, b) => b.value - a.value)
    .slice(0, dimension);
  return (x) => {
    const shifted = minus(x, u);
    const seen = sum(principal.map(({ v }) => dot(v, shifted) ** 2));
    return Math.sqrt(Math.max(0, dot(shifted, shifted) - seen));
  };
}

export function vim(bank: Rows, head: Head, dimension: number): (x: readonly number[]) => number {
  const r = residual(bank, head, dimension);
  const alpha = sum(bank.map((x) => Math.max(...headLogits(x, head)))) / sum(bank.map(r));
  return (x) => alpha * r(x) - logSumExp(headLogits(x, head));
}

/** Templates by the mean of softmax itself, not of its logarithm. */
export function klMatching(bank: Rows): (z: readonly number[]) => number {
  const predicted = bank.map(argmax);
  const templates = [...new Set(predicted)].map((c) =>
    mean(bank.filter((_, i) => predicted[i] === c).map((z) => softmax(z))),
  );
  return (z) => {
    const p = softmax(z);
    return Math.min(...templates.map((q) => sum(p.map((v, j) => v * Math.log(v / q[j])))));
  };
}

/** Of features and logits. */
export type Pair = readonly [x: readonly number[], z: readonly number[]];

export function she(bank: Rows, logits: Rows, labels: readonly number[]): (row: Pair) => number {
  return ([x, z]) => {
    const c = argmax(z);
    const right = bank.filter((_, i) => labels[i] === c && argmax(logits[i]) === c);
    return right.length === 0 ? Infinity : -dot(x, mean(right));
  };
}

/** Distances to hyperplanes (w_p - w_c).x + b_p - b_c = 0. */
export function fdbd(
  bank: Rows,
  head: Head,
  center = mean(bank),
): (x: readonly number[]) => number {
  const weights = transpose(head.weight);
  return (x) => {
    const p = argmax(headLogits(x, head));
    const distances = weights.flatMap((w, c) => {
      const normal = minus(weights[p], w);
      const height = dot(normal, x) + head.bias[p] - head.bias[c];
      return c === p ? [] : [Math.abs(height) / length(normal)];
    });
    return -sum(distances) / distances.length / length(minus(x, center));
  };
}

export function nnguide(bank: Rows, logits: Rows, k: number): (row: Pair) => number {
  return ([x, z]) => {
    const guides = bank.map((b, i) => (dot(x, b) / length(x) / length(b)) * logSumExp(logits[i]));
    return -logSumExp(z) * (sum(guides.sort((a, b) => b - a).slice(0, k)) / k);
  };
}

const headEnergy = (x: readonly number[], head: Head): number => -logSumExp(headLogits(x, head));

export function react(bank: Rows, head: Head, percent: number): (x: readonly number[]) => number {
  const sorted = bank.flat().sort((a, b) => a - b);
  const at = (percent / 100) * (sorted.length - 1);
  const low = Math.floor(at);
  const next = sorted[Math.min(low + 1, sorted.length - 1)];
  const threshold = sorted[low] * (1 - (at - low)) + next * (at - low);
  return (x) =>
    headEnergy(
      x.map((v) => Math.min(v, threshold)),
      head,
    );
}

export function shaped(
  head: Head,
  percent: number,
  variant: 'prune' | 'binarize' | 'scale' | 'unpruned',
): (x: readonly number[]) => number {
  return (x) => {
    const kept = x.length - Math.round((x.length * percent) / 100);
    const order = x.map((v, j) => ({ v, j })).sort((a, b) => b.v - a.v || a.j - b.j);
    const top = new Set(order.slice(0, kept).map(({ j }) => j));
    const pruned = x.map((v, j) => (top.has(j) ? v : 0));
    const factor = Math.exp(sum(x) / sum(pruned));
    const out = {
      prune: pruned,
      binarize: x.map((_, j) => (top.has(j) ? sum(x) / kept : 0)),
      scale: pruned.map((v) => v * factor),
      unpruned: x.map((v) => v * factor),
    };
    return headEnergy(out[variant], head);
  };
}

// Densities

export interface NormalMixture {
  readonly weights: readonly number[];
  readonly means: Rows;
  readonly covariances: readonly Rows[];
}

/** log of each component's weighted density at x. */
function parts({ weights, means, covariances }: NormalMixture): (x: readonly number[]) => number[] {
  const prepared = covariances.map((s) => ({
    precision: inverse(s),
    logDet: sum(eigen(s).values.map(Math.log)),
  }));
  return (x) =>
    weights.map((w, k) => {
      const { precision, logDet } = prepared[k];
      const square = quadratic(precision, minus(x, means[k]));
      return Math.log(w) - (x.length * Math.log(2 * Math.PI) + logDet + square) / 2;
    });
}

export function mixture(parameters: NormalMixture): (x: readonly number[]) => number {
  const logs = parts(parameters);
  return (x) => -logSumExp(logs(x));
}

/** One step of expectation maximisation with covariances shrunk to a variance. */
export function emStep(rows: Rows, now: NormalMixture, s: number, variance: number): NormalMixture {
  const logs = parts(now);
  const shares = rows.map((x) => softmax(logs(x)));
  const totals = now.weights.map((_, k) => sum(shares.map((r) => r[k])));
  const means = totals.map((n, k) =>
    rows[0].map((_, j) => sum(rows.map((x, i) => shares[i][k] * x[j])) / n),
  );
  const covariances = totals.map((n, k) =>
    rows[0].map((_, a) =>
      rows[0].map((__, b) => {
        const own = sum(
          rows.map((x, i) => shares[i][k] * (x[a] - means[k][a]) * (x[b] - means[k][b])),
        );
        return ((1 - s) * own) / n + (a === b ? s * variance : 0);
      }),
    ),
  );
  return { weights: totals.map((n) => n / rows.length), means, covariances };
}

/** Mean variance of the features. */
export function meanVariance(rows: Rows): number {
  const m = mean(rows);
  const s = covariance(
    rows,
    rows.map(() => m),
  );
  return sum(s.map((row, i) => row[i])) / m.length;
}

export function gaussian(bank: Rows, labels: readonly number[], s: number): NormalMixture {
  const classes = [...new Set(labels)].map((c) => membersOf(bank, labels, c));
  const v = meanVariance(bank);
  const means = classes.map(mean);
  return {
    weights: classes.map((own) => own.length / bank.length),
    means,
    covariances: classes.map((own, c) =>
      covariance(
        own,
        own.map(() => means[c]),
      ).map((row, i) => row.map((value, j) => (1 - s) * value + (i === j ? s * v : 0))),
    ),
  };
}

/** alpha D + beta e; undefined weights are 1 / standard deviation over the bank. */
export function mahalanobisReconstruction(
  bank: Rows,
  errors: readonly number[],
  given: { alpha?: number; beta?: number } = {},
): (x: readonly number[], error: number) => number {
  const square = mahalanobis(
    bank,
    bank.map(() => 0),
  );
  const weight = (values: readonly number[]): number => {
    const m = sum(values) / values.length;
    return 1 / Math.sqrt(sum(values.map((v) => (v - m) ** 2)) / values.length);
  };
  const alpha = given.alpha ?? weight(bank.map((x) => Math.sqrt(square(x))));
  const beta = given.beta ?? weight(errors);
  return (x, error) => alpha * Math.sqrt(square(x)) + beta * error;
}
