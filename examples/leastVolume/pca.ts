/** A linear autoencoder with Least Volume finds the principal components, in order. */
import { LeastVolume } from 'tfjs-latent';
import { axesRows, dot, largestAngle, principalAxes } from '../../test/models/leastVolume/toy.js';
import { table } from './page.js';

const [COUNT, WIDTH, LATENTS] = [256, 8, 6];
const SCALES = [4, 2, 1];

export async function pca(): Promise<string[]> {
  const rows = axesRows(COUNT, WIDTH, SCALES, 3);
  const { axes, deviations } = principalAxes(rows);
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
