/** A VAE and a beta-VAE of points around a ring: what they reconstruct, what they give up, and new points. */
import { VariationalAutoencoder } from 'tfjs-latent';
import type { Rows } from 'tfjs-latent';
import { startBackend } from 'tfjs-latent/backends';
import { sampleShape } from 'tfjs-latent/data';

await startBackend();
const { x } = sampleShape('ring', 400, { seed: 1 });
const settings = { hidden: [32], latentDim: 4, deviation: 0.15, epochs: 150, batchSize: 100 };

/** Share of rows whose radius is that of the ring, 0.8 to 1.2, give or take 0.2. */
function onRing({ data, count }: Rows): number {
  let good = 0;
  for (let i = 0; i < count; i++) {
    const radius = Math.hypot(data[2 * i], data[2 * i + 1]);
    if (radius > 0.6 && radius < 1.4) good++;
  }
  return good / count;
}

for (const beta of [1, 20]) {
  const vae = new VariationalAutoencoder({ ...settings, beta, learningRate: 0.01 });
  await vae.fit(x);
  const { variances } = await vae.posterior(x);
  const used = [0, 1, 2, 3].filter((j) => {
    const own = variances.data.filter((_, at) => at % 4 === j);
    return own.reduce((sum, value) => sum + value, 0) / own.length < 0.9;
  });
  const { divergence } = vae.history[vae.history.length - 1].parts;
  const made = await vae.sample(500, { seed: 2 });
  console.log(
    `beta ${beta}: ${used.length} latents in use, divergence ${divergence.toFixed(1)} nats,`,
    `${(100 * onRing(made)).toFixed(0)} % of new points on the ring`,
  );
}
