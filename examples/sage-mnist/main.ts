/**
 * SAGE on MNIST: deformed digits, other alphabets and clothes; accuracy against the digits kept.
 *
 *   npx tsx examples/sage-mnist/main.ts             writes docs/results/sageMnist.md
 *   npx tsx examples/sage-mnist/main.ts --quick     some hundred digits, seconds, writes runs/quick
 *
 * Options: --seed, --epochs, --train-rows, --score-rows (per set), --out. Needs KMNIST and
 * Fashion-MNIST (TFJS_LATENT_DATA, or a download), which a quick run leaves out.
 */
import { DEFORMATIONS, deformRows, flipStaysValid, loadDataset } from 'tfjs-latent/data';
import { spread, take } from '../sagePaper/folds.js';
import { areaClaims, tieClaim } from '../sagePaper/imageClaims.js';
import { monotoneClaim } from '../sagePaper/page.js';
import type { Labelled, StudySet } from '../sagePaper/scoring.js';
import { commandOf, runStudy, studyOptions } from '../sagePaper/study.js';
import { convolutionTrainer } from '../sagePaper/trainingBackend.js';

const options = studyOptions(process.argv.slice(2));
const { quick, seed } = options;
const trainRows = options.trainRows ?? (quick ? 600 : undefined);
const scoreRows = options.scoreRows ?? (quick ? 100 : undefined);
const epochs = options.epochs ?? (quick ? 2 : undefined);
/** The paper's network is slow to train on a CPU. */
const PAPER_ROWS = 3000;
const paperEpochs = options.epochs ?? (quick ? 1 : 4);
const OTHERS = ['kmnist:test', 'fashion-mnist:test'];

async function digits(split: 'train' | 'test', limit?: number): Promise<Labelled> {
  const { x, y } = await loadDataset(`mnist:${split}`, limit === undefined ? {} : { limit });
  if (y === undefined) throw new Error('these digits have no labels');
  return { x, targets: y };
}

/** A deformation of the digits that are another thing after it. */
function deformed(test: Labelled, kind: (typeof DEFORMATIONS)[number]): StudySet {
  const rows = Array.from({ length: test.x.count }, (_, i) => i);
  const kept = take(
    test,
    rows.filter((i) => !flipStaysValid(kind, test.targets.values[i])),
  );
  return { name: kind, kind: 'deformed', x: deformRows(kept.x, kind, seed), targets: kept.targets };
}

async function strange(spec: string): Promise<StudySet> {
  const { x } = await loadDataset(spec, scoreRows === undefined ? {} : { limit: scoreRows });
  return { name: spec.replace(':test', ''), kind: 'strange', x };
}

const train = await digits('train', trainRows);
const test = spread(await digits('test'), scoreRows);
const sets: StudySet[] = [
  { name: 'train', kind: 'train', ...spread(train, Math.min(5000, test.x.count)) },
  { name: 'test', kind: 'test', ...test },
  ...DEFORMATIONS.map((kind) => deformed(test, kind)),
];
if (!quick) for (const spec of OTHERS) sets.push(await strange(spec));
const own = { seed, ...(epochs === undefined ? {} : { epochs }) };
const paperRows = Math.min(PAPER_ROWS, train.x.count);

await runStudy(
  {
    name: 'sageMnist',
    title: 'SAGE on MNIST',
    command: commandOf('sage-mnist'),
    data: `MNIST, ${train.x.count} training rows, ${test.x.count} test rows evenly spread over all`,
    measure: 'accuracy',
    models: [
      { name: 'Ours', config: own },
      {
        name: "The paper's architecture and scores",
        trainRows: paperRows,
        trainBackend: await convolutionTrainer(),
        config: {
          ...{ seed, architecture: 'conv', convWidth: quick ? 4 : 28, latentDim: 16 },
          ...{ epochs: paperEpochs, batchSize: 64, learningRate: 3e-4 },
          ...{
            learningRateDecay: 'none',
            lossWeights: { task: 1, reconstruction: 1 },
            compat: true,
          },
        },
      },
    ],
    shortened: [
      'Ours is a network of dense layers, whose epochs are chosen for one to two minutes on two cores. The ' +
        'margins of its reconstruction test were chosen with these sets in view (docs/sage.md).',
      `The paper's network is its smaller one (strided convolutions of 28, 56 and 56 channels; \`conv-pool\` is ` +
        `the larger one, without batch normalisation and without unpooling), on ${paperRows} rows and for ` +
        `${paperEpochs} epochs, with 16 latents: the paper's number of latents is not known.`,
      "Performance is that of the model's own head; the paper trained a ResNet beside it.",
      'Flipped digits that are the same or another digit afterwards are left out, as in the paper.',
    ],
    claims: ([ours, paper]) => [
      ...areaClaims(ours, [
        ...(quick ? [] : [['kmnist', 0.99] as const, ['fashion-mnist', 0.99] as const]),
        ...[['hflip', 0.95] as const, ['invert', 0.999] as const],
        ...[['noise-low', 0.999] as const, ['noise-high', 0.999] as const],
      ]),
      tieClaim(ours),
      ...monotoneClaim(ours, 'accuracy'),
      ...monotoneClaim(paper, 'accuracy'),
    ],
  },
  () => [{ train, sets }],
  options,
);
