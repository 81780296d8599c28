/** A circle does not fit on a line: with one latent it is torn or folded somewhere, with two it is not. */
import {
  HypersphericalAutoencoder,
  NestedDropoutAutoencoder,
  latentTearReport,
  reconstructionField,
} from 'tfjs-latent';
import { startBackend } from 'tfjs-latent/backends';
import { sampleShape } from 'tfjs-latent/data';

await startBackend();
const { x } = sampleShape('circle', 300, { seed: 1 });
const settings = { hidden: [48, 48], epochs: 200, batchSize: 150, learningRate: 0.01 };
const models = {
  'one latent': new NestedDropoutAutoencoder({ ...settings, latentDim: 1 }),
  'two latents on the unit circle': new HypersphericalAutoencoder({ ...settings, latentDim: 2 }),
};
for (const [name, model] of Object.entries(models)) {
  await model.fit(x);
  const { largest } = await latentTearReport(x, await model.encode(x), { k: 2 });
  const field = reconstructionField(x, await model.reconstruct(x));
  console.log(
    `${name}: largest stretch of neighbours ${largest.toFixed(1)} times the median,`,
    `largest error ${field.largest.toFixed(2)}, mean ${field.mean.toFixed(2)}`,
  );
}
