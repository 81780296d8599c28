/** A linear autoencoder with Least Volume finds the principal components, in order. */
import { LeastVolume } from 'tfjs-latent';
import { axesRows } from '../../test/models/leastVolume/toy.js';
import { symmetricEigen } from '../../src/util/symmetricEigen.js';
import { table } from './page.js';

const [COUNT, WIDTH, LATENTS] = [256, 8, 6];
const SCALES = [4, 2, 1];

/** Unit principal axes of rows in order, with their standard deviations: float64. */
function principal(data: Float32Array): { axes: Float64Array[]; deviations: number[] } {
  const mean = new Float64Array(WIDTH);
  data.forEach((value, i) => (mean[i % WIDTH] += value / COUNT));
  const covariance = new Float64Array(WIDTH * WIDTH);
  for (let i = 0; i < COUNT; i++) {
    const row = Float64Array.from(mean, (m, j) => data[i * WIDTH + j] - m);
    for (let a = 0; a < WIDTH; a++) {
      for (let b = 0; b < WIDTH; b++) covariance[a * WIDTH + b] += (row[a] * row[b]) / (COUNT - 1);
    }
  }
  const { values, vectors } = symmetricEigen(covariance, WIDTH);
  const ranks = Array.from({ length: WIDTH }, (_, k) => WIDTH - 1 - k);
  return {
    axes: ranks.map((k) => vectors.slice(k * WIDTH, (k + 1) * WIDTH)),
    deviations: ranks.map((k) => Math.sqrt(values[k])),
  };
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Array.from(a).reduce((sum, v, i) => sum + v * b[i], 0);
}

/** Largest principal angle between the span of `directions` and that of orthonormal `axes`. */
function largestAngle(directions: readonly Float64Array[], axes: readonly Float64Array[]): number {
  const basis: Float64Array[] = [];
  for (const direction of directions) {
    let rest = Float64Array.from(direction);
    for (const other of basis) {
      const part = dot(rest, other);
      rest = rest.map((v, i) => v - part * other[i]);
    }
    const length = Math.sqrt(dot(rest, rest));
    basis.push(rest.map((v) => v / length));
  }
  // The sine is the norm of what projection onto the axes leaves: exact for small angles.
  const k = basis.length;
  const left = basis.map((b) => {
    const parts = axes.map((axis) => dot(b, axis));
    return b.map((v, i) => v - axes.reduce((sum, axis, j) => sum + parts[j] * axis[i], 0));
  });
  const gram = Float64Array.from({ length: k * k }, (_, i) =>
    dot(left[Math.floor(i / k)], left[i % k]),
  );
  return Math.asin(Math.min(1, Math.sqrt(Math.max(0, symmetricEigen(gram, k).values[k - 1]))));
}

export async function pca(): Promise<string[]> {
  const rows = axesRows(COUNT, WIDTH, SCALES, 3);
  const { axes, deviations } = principal(rows.data);
  const model = await new LeastVolume({
    ...{ hidden: [], latentDim: LATENTS, standardize: false, batchSize: COUNT },
    ...{ lambda: 0.3, eta: 0.3, learningRate: 0.05, epochs: 1500 },
  }).fit(rows);
  const { order } = await model.latentDimension(rows);
  const live = order.slice(0, SCALES.length);
  // Directions of the decoder: where a step of each latent moves its row.
  const steps = new Float32Array((LATENTS + 1) * LATENTS);
  for (let i = 0; i < LATENTS; i++) steps[(i + 1) * LATENTS + i] = 1;
  const moved = await model.decode({ data: steps, count: LATENTS + 1, rowShape: [LATENTS] });
  const directions = Array.from(live, (dim) =>
    Float64Array.from(
      { length: WIDTH },
      (_, j) => moved.data[(dim + 1) * WIDTH + j] - moved.data[j],
    ),
  );
  const cells = Array.from(order, (dim, rank) => {
    const known = rank < SCALES.length;
    const cosine = known
      ? Math.abs(dot(directions[rank], axes[rank])) /
        Math.sqrt(dot(directions[rank], directions[rank]))
      : 0;
    return [
      String(rank + 1),
      deviations[rank].toFixed(3),
      model.deviations[dim].toFixed(3),
      known ? cosine.toFixed(5) : '',
    ];
  });
  const angle = largestAngle(directions, axes.slice(0, SCALES.length));
  return [
    `Rows of ${WIDTH} features with deviations ${SCALES.join(', ')} along random axes and .01 along the others; linear encoder`,
    `and decoder, ${LATENTS} latents, lambda .3, eta .3, 1500 steps. Largest principal angle between the live latents'`,
    `decoder directions and the principal subspace: **${angle.toExponential(1)}** (goal: below 1e-2).`,
    '',
    ...table(
      ['rank', 'PCA deviation', 'latent deviation', 'cosine with the principal axis'],
      cells,
    ),
  ];
}
