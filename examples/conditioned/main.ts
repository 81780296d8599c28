/**
 * Points on lines through the origin whose direction is known: given the direction one latent says where on its line a
 * point is, and the same latent is another point on another line.
 */
import { ConditionalAutoencoder, Lorae } from 'tfjs-latent';
import type { Rows } from 'tfjs-latent';
import { startBackend } from 'tfjs-latent/backends';

await startBackend();
const count = 300;
const rows = (at: (i: number) => number[]): Rows => {
  const values = Array.from({ length: count }, (_, i) => at(i));
  return { data: Float32Array.from(values.flat()), count, rowShape: [values[0].length] };
};
const angle = (i: number): number => Math.PI * ((i * 0.618) % 1);
const place = (i: number): number => 4 * ((i * 0.755) % 1) - 2;
const x = rows((i) => [place(i) * Math.cos(angle(i)), place(i) * Math.sin(angle(i))]);
const condition = rows((i) => [Math.cos(angle(i)), Math.sin(angle(i))]);

const settings = { hidden: [24], latentDim: 1, epochs: 120, batchSize: 100, learningRate: 0.01 };
const mean = (values: Float32Array): string =>
  (values.reduce((sum, value) => sum + value, 0) / values.length).toFixed(2);
const alone = await new Lorae({ ...settings, nuclearWeight: 0 }).fit(x);
console.log('unexplained without the direction:', mean(await alone.errors(x)));
const given = new ConditionalAutoencoder(settings);
await given.fit(x, { condition });
console.log('unexplained given the direction:', mean(await given.errors(x, { condition })));
