/**
 * What the relatives of Least Volume give on sets with a known answer, and masked autoencoders on MNIST; writes
 * docs/results/relatives.md.
 *
 *   npx tsx bench/relatives.ts [--quick] [--seeds 3] [--out docs/results/relatives.md]
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { startBackend } from '../src/backends/index.js';
import { sampleShape } from '../src/data/index.js';
import type { ShapeName } from '../src/data/index.js';
import { auroc, circularCorrelation, latentSpectrum } from '../src/metrics/index.js';
import { DiffusionMap, DiffusionNet, Irmae, Lorae } from '../src/models/index.js';
import { Rng } from '../src/util/rng.js';
import type { Rows } from '../src/util/rows.js';
import { maskedDigits } from './maskedDigits.js';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    seeds: { type: 'string', default: '1' },
    out: { type: 'string', default: 'docs/results/relatives.md' },
  },
});
const started = await startBackend();

const [FEATURES, UNITS] = [32, 32];

/** Rows of `d` degrees of freedom: a fixed random layer of tanh units over the cube [-1, 1]^d, and a linear map. */
function curvedCube(d: number, count: number, seed: number): Rows {
  const [frame, rng] = [new Rng(5), new Rng(seed)];
  const inward = Array.from({ length: d * UNITS }, () => frame.normal() / Math.sqrt(d));
  const outward = Array.from({ length: UNITS * FEATURES }, () => frame.normal() / Math.sqrt(UNITS));
  const offsets = Array.from({ length: UNITS }, () => frame.normal() / 2);
  const data = new Float32Array(count * FEATURES);
  for (let i = 0; i < count; i++) {
    const u = Array.from({ length: d }, () => 2 * rng.uniform() - 1);
    offsets.forEach((offset, k) => {
      const value = Math.tanh(u.reduce((sum, x, j) => sum + x * inward[j * UNITS + k], offset));
      for (let f = 0; f < FEATURES; f++)
        data[i * FEATURES + f] += value * outward[k * FEATURES + f];
    });
  }
  return { data, count, rowShape: [FEATURES] };
}

const table = (header: readonly string[], rows: readonly (readonly string[])[]): string =>
  [header, header.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');

const EPOCHS = options.quick ? 20 : 100;
const SEEDS = Array.from({ length: Number(options.seeds) }, (_, i) => i + 1);
const WEIGHT = 0.3;
const settings = { hidden: [64, 64], latentDim: 64, batchSize: 100, learningRate: 5e-3 };

const mean = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;

/** What is compared: the same network, latents, rate and number of epochs for all. */
const LOW_RANK: Readonly<Record<string, (d: number, seed: number) => Lorae | Irmae>> = {
  'no penalty': (_, seed) => new Lorae({ ...settings, epochs: EPOCHS, seed, nuclearWeight: 0 }),
  'no penalty, d latents': (d, seed) =>
    new Lorae({ ...settings, latentDim: d, epochs: EPOCHS, seed, nuclearWeight: 0 }),
  [`LoRAE, ${WEIGHT}`]: (_, seed) =>
    new Lorae({ ...settings, epochs: EPOCHS, seed, nuclearWeight: WEIGHT }),
  [`LoRAE, ${WEIGHT}, fine-tuned`]: (_, seed) =>
    new Lorae({
      ...{ ...settings, seed, nuclearWeight: WEIGHT },
      ...{ epochs: EPOCHS / 2, fineTuneEpochs: EPOCHS / 2 },
    }),
  'IRMAE, 8 layers': (_, seed) => new Irmae({ ...settings, epochs: EPOCHS, seed, linearLayers: 8 }),
};

interface LowRank {
  readonly rank: number;
  /** Variances above 1 % and 1e-6 of the largest. */
  readonly above: readonly number[];
  /** Mean squared error on training and test rows, in per cent of the variance of the rows. */
  readonly errors: readonly number[];
}

async function fitLowRank(model: Lorae | Irmae, train: Rows, test: Rows): Promise<LowRank> {
  await model.fit(train);
  const { variances, effectiveRank } = latentSpectrum(await model.encode(test));
  const above = [1e-2, 1e-6].map(
    (share) => variances.filter((value) => value > share * variances[0]).length,
  );
  const errors = [await model.errors(train), await model.errors(test)].map((e) => 100 * mean(e));
  model.dispose();
  return { rank: effectiveRank, above, errors };
}

async function lowRank(): Promise<string> {
  const rows: string[][] = [];
  for (const d of options.quick ? [2] : [1, 2, 3, 4, 5]) {
    const [train, test] = [curvedCube(d, 2000, 1), curvedCube(d, 500, 2)];
    let plain: number | undefined;
    for (const [name, make] of Object.entries(LOW_RANK)) {
      const found: LowRank[] = [];
      for (const seed of SEEDS) found.push(await fitLowRank(make(d, seed), train, test));
      const all = (pick: (run: LowRank) => number, digits = 0): string =>
        found.map((run) => pick(run).toFixed(digits)).join(' ');
      const [fitted, tested] = [0, 1].map((at) => mean(found.map(({ errors }) => errors[at])));
      plain ??= tested;
      const ranks = [all(({ rank }) => rank, 2), all(({ above }) => above[0])];
      const errors = [fitted, tested].map((error) => error.toFixed(4));
      const least = all(({ above }) => above[1]);
      rows.push([String(d), name, ...ranks, least, ...errors, (tested / plain).toFixed(2)]);
      console.log(rows[rows.length - 1].join('  '));
    }
  }
  const header = [
    ...['d', 'model', 'effective rank', 'variances > 1 %', '> 1e-6'],
    ...['unexplained, training, %', 'test, %', 'test / no penalty'],
  ];
  return table(header, rows);
}

const anglesOf = ({ data, count }: Rows): number[] =>
  Array.from({ length: count }, (_, i) => Math.atan2(data[2 * i + 1], data[2 * i]));
const firstOf = ({ data, count, rowShape: [d] }: Rows): number[] =>
  Array.from({ length: count }, (_, i) => data[i * d]);

async function diffusion(): Promise<string> {
  const epochs = options.quick ? 100 : 400;
  const rows: string[][] = [];
  for (const [name, noise] of [
    ['circle', 0],
    ['ring', 0],
    ['helix', 0],
    ['helix', 0.02],
  ] as [ShapeName, number][]) {
    const [train, test] = [1, 2].map((seed) => sampleShape(name, 500, { seed, noise }));
    const agreement = (latents: Rows, parameters: Rows): string =>
      Math.abs(circularCorrelation(anglesOf(latents), firstOf(parameters))).toFixed(4);
    const map = new DiffusionMap().fit(train.x);
    const extended = map.transform(test.x);
    const net = await new DiffusionNet({ epochs, batchSize: 500 }).fit(train.x);
    const encoded = await net.encode(test.x);
    const gap = encoded.data.reduce((sum, value, i) => sum + (value - extended.data[i]) ** 2, 0);
    // Away from the set: twice its size.
    const off = { ...test.x, data: test.x.data.map((value) => 2 * value) };
    const [near, far] = [await net.outliers(test.x), await net.outliers(off)];
    rows.push([
      noise === 0 ? name : `${name}, noise ${noise}`,
      agreement(map.coordinates(), train.parameters),
      agreement(extended, test.parameters),
      agreement(encoded, test.parameters),
      Math.sqrt(gap / encoded.data.length).toFixed(3),
      auroc(far.score, near.score).toFixed(3),
    ]);
    console.log(rows[rows.length - 1].join('  '));
    net.dispose();
  }
  const header = [
    ...['set', 'map, fitted rows', 'map, others (Nyström)', 'net, others'],
    ...['net less Nyström, rms', 'AUROC of rows twice as far out'],
  ];
  return table(header, rows);
}

async function masked(): Promise<string> {
  const header = ['latents', 'model', 'hidden layers', 'error of hidden pixels', 'linear map'];
  return table(header, await maskedDigits(options.quick));
}

const command = ['npx tsx bench/relatives.ts', ...process.argv.slice(2)].join(' ');
const page = `# Relatives of Least Volume on sets with a known answer

Written by \`${command}\` on backend ${started.backend}.

## LoRAE: the rank of the latents falls to the dimension of the data

Rows of 32 features: a fixed random layer of 32 tanh units over the cube [-1, 1]^d, and a linear map; 2,000 to train,
500 to test; 64 latents, hidden layers of 64 and 64, ${EPOCHS} epochs in batches of 100 at rate 5e-3 for every model;
seeds ${SEEDS.join(', ')}. Effective rank: exp of the entropy of the variances of the latents of the test rows along their
principal directions, of each seed; beside it the number of these variances above a share of the largest.
Unexplained: squared reconstruction error in per cent of the variance of the rows, mean of the seeds; last its ratio to
that without penalty on test rows. Fine-tuned: ${EPOCHS / 2} epochs with the penalty, then ${EPOCHS / 2} with M cut to its
live directions and held, without the penalty; the row above it is the paper's form. An autoencoder with d latents and
no penalty shows what so narrow a waist costs by itself: without one the network may pass rows through almost linearly.

${await lowRank()}

## Diffusion maps and nets: the angle along a closed curve

500 points to fit, 500 others. Circular correlation (Fisher and Lee) of the true angle with that of the first two
coordinates; coordinates have mean square 1.

${await diffusion()}

## Masked autoencoders: digits filled in, and what a linear map reads off the latents

${options.quick ? '1,000' : '6,000'} digits of MNIST to train, ${options.quick ? '500' : '5,000'} others; batches of 128, one seed. Half of the 49 squares of 4 x 4 pixels are
hidden, in training and in the test; the error is the mean square over hidden pixels (values 0 to 1), against filling
in the mean of each pixel over the training rows. Linear map: accuracy of least squares on one-hot classes with a
ridge of 1e-3 a row, from the latents of whole rows (standard error ${options.quick ? '2.2' : '0.7'} % at most); beside it the scores on as
many principal components, and an autoencoder of the same size that sees whole rows.

${await masked()}
`;
await mkdir(dirname(options.out), { recursive: true });
await writeFile(options.out, page);
console.log(`wrote ${options.out}`);
