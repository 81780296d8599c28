/**
 * What the relatives of Least Volume give on sets with a known answer, and masked autoencoders on MNIST; writes
 * docs/results/relatives.md.
 *
 *   npx tsx bench/relatives.ts [--quick] [--out docs/results/relatives.md]
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

async function lowRank(): Promise<string> {
  const epochs = options.quick ? 20 : 50;
  const settings = { hidden: [64, 64], latentDim: 64, epochs, batchSize: 100, learningRate: 2e-3 };
  const rows: string[][] = [];
  for (const d of options.quick ? [2] : [1, 2, 3, 4, 5]) {
    const [train, test] = [curvedCube(d, 2000, 1), curvedCube(d, 500, 2)];
    const models = {
      'no penalty': new Lorae({ ...settings, nuclearWeight: 0 }),

      'LoRAE, 0.1': new Lorae({ ...settings, nuclearWeight: 0.1 }),
      'IRMAE, 8 layers': new Irmae({ ...settings, linearLayers: 8 }),
    };
    for (const [name, model] of Object.entries(models)) {
      await model.fit(train);
      const { variances, effectiveRank } = latentSpectrum(await model.encode(test));
      const above = (share: number): string =>
        String(variances.filter((value) => value > share * variances[0]).length);
      const errors = await model.errors(test);
      const error = errors.reduce((sum, value) => sum + value, 0) / test.count;
      const unexplained = `${(100 * error).toFixed(3)} %`;
      rows.push([String(d), name, effectiveRank.toFixed(2), above(1e-2), above(1e-6), unexplained]);
      console.log(rows[rows.length - 1].join('  '));
      model.dispose();
    }
  }
  const header = ['d', 'model', 'effective rank', 'variances > 1 %', '> 1e-6', 'unexplained, test'];
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

const command = `npx tsx bench/relatives.ts${options.quick ? ' --quick' : ''}`;
const page = `# Relatives of Least Volume on sets with a known answer

Written by \`${command}\` on backend ${started.backend}.

## LoRAE: the rank of the latents falls to the dimension of the data

Rows of 32 features: a fixed random layer of 32 tanh units over the cube [-1, 1]^d, and a linear map; 2,000 to train,
500 to test; 64 latents, hidden layers of 64 and 64, ${options.quick ? 20 : 50} epochs in batches of 100. Effective rank: exp of
the entropy of the variances of the latents along their principal directions; beside it the number of these variances
above a share of the largest. Unexplained: squared reconstruction error as a share of the variance of the rows.

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
