import { Option } from 'commander';
import type { Command } from 'commander';
import {
  SPECS_HELP,
  action,
  add,
  backendOption,
  dataDirOption,
  seedOption,
} from './commandSetup.js';
import type { EvalOodOptions } from './evalOod.js';
import { integerFrom } from './settings.js';
import type { Streams } from './terminal.js';

const HELP = `
Compares every score that the runs can feed: SAGE's own (sage, and its three parts) and all scorers of the
package, fitted on the rows that the run was trained on. Each file is read once, in blocks, and each row goes
through the network once, whatever the number of scores. Several runs (seeds of one setting) give mean and
standard deviation.

A run that was trained on mnist has --id mnist:test and, when no set is named,
  --near kmnist:test fashion-mnist:test
  --far cifar10:test@grey@28x28 noise:uniform noise:gaussian
  --shifted mnist:test@invert mnist:test@hflip ... (the eight deformations)

Scorers of features alone get the latents (--features); those that use logits or the last layer as well get
what that layer takes. One that cannot be fed is left out, with the reason. noise:uniform and noise:gaussian
have as many rows as the ID set. --output holds every measure of every set.

Examples:
  tfjs-latent eval ood runs/mnist
  tfjs-latent eval ood runs/s1 runs/s2 runs/s3 --skip-missing --output table.md
  tfjs-latent eval ood runs/rings --id test.csv#target=Rings --ood other.csv#target=Rings
  tfjs-latent --json eval ood runs/mnist --id mnist:test --far noise:uniform --score-rows 1000
`;

/** `eval ood`. */
export function addEval(program: Command, streams: Streams): void {
  const evaluate = add(program, streams, 'eval', 'measure a trained model');
  add(
    evaluate,
    streams,
    'ood',
    'how well scores tell strange rows from rows like the training data',
  )
    .argument('<runs...>', 'run folders written by train or demo')
    .option('--id <spec>', 'rows like the training data, not trained on; their accuracy is told')
    .option('--near <specs...>', 'sets that are hard to tell from it')
    .option('--far <specs...>', 'sets that are easy to tell from it')
    .option('--shifted <specs...>', 'sets of the same classes that look different')
    .option('--ood <specs...>', 'sets of no stated distance')
    .option('--bank <spec>', 'rows to fit the scorers on; default: those of the training')
    .option('--bank-rows <n>', 'fit the scorers on the first n of these', integerFrom(1))
    .option('--score-rows <n>', 'score only the first n rows of each file', integerFrom(1))
    .addOption(
      new Option('--features <name>', 'what scorers of features alone get')
        .choices(['latents', 'penultimate'])
        .default('latents'),
    )
    .option('--skip-missing', 'leave sets out that are not there, and say so')
    .option('--output <file>', 'table to write: .md, .csv or .json')
    .option('--block-rows <n>', 'rows read and scored at a time', integerFrom(1), 2048)
    .addOption(seedOption())
    .addOption(backendOption())
    .addOption(dataDirOption())
    .addHelpText('after', `${HELP}${SPECS_HELP}`)
    .action(
      action(streams, async (runs, options, context) => {
        const { evalOod } = await import('./evalOod.js');
        await evalOod(runs, options as EvalOodOptions, context);
      }),
    );
}
