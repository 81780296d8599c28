/** Curved sheets of d dimensions in 16: d latents stay. */
import { LeastVolume } from 'tfjs-latent';
import { Rng } from '../../src/util/rng.js';
import type { Rows } from '../../src/util/rows.js';
import { table } from './page.js';

const [COUNT, WIDTH, LATENTS] = [1024, 16, 8];

/** x = A t + B s(t)^2 / 2 with t uniform in [-1, 1]^d, s_k = sin(2 t_k + t_(k+1) / 2), A and B normal. */
function sheet(d: number, seed: number): Rows {
  const rng = new Rng(seed);
  const normals = (): Float64Array => Float64Array.from({ length: WIDTH * d }, () => rng.normal());
  const [flat, bent] = [normals(), normals()];
  const data = new Float32Array(COUNT * WIDTH);
  for (let i = 0; i < COUNT; i++) {
    const t = Array.from({ length: d }, () => 2 * rng.uniform() - 1);
    t.forEach((at, k) => {
      const s = Math.sin(2 * at + 0.5 * t[(k + 1) % d]);
      for (let j = 0; j < WIDTH; j++) {
        data[i * WIDTH + j] += 2 * flat[j * d + k] * at + 0.25 * bent[j * d + k] * s * s;
      }
    });
  }
  return { data, count: COUNT, rowShape: [WIDTH] };
}

export async function manifolds(): Promise<string[]> {
  const cells: string[][] = [];
  for (let d = 1; d <= 5; d++) {
    const rows = sheet(d, d);
    const model = await new LeastVolume({
      ...{ hidden: [64, 64], latentDim: LATENTS, standardize: false },
      ...{ lambda: 0.1, eta: 0.1, learningRate: 4e-3, epochs: 150, batchSize: 128 },
    }).fit(rows);
    const { dimension, order } = await model.latentDimension(rows);
    const deviations = Array.from(order, (dim) => model.deviations[dim]);
    const live = deviations.filter((v) => v > 0.01 * deviations[0]).length;
    const variance = model.history[149].parts.reconstruction;
    cells.push([
      String(d),
      String(live),
      String(dimension),
      deviations.map((v) => v.toFixed(3)).join(' '),
      variance.toExponential(1),
    ]);
    model.dispose();
  }
  return [
    `${COUNT} points of a curved sheet of d dimensions in ${WIDTH}; dense layers of 64, 64, ${LATENTS} latents, lambda .1, eta .1, 150`,
    'epochs. Live: deviation above .01 of the largest. Dimension: explained reconstruction of 1 %.',
    '',
    ...table(['d', 'live', 'dimension', 'deviations in order', 'mean squared error'], cells),
  ];
}
