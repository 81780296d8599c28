/** Latents in order of importance: reconstruction from the first k of them, with and without nested dropout. */
import { DenoisingAutoencoder, NestedDropoutAutoencoder } from 'tfjs-latent';
import { startBackend } from 'tfjs-latent/backends';
import { sampleShape } from 'tfjs-latent/data';

await startBackend();
const { x } = sampleShape('torus', 500, { seed: 1 });
const settings = { hidden: [48], latentDim: 3, epochs: 100, batchSize: 125, learningRate: 0.01 };
const models = {
  'nested dropout': new NestedDropoutAutoencoder(settings),
  // Without noise a denoising autoencoder is a plain one.
  plain: new DenoisingAutoencoder({ ...settings, deviation: 0 }),
};
for (const [name, model] of Object.entries(models)) {
  await model.fit(x);
  const latents = await model.encode(x);
  const errors: string[] = [];
  for (const k of [1, 2, 3]) {
    const first = { ...latents, data: latents.data.map((z, at) => (at % 3 < k ? z : 0)) };
    const back = await model.decode(first);
    const squares = back.data.reduce((sum, value, i) => sum + (value - x.data[i]) ** 2, 0);
    errors.push((squares / x.count).toFixed(2));
  }
  console.log(`${name}: squared error from the first 1, 2, 3 latents: ${errors.join(', ')}`);
}
