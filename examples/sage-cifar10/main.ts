/**
 * SAGE on CIFAR-10: ten deformations, accuracy against the images kept.
 *
 *   npx tsx examples/sage-cifar10/main.ts             writes docs/results/sageCifar10.md
 *   npx tsx examples/sage-cifar10/main.ts --quick     made-up images, seconds, writes runs/quick
 *
 * Reads the binary files of CIFAR-10: all of them where TFJS_LATENT_DATA or the cache has them, else the
 * excerpt that it has. Options: --seed, --epochs, --train-rows, --score-rows (per set), --out.
 */
import { COLOUR_DEFORMATIONS, DEFORMATIONS, deformRows, loadDataset } from 'tfjs-latent/data';
import { madeUpImages, spread } from '../sagePaper/folds.js';
import { areaClaims, tieClaim } from '../sagePaper/imageClaims.js';
import { monotoneClaim } from '../sagePaper/page.js';
import type { Labelled, StudySet } from '../sagePaper/scoring.js';
import { commandOf, runStudy, studyOptions } from '../sagePaper/study.js';
import { convolutionTrainer } from '../sagePaper/trainingBackend.js';

const options = studyOptions(process.argv.slice(2));
const { quick, seed } = options;
const epochs = options.epochs ?? (quick ? 1 : 6);

interface Images {
  readonly train: Labelled;
  readonly test: Labelled;
  readonly about: string;
}

async function load(): Promise<Images> {
  if (quick) {
    const [train, test] = [madeUpImages(200, 16, seed), madeUpImages(60, 16, seed + 1)];
    return { train, test, about: '200 and 60 made-up images' };
  }
  const read = async (split: 'train' | 'test', limit: number | undefined) => {
    const { x, y } = await loadDataset(`cifar10:${split}`, limit === undefined ? {} : { limit });
    if (y === undefined) throw new Error('these images have no labels');
    return { x, targets: y };
  };
  const train = await read('train', options.trainRows);
  const test = await read('test', undefined);
  const rows = spread(test, options.scoreRows);
  const about = `CIFAR-10, ${train.x.count} training and ${rows.x.count} test rows`;
  return { train, test: rows, about };
}

const { train, test, about } = await load();
const sets: StudySet[] = [
  { name: 'train', kind: 'train', ...spread(train, Math.min(5000, train.x.count)) },
  { name: 'test', kind: 'test', ...test },
  ...[...DEFORMATIONS, ...COLOUR_DEFORMATIONS].map((kind): StudySet => ({
    ...{ name: kind, kind: 'deformed', targets: test.targets },
    x: deformRows(test.x, kind, seed),
  })),
];
const trainBackend = await convolutionTrainer();
const network = { architecture: 'conv', convWidth: quick ? 4 : 16, latentDim: 64 } as const;

await runStudy(
  {
    name: 'sageCifar10',
    title: 'SAGE on CIFAR-10',
    command: commandOf('sage-cifar10'),
    data: about,
    measure: 'accuracy',
    models: [
      {
        name: 'Ours',
        trainBackend,
        config: { seed, ...network, epochs, batchSize: 128, dropout: 0.1 },
      },
      {
        name: "The paper's weights and scores",
        trainBackend,
        config: {
          ...{ seed, ...network, epochs, batchSize: 64, learningRate: 3e-4, dropout: 0.2 },
          ...{
            learningRateDecay: 'none',
            lossWeights: { task: 1, reconstruction: 1 },
            compat: true,
          },
        },
      },
    ],
    shortened: [
      'Both networks are three strided convolutions and their mirror; the paper has a ResNet-18 with the ' +
        'weights of ImageNet as encoder, which takes hours on two cores.',
      `${epochs} epochs, and the rows named above: with all 50,000 the accuracy is higher.`,
      "Performance is that of the model's own head; the paper trained another ResNet beside it.",
      'All images are deformed, flipped ones too: a mirrored car is a car.',
    ],
    claims: (models) => [
      ...areaClaims(models[0], [['noise-high', 0.999]]),
      tieClaim(models[0]),
      ...models.flatMap((model) => monotoneClaim(model, 'accuracy')),
    ],
  },
  () => [{ train, sets }],
  options,
);
