import type { Command } from 'commander';
import { Option } from 'commander';
import { BACKENDS } from '../specs/capabilities.js';
import type { CommandContext } from './context.js';
import { withInterrupt } from './interrupt.js';
import { integerFrom } from './settings.js';
import { Terminal } from './terminal.js';
import type { Streams } from './terminal.js';

export interface GlobalOptions {
  readonly quiet?: boolean;
  readonly json?: boolean;
  readonly debug?: boolean;
}

export const SPECS_HELP = `
Data specs:
  mnist, fashion-mnist, kmnist, cifar10 (each also with :test), abalone
  file.npy, file.csv#target=Name (also .tsv, .ndjson, .parquet), a named pipe, - (stdin, CSV),
  images-idx3-ubyte.gz#labels=labels-idx1-ubyte.gz; further settings: #task=regression, #labels=file,
  #targets=file, #shape=28x28x1, #scale=255, #format=npy (csv, ndjson, parquet, idx)
  After any of these, steps that change images, in the order of writing: mnist:test@hflip,
  cifar10:test@grey@28x28 (invert, hflip, vflip, blur, elastic-low, elastic-high, noise-low, noise-high,
  grey, height x width). Flips of mnist leave out the digits that are still digits.
  noise:uniform and noise:gaussian, with #shape=28x28x1#rows=1000
  Data sets are looked for in --data-dir, in the folder TFJS_LATENT_DATA, in a cache folder and in an
  installed package, and then downloaded.
`;

/** Settings that every command shares: our streams, errors as exceptions, one line per error. */
export function setUp(command: Command, streams: Streams): void {
  command
    .exitOverride()
    .showSuggestionAfterError(true)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => void streams.stdout.write(text),
      writeErr: (text) => void streams.stderr.write(text),
      outputError: (text, write) => write(`${text.trim().replace(/\s*\n\s*/g, ' ')}\n`),
    });
}

export function add(
  program: Command,
  streams: Streams,
  name: string,
  description: string,
): Command {
  const command = program.command(name).description(description);
  setUp(command, streams);
  return command;
}

/** Wrap a command's function as a commander action, which gets positional arguments, then options. */
export function action(
  streams: Streams,
  run: (positional: readonly string[], options: object, context: CommandContext) => Promise<void>,
): (...args: unknown[]) => Promise<void> {
  return async (...args) => {
    const command = args[args.length - 1] as Command;
    const terminal = new Terminal(streams, command.optsWithGlobals<GlobalOptions>());
    await withInterrupt(terminal, (signal) =>
      run(command.args, command.opts(), { terminal, signal }),
    );
  };
}

export function backendOption(): Option {
  return new Option('--backend <name>', `${BACKENDS.join(', ')}; default: the best one here`);
}

export function dataDirOption(): Option {
  return new Option('--data-dir <dir>', 'folder with data sets');
}

export function seedOption(): Option {
  return new Option('--seed <n>', 'seed of everything random').argParser(integerFrom(0)).default(0);
}

export function epochsOption(): Option {
  return new Option('--epochs <n>', 'passes over the training data').argParser(integerFrom(1));
}
