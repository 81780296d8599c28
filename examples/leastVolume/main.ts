/**
 * How many numbers does a point of these data need? Points of a curved surface in 12 dimensions go through
 * a Least Volume autoencoder with 6 latents; those that it does not need fall flat while it trains.
 */
import { LeastVolume } from 'tfjs-latent';
import { startBackend } from 'tfjs-latent/backends';

await startBackend({ prefer: 'wasm' });

// Two parameters, s and t, make all 12 features of a row.
const [count, width] = [512, 12];
const data = new Float32Array(count * width);
for (let i = 0; i < count; i++) {
  const [s, t] = [((i * 0.754877) % 1) - 0.5, ((i * 0.56984) % 1) - 0.5];
  for (let j = 0; j < width; j++) {
    data[i * width + j] = 6 * Math.sin(s / 2 + j) + 6 * Math.cos(t / 2 - 2 * j) + 0.3 * s * t;
  }
}
const rows = { data, count, rowShape: [width] };

const model = new LeastVolume({
  ...{ hidden: [32, 32], latentDim: 6, standardize: false },
  ...{ lambda: 0.1, eta: 0.1, learningRate: 5e-3, batchSize: 128, epochs: 120 },
});
await model.fit(rows);

const live = [1, 40, 120].map((epoch) => model.history[epoch - 1].parts.live.toFixed(0));
console.log(`live latents after 1, 40 and 120 epochs: ${live.join(', ')}`);
const { dimension, order } = await model.latentDimension(rows);
const deviations = [...order].map((dim) => model.deviations[dim].toFixed(3));
console.log(`standard deviations: ${deviations.join(' ')}`);
console.log(`dimension of the latent set: ${dimension}`);
console.log(`latents that move after pruning: ${await model.prune({ keep: dimension })}`);
