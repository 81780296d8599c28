/** Masked autoencoders on MNIST: hidden pixels filled in, and what a linear map reads off the latents. */
import { loadDataset } from '../src/data/index.js';
import { accuracy } from '../src/metrics/index.js';
import { Lorae, MaskedAutoencoder } from '../src/models/index.js';
import { cholesky, solveFactored } from '../src/util/cholesky.js';
import { Rng } from '../src/util/rng.js';
import { rowSize } from '../src/util/rows.js';
import type { Dataset, Rows } from '../src/util/rows.js';
import { symmetricEigen } from '../src/util/symmetricEigen.js';

/** Side of the squares that are hidden, and their number along the side of an image. */
const [PATCH, ACROSS] = [4, 7];

/** Share of the squares that is hidden, in training and in the test. */
const HIDDEN = 0.5;

/** Networks and how long they are trained. */
const NETWORKS = [
  { hidden: [128, 64], epochs: 20 },
  { hidden: [256, 128], epochs: 40 },
];

/** Ridge of the linear classifier, per row. */
const RIDGE = 1e-3;

/** Columns centred, divided by their deviation in `fitted`, and a column of ones. */
function standardised(rows: Rows, fitted: Rows): Float64Array[] {
  const d = rowSize(fitted);
  const [mean, square] = [new Float64Array(d), new Float64Array(d)];
  fitted.data.forEach((value, i) => (mean[i % d] += value / fitted.count));
  fitted.data.forEach((value, i) => (square[i % d] += (value - mean[i % d]) ** 2 / fitted.count));
  return Array.from({ length: rows.count }, (_, i) =>
    Float64Array.from({ length: d + 1 }, (_v, j) =>
      j === d ? 1 : (rows.data[i * d + j] - mean[j]) / Math.sqrt(square[j] || 1),
    ),
  );
}

/** Accuracy of least squares on one-hot classes with a small ridge, fitted on some rows and measured on others. */
function probe(fitted: Rows, fittedLabels: Int32Array, rows: Rows, labels: Int32Array): number {
  const x = standardised(fitted, fitted);
  const size = x[0].length;
  const gram = Array.from({ length: size }, (_, a) =>
    Array.from({ length: size }, (_v, b) =>
      x.reduce((sum, row) => sum + row[a] * row[b], a === b ? RIDGE * x.length : 0),
    ),
  );
  const factor = cholesky(gram);
  if (factor === undefined) throw new Error('a ridge keeps the matrix positive');
  const weights = Array.from({ length: 10 }, (_, label) => {
    const right = new Float64Array(size);
    x.forEach((row, i) => {
      if (fittedLabels[i] === label) row.forEach((value, a) => (right[a] += value));
    });
    return solveFactored(factor, right);
  });
  const found = standardised(rows, fitted).map((row) => {
    const scores = weights.map((w) => w.reduce((sum, value, a) => sum + value * row[a], 0));
    return scores.indexOf(Math.max(...scores));
  });
  return accuracy(Int32Array.from(found), labels);
}

/** Scores of rows on the leading principal components of `fitted`. */
function principalScores(fitted: Rows): (rows: Rows, count: number) => Rows {
  const d = rowSize(fitted);
  const mean = meanOf(fitted);
  const covariance = new Float64Array(d * d);
  for (let i = 0; i < fitted.count; i++) {
    const row = mean.map((value, j) => fitted.data[i * d + j] - value);
    row.forEach((value, a) => {
      if (value === 0) return;
      for (let b = 0; b < d; b++) covariance[a * d + b] += (value * row[b]) / fitted.count;
    });
  }
  // Eigenvalues ascend.
  const { vectors } = symmetricEigen(covariance, d);
  return (rows, count) => {
    const data = new Float32Array(rows.count * count);
    for (let i = 0; i < rows.count; i++) {
      for (let k = 0; k < count; k++) {
        const at = (d - 1 - k) * d;
        let score = 0;
        for (let j = 0; j < d; j++) score += (rows.data[i * d + j] - mean[j]) * vectors[at + j];
        data[i * count + k] = score;
      }
    }
    return { data, count: rows.count, rowShape: [count] };
  };
}

function meanOf({ data, count }: Rows): Float64Array {
  const mean = new Float64Array(data.length / count);
  data.forEach((value, i) => (mean[i % mean.length] += value / count));
  return mean;
}

/** 1 where a pixel is known: half of the squares of every image are hidden. */
function drawKnown(rows: Rows, seed: number): Rows {
  const [rng, side, size] = [new Rng(seed), PATCH * ACROSS, rowSize(rows)];
  const patches = ACROSS * ACROSS;
  const data = new Float32Array(rows.data.length);
  for (let i = 0; i < rows.count; i++) {
    const hidden = new Set(rng.permutation(patches).slice(0, Math.round(HIDDEN * patches)));
    for (let p = 0; p < size; p++) {
      const [down, right] = [Math.floor(p / side / PATCH), Math.floor((p % side) / PATCH)];
      data[i * size + p] = hidden.has(down * ACROSS + right) ? 0 : 1;
    }
  }
  return { ...rows, data };
}

/** Mean squared error over the elements that are not known. */
function hiddenError(made: ArrayLike<number>, rows: Rows, known: Rows): number {
  let [sum, count] = [0, 0];
  rows.data.forEach((value, i) => {
    if (known.data[i] === 1) return;
    sum += (made[i] - value) ** 2;
    count++;
  });
  return sum / count;
}

/** Rows with the labels that MNIST has. */
async function digits(spec: string, limit: number): Promise<{ x: Rows; labels: Int32Array }> {
  const { x, y }: Dataset = await loadDataset(spec, { limit });
  if (y?.kind !== 'class') throw new Error(`${spec} has classes`);
  return { x, labels: y.values };
}

/** Rows of the table: latents, model, network, error of hidden pixels, accuracy of the linear map. */
export async function maskedDigits(quick: boolean): Promise<string[][]> {
  const [train, test] = [
    await digits('mnist', quick ? 1000 : 6000),
    await digits('mnist:test', quick ? 500 : 5000),
  ];
  const known = drawKnown(test.x, 1);
  const holed = { ...test.x, data: test.x.data.map((value, i) => value * known.data[i]) };
  const scores = principalScores(train.x);
  const mean = meanOf(train.x);
  const size = mean.length;
  const read = (fitted: Rows, rows: Rows): string =>
    `${(100 * probe(fitted, train.labels, rows, test.labels)).toFixed(1)} %`;
  const made = test.x.data.map((_, i) => mean[i % size]);
  const rows: string[][] = [];
  const add = (...cells: string[]): void => {
    rows.push(cells);
    console.log(cells.join('  '));
  };
  add('', 'mean of each pixel', '', hiddenError(made, test.x, known).toFixed(4), '');
  for (const latentDim of quick ? [8] : [8, 16, 32]) {
    const d = String(latentDim);
    const first = scores(train.x, latentDim);
    add(d, 'principal components', '', '', read(first, scores(test.x, latentDim)));
    for (const network of quick ? [{ hidden: [128, 64], epochs: 2 }] : NETWORKS) {
      const shown = `${network.hidden.join(', ')}; ${network.epochs} epochs`;
      const settings = { ...network, latentDim };
      const plain = await new Lorae({ ...settings, nuclearWeight: 0 }).fit(train.x);
      const found = read(await plain.encode(train.x), await plain.encode(test.x));
      add(d, 'autoencoder', shown, '', found);
      plain.dispose();
      const masking = { maskRatio: HIDDEN, patch: PATCH };
      const masked = await new MaskedAutoencoder({ ...settings, ...masking }).fit(train.x);
      const filled = await masked.impute(holed, known);
      const error = hiddenError(filled.data, test.x, known).toFixed(4);
      const seen = read(await masked.encode(train.x), await masked.encode(test.x));
      add(d, 'masked autoencoder', shown, error, seen);
      masked.dispose();
    }
  }
  return rows;
}
