/** Noise taken out and missing values filled in: denoising and masked autoencoders. */
import { DenoisingAutoencoder, MaskedAutoencoder } from 'tfjs-latent';
import type { Rows } from 'tfjs-latent';
import { startBackend } from 'tfjs-latent/backends';

await startBackend();

/** Sampled sine waves of random phase and amplitude, 12 values each. */
function waves(count: number, first: number): Rows {
  const data = new Float32Array(count * 12);
  for (let i = 0; i < count; i++) {
    const [phase, size] = [((i + first) * 3.883) % 6.283, 0.5 + (((i + first) * 0.618) % 1)];
    for (let t = 0; t < 12; t++) data[i * 12 + t] = size * Math.sin(phase + t / 2);
  }
  return { data, count, rowShape: [12] };
}

const meanSquare = (a: Rows, b: Rows): number =>
  a.data.reduce((sum, value, i) => sum + (value - b.data[i]) ** 2, 0) / a.data.length;

const [train, test] = [waves(500, 0), waves(100, 5000)];
const settings = { hidden: [32], latentDim: 4, epochs: 120, batchSize: 125, learningRate: 0.01 };

const denoiser = await new DenoisingAutoencoder({ ...settings, deviation: 0.5 }).fit(train);
const noise = (at: number): number => 0.6 * Math.sin(at * 12.9898 + at * at);
const noisy = { ...test, data: test.data.map((value, at) => value + noise(at)) };
const cleaned = await denoiser.reconstruct(noisy);
console.log(
  `error of noisy waves ${meanSquare(noisy, test).toFixed(3)},`,
  `denoised ${meanSquare(cleaned, test).toFixed(3)}`,
);

const masked = await new MaskedAutoencoder({ ...settings, maskRatio: 0.4, patch: 2 }).fit(train);
// Values 4 to 7 of every wave are unknown.
const known = { ...test, data: test.data.map((_, at) => Number(at % 12 < 4 || at % 12 > 7)) };
const holed = { ...test, data: test.data.map((value, at) => value * known.data[at]) };
const filled = await masked.impute(holed, known);
console.log(
  `error with a gap ${meanSquare(holed, test).toFixed(3)},`,
  `filled in ${meanSquare(filled, test).toFixed(3)}`,
);
