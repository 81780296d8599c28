/**
 * Rows with two degrees of freedom in twenty features: how many of sixteen latents an autoencoder uses, without and
 * with the nuclear norm (in the same epochs also fine-tuned at the rank it found), and with linear layers alone.
 */
import { Irmae, Lorae, latentSpectrum } from 'tfjs-latent';
import type { Rows } from 'tfjs-latent';
import { startBackend } from 'tfjs-latent/backends';

await startBackend();

/** Smooth functions of two numbers. */
function surface(count: number): Rows {
  const data = new Float32Array(count * 20);
  for (let i = 0; i < count; i++) {
    // A sequence that fills the square evenly.
    const [a, b] = [(i * 0.7549) % 1, (i * 0.5698) % 1];
    for (let f = 0; f < 20; f++) {
      data[i * 20 + f] = Math.sin(a * (1 + (f % 3)) + f) + Math.cos(b * (1 + (f % 2)) + f);
    }
  }
  return { data, count, rowShape: [20] };
}

const x = surface(500);
const settings = { hidden: [32], latentDim: 16, epochs: 100, batchSize: 125, learningRate: 0.01 };
const models = {
  'nuclear weight 0': new Lorae({ ...settings, nuclearWeight: 0 }),
  'nuclear weight 0.1': new Lorae({ ...settings, nuclearWeight: 0.1 }),
  '0.1, fine-tuned': new Lorae({
    ...{ ...settings, nuclearWeight: 0.1 },
    ...{ epochs: 50, fineTuneEpochs: 50 },
  }),
  'eight linear layers': new Irmae({ ...settings, linearLayers: 8 }),
};
for (const [name, model] of Object.entries(models)) {
  await model.fit(x);
  const { directions, effectiveRank } = latentSpectrum(await model.encode(x));
  const errors = await model.errors(x);
  const error = errors.reduce((sum, value) => sum + value, 0) / x.count;
  const facts = `${directions} directions, effective rank ${effectiveRank.toFixed(2)}`;
  console.log(`${name.padEnd(20)} ${facts}, unexplained ${(100 * error).toFixed(2)} %`);
}
