import { Option } from 'commander';
import type { Command } from 'commander';
import { SPECS_HELP, action, add, backendOption, dataDirOption } from './commandSetup.js';
import { conditionOption } from './condition.js';
import type { RowStreamOptions } from './rowStream.js';
import { integerFrom } from './settings.js';
import type { Streams } from './terminal.js';

/** A command that turns rows into rows with a saved model, with the options that all of these have. */
export function addRowCommand(
  program: Command,
  streams: Streams,
  name: string,
  description: string,
): Command {
  return add(program, streams, name, description)
    .argument('<run>', 'run folder written by train or demo')
    .requiredOption('--input <spec>', 'rows to read; "-" reads stdin')
    .requiredOption('--output <file>', 'file to write; "-" is stdout')
    .addOption(conditionOption())
    .addOption(
      new Option('--format <name>', 'default: by the name of --output, else csv').choices([
        'csv',
        'ndjson',
        'npy',
        'parquet',
      ]),
    )
    .addOption(
      new Option('--on-error <what>', 'what a row with a value that is no finite number does')
        .choices(['fail', 'skip'])
        .default('fail'),
    )
    .option('--block-rows <n>', 'rows read and computed at a time', integerFrom(1), 4096)
    .option('--resume', 'go on after the rows that an interrupted run left in <output>.part')
    .addOption(backendOption())
    .addOption(dataDirOption());
}

const SKIPPED = `With --on-error skip bad rows are left out and counted; row still is the number in the input, from 0.
In npy they are rows of NaN.`;

/** `encode` and `reconstruct`. */
export function addEncode(program: Command, streams: Streams): void {
  addRowCommand(program, streams, 'encode', 'latents of rows, by any trained model')
    .addHelpText(
      'after',
      `
Columns: row (not in npy), z0, z1, ... up to latentDim - 1. ${SKIPPED}

Examples:
  tfjs-latent encode runs/lv --input mnist:test --output latents.npy
  tfjs-latent encode runs/arm --input moves.npy --condition states.npy --output latents.npy
  tfjs-latent encode runs/lv --input - --output - --format ndjson < rows.csv
${SPECS_HELP}`,
    )
    .action(
      action(streams, async ([run], options, context) => {
        const { encode } = await import('./encode.js');
        await encode(run, options as RowStreamOptions, context);
      }),
    );
  addRowCommand(program, streams, 'reconstruct', 'rows encoded and decoded, by any trained model')
    .addHelpText(
      'after',
      `
Columns: row (not in npy), x0, x1, ...: the values of a row in the order and scale of the input. The rows
of an npy file are flat, so images are read back with #shape=28x28x1. ${SKIPPED}

Examples:
  tfjs-latent reconstruct runs/lv --input mnist:test --output made.npy
  tfjs-latent reconstruct runs/lv --input rows.csv --output made.parquet
${SPECS_HELP}`,
    )
    .action(
      action(streams, async ([run], options, context) => {
        const { reconstruct } = await import('./encode.js');
        await reconstruct(run, options as RowStreamOptions, context);
      }),
    );
}
