/** A geometry-aware autoencoder of half a sphere: shortest paths among its latents are great circles. */
import { DistanceMatchingAutoencoder, geodesic, pullbackMetric } from 'tfjs-latent';
import type { Rows } from 'tfjs-latent';
import { startBackend } from 'tfjs-latent/backends';
import { sampleShape } from 'tfjs-latent/data';

await startBackend();
const { x } = sampleShape('hemisphere', 250, { seed: 3 });
const model = await new DistanceMatchingAutoencoder({
  ...{ hidden: [32, 32], epochs: 160, batchSize: 125, learningRate: 0.01 },
  ...{ standardize: false, distanceWeight: 0.1 },
}).fit(x);

const rows = (values: number[][]): Rows => ({
  data: Float32Array.from(values.flat()),
  count: values.length,
  rowShape: [values[0].length],
});
const from = [
  [0.6, 0, 0.8],
  [0, 0.8, 0.6],
  [0.48, 0.6, 0.64],
];
const to = [
  [-0.6, 0, 0.8],
  [0, -0.6, 0.8],
  [-0.48, 0.6, 0.64],
];
const ends = [await model.encode(rows(from)), await model.encode(rows(to))];
const { lengths, straight } = await geodesic(model.chart(), ends[0], ends[1], { steps: 100 });
from.forEach((a, i) => {
  const arc = Math.acos(a.reduce((sum, value, f) => sum + value * to[i][f], 0));
  const error = 100 * Math.abs(lengths[i] / arc - 1);
  const shown = [arc, lengths[i], straight[i]].map((value) => value.toFixed(3));
  console.log(`great circle ${shown[0]}, geodesic ${shown[1]}, straight latents ${shown[2]},`);
  console.log(error < 5 ? '  within 5 %' : `  off by ${error.toFixed(1)} %`);
});
const { volume } = await pullbackMetric(model.chart(), ends[0]);
console.log('area per latent area:', Array.from(volume, (value) => value.toFixed(2)).join(', '));
