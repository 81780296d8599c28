/**
 * The figures of docs/results/leastVolume.md, one part a command:
 *
 *   npx tsx examples/leastVolume/reproduce.ts pca          linear networks against principal components
 *   npx tsx examples/leastVolume/reproduce.ts manifolds    d live latents for sheets of d = 1..5
 *   npx tsx examples/leastVolume/reproduce.ts mnist        penalties on MNIST, with and without Lipschitz
 *   npx tsx examples/leastVolume/reproduce.ts knn          neighbours in the pruned latents of MNIST
 *
 * Options of mnist and knn, whose defaults are short: --rows, --epochs, --batch, --rate, --decay (cosine, linear, none),
 * --loss, --lambda, --latents, --hidden 512,256 or --channels 32,64,128 (convolutions), --side (pixels, with a border
 * of zeros), --only (a row of its table), --classified (test rows). --backend is for all.
 * The paper's setting, for a machine with a GPU; with --rows 200 --epochs 1 --print it shows in a minute that it runs:
 *
 *   ... mnist --rows 60000 --epochs 400 --rate 1e-4 --decay none --channels 32,64,128,256 --side 32
 *
 * Each part writes its section of the page; --print only prints it.
 */
import { parseArgs } from 'node:util';
import { startBackend } from 'tfjs-latent/backends';
import { writeSection } from './page.js';
import { pca } from './pca.js';
import { manifolds } from './manifolds.js';
import { mnist } from './mnist.js';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    rows: { type: 'string', default: '6000' },
    epochs: { type: 'string', default: '25' },
    batch: { type: 'string', default: '100' },
    rate: { type: 'string', default: '0.01' },
    decay: { type: 'string', default: 'cosine' },
    loss: { type: 'string', default: 'bce' },
    lambda: { type: 'string', default: '0.001' },
    latents: { type: 'string', default: '128' },
    hidden: { type: 'string', default: '256' },
    channels: { type: 'string' },
    classified: { type: 'string', default: '2000' },
    side: { type: 'string', default: '28' },
    backend: { type: 'string', default: 'wasm' },
    print: { type: 'boolean', default: false },
    only: { type: 'string' },
  },
});
const list = (text: string): number[] => text.split(',').map(Number);
const decays = ['cosine', 'linear', 'none'] as const;
const decay = decays.find((known) => known === values.decay);
if (decay === undefined) {
  console.error(`reproduce: --decay must be one of ${decays.join(', ')}, got ${values.decay}.`);
  process.exit(2);
}
const settings = {
  rows: Number(values.rows),
  only: values.only,
  side: Number(values.side),
  classified: Number(values.classified),
  config: {
    epochs: Number(values.epochs),
    batchSize: Number(values.batch),
    learningRate: Number(values.rate),
    learningRateDecay: decay,
    reconstructionLoss: values.loss === 'bce' ? ('bce' as const) : ('mse' as const),
    lambda: Number(values.lambda),
    latentDim: Number(values.latents),
    hidden: list(values.hidden),
    ...(values.channels !== undefined && {
      architecture: 'conv' as const,
      channels: list(values.channels),
    }),
  },
};
const parts = {
  pca,
  manifolds,
  mnist: () => mnist(settings),
  knn: () => mnist({ ...settings, only: 'least volume' }),
};
const [name] = positionals;
if (!(name in parts)) {
  console.error(
    `reproduce: the part must be one of ${Object.keys(parts).join(', ')}, got ${name}.`,
  );
  process.exit(2);
}
const started = await startBackend({ prefer: values.backend });
const start = performance.now();
const body = await parts[name as keyof typeof parts]();
const seconds = ((performance.now() - start) / 1000).toFixed(0);
const command = `npx tsx examples/leastVolume/reproduce.ts ${process.argv.slice(2).join(' ')}`;
const { backend, adapter } = started;
const lines = [
  `    ${command}`,
  '',
  ...body,
  '',
  `(${backend}: ${adapter}; ${seconds} s on a machine that was busy with other work.)`,
];
if (values.print) console.log(lines.join('\n'));
else await writeSection(name, lines);
