/** Three noisy clusters with two labels each: unlabelled rows shape the latents, few labels name them. */
import { SupervisedAutoencoder, accuracy } from 'tfjs-latent';
import type { Rows } from 'tfjs-latent';
import { startBackend } from 'tfjs-latent/backends';

await startBackend();

/** Rows of three clusters on a curve in ten features; row i belongs to class i % 3. */
function clusters(count: number, first: number): { x: Rows; labels: Int32Array } {
  const data = new Float32Array(count * 10);
  const labels = Int32Array.from({ length: count }, (_, i) => i % 3);
  for (let i = 0; i < count; i++) {
    const place = 2 * labels[i] + (((i + first) * 0.618) % 1);
    for (let f = 0; f < 10; f++) {
      const noise = Math.sin((i + first) * 78.233 + f * 37.719 + (i * f) ** 2);
      data[i * 10 + f] = Math.sin(place * (1 + f / 5) + f) + 0.6 * noise;
    }
  }
  return { x: { data, count, rowShape: [10] }, labels };
}

const [train, test] = [clusters(300, 0), clusters(150, 1000)];
const few = train.labels.map((label, i) => (i < 6 ? label : -1));
const settings = { hidden: [32], latentDim: 3, epochs: 60, batchSize: 100, learningRate: 0.01 };
for (const reconstructionWeight of [0, 1]) {
  const model = new SupervisedAutoencoder({
    ...settings,
    semiSupervised: true,
    reconstructionWeight,
  });
  await model.fit(train.x, { targets: { kind: 'class', values: few, classes: 3 } });
  const right = accuracy(await model.predict(test.x), test.labels);
  console.log(`reconstruction weight ${reconstructionWeight}: accuracy ${right.toFixed(2)}`);
}
