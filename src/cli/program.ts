import { Command, Option } from 'commander';
import {
  SPECS_HELP,
  action,
  add,
  backendOption,
  dataDirOption,
  epochsOption,
  seedOption,
  setUp,
} from './commandSetup.js';
import type { GlobalOptions } from './commandSetup.js';
import type { DemoOptions } from './demo.js';
import { conditionOption } from './condition.js';
import { EXIT, endingOf } from './exit.js';
import { addEmbed } from './embedProgram.js';
import { addEval } from './evalProgram.js';
import { addKnn } from './knnProgram.js';
import { MODEL_NAMES } from './modelNames.js';
import { addEncode, addRowCommand } from './rowsProgram.js';
import type { RowStreamOptions } from './rowStream.js';
import { collect, integerFrom, shareOf } from './settings.js';
import { withInterrupt } from './interrupt.js';
import { Terminal } from './terminal.js';
import type { Streams } from './terminal.js';
import type { TrainOptions } from './train.js';
import { packageVersion } from './version.js';

const EXIT_HELP = `
Exit codes: 0 ok, 1 a check failed, 2 wrong usage or bad input, 130 interrupted.
`;

/**
 * Run the command line.
 * @param args Arguments after the program's name.
 * @param streams Where to read and print; the process itself fits.
 * @returns The exit code; the caller ends the process.
 */
export async function runCli(args: readonly string[], streams: Streams): Promise<number> {
  const program = buildProgram(streams);
  try {
    // Its options are the benchmark program's own; some have names of ours.
    if (args[0] === 'bench' && !args.includes('--help') && !args.includes('-h')) {
      const { bench } = await import('./bench.js');
      return await withInterrupt(new Terminal(streams), (signal) => bench(args.slice(1), signal));
    }
    await program.parseAsync(args, { from: 'user' });
    return EXIT.ok;
  } catch (error) {
    const { code, line } = endingOf(error);
    const debug = program.opts<GlobalOptions>().debug === true;
    if (debug && error instanceof Error) streams.stderr.write(`${error.stack ?? error.message}\n`);
    else if (line !== undefined) streams.stderr.write(`error: ${line}\n`);
    return code;
  }
}

/** The commands with their options; a command's own module is loaded when it runs. */
export function buildProgram(streams: Streams): Command {
  const program = new Command('tfjs-latent')
    .description('Latent-space engine on TensorFlow.js: train, score, search, see what runs here.')
    .version(packageVersion())
    .option('--quiet', 'print only results and errors')
    .option('--json', 'print the result as one JSON object')
    .option('--debug', 'print the stack of an error')
    .addHelpText('after', EXIT_HELP);
  setUp(program, streams);
  addDemo(program, streams);
  addTrain(program, streams);
  addScore(program, streams);
  addEncode(program, streams);
  addKnn(program, streams);
  addEmbed(program, streams);
  addEval(program, streams);
  addDoctor(program, streams);
  addSetup(program, streams);
  addVerify(program, streams);
  addBench(program, streams);
  return program;
}

function addDemo(program: Command, streams: Streams): void {
  add(program, streams, 'demo', 'train SAGE on MNIST, then score test digits and strange images')
    .option('--ood <spec>', 'one more set to score; repeatable', collect)
    .option('--out <dir>', 'run folder to write; an earlier demo there is replaced', 'runs/demo')
    .addOption(epochsOption())
    .addOption(seedOption())
    .addOption(backendOption())
    .addOption(dataDirOption())
    .option('--train-rows <n>', 'use only the first n training digits', integerFrom(100))
    .option('--score-rows <n>', 'score only the first n rows of each set', integerFrom(10))
    .addHelpText(
      'after',
      `
Examples:
  tfjs-latent demo
  tfjs-latent demo --ood kmnist:test --ood fashion-mnist:test --data-dir data
  tfjs-latent demo --train-rows 5000 --score-rows 1000 --epochs 2     a quick look
${SPECS_HELP}`,
    )
    .action(
      action(streams, async (_, options, context) => {
        const { demo } = await import('./demo.js');
        await demo(options as DemoOptions, context);
      }),
    );
}

function addTrain(program: Command, streams: Streams): void {
  add(program, streams, 'train', 'train a model and write a run folder')
    .argument('<model>', 'see below')
    .requiredOption('--data <spec>', 'training data; sage and supervised need targets')
    .requiredOption('--out <dir>', 'run folder to write')
    .addOption(conditionOption())
    .option('--config <file>', 'JSON file with settings of the model, or the config.json of a run')
    .option('--set <key=value>', 'one setting; the value is JSON or text; repeatable', collect)
    .addOption(epochsOption())
    .addOption(new Option('--seed <n>', 'seed of everything random').argParser(integerFrom(0)))
    .addOption(backendOption())
    .addOption(dataDirOption())
    .option('--held-out <share>', 'rows not trained on, of autoencoders; default: 0.1', shareOf)
    .option('--overwrite', 'replace a run folder that exists')
    .option('--resume', 'go on with the run that was interrupted here; also on another backend')
    .option('--checkpoint-seconds <n>', 'at least so long between checkpoints', integerFrom(0), 30)
    .addHelpText(
      'after',
      `
Models: ${MODEL_NAMES.join(', ')}
  All but sage are autoencoders; docs/autoencoders.md says which one when, and their settings.

While it trains, and on Ctrl-C, the run is kept in <out>.checkpoint, which goes when it is complete.
--seed and --epochs win over --set, --set wins over --config; of the same setting the last one counts.

Examples:
  tfjs-latent train sage --data mnist --out runs/mnist
  tfjs-latent train sage --data rings.csv#target=Rings --out runs/rings --set task=regression
  tfjs-latent train least-volume --data mnist --out runs/lv --set latentDim=32 --set lambda=0.003
  tfjs-latent train conditional --data moves.npy --condition states.npy --out runs/arm
  tfjs-latent train conditional --data mnist --condition labels --out runs/style
${SPECS_HELP}`,
    )
    .action(
      action(streams, async ([model], options, context) => {
        const { train } = await import('./train.js');
        await train(model, options as TrainOptions, context);
      }),
    );
}

function addScore(program: Command, streams: Streams): void {
  addRowCommand(program, streams, 'score', 'score rows with a trained model, in constant memory')
    .addHelpText(
      'after',
      `
Columns of sage: row (not in npy), score, distance, reconstruction, task, prediction. The scores lie in
[0, 1] and high = like the training data; score is the ensemble (geometric mean) of the other three.
prediction is the class, or the value in the unit of the targets. Autoencoders: row, error, the mean
squared error of the reconstruction in the scale of the network's input; high = unlike the training data.
With --on-error skip bad rows are left
out and counted; row still is the number in the input, from 0. In npy they are rows of NaN.

Examples:
  tfjs-latent score runs/mnist --input mnist:test --output scores.csv
  tfjs-latent score runs/rings --input rows.parquet#target=Rings --output scores.parquet
  tfjs-latent score runs/rings --input - --output - < rows.csv
${SPECS_HELP}`,
    )
    .action(
      action(streams, async ([run], options, context) => {
        const { score } = await import('./score.js');
        await score(run, options as RowStreamOptions, context);
      }),
    );
}

function addBench(program: Command, streams: Streams): void {
  add(program, streams, 'bench', 'speed of our ops against peers and the device, in one run')
    .argument('[suites...]', 'knn, distance, train, score and others; default: all')
    .addHelpText(
      'after',
      `
  --full             the whole grid; default: a selection that takes a minute or two a backend
  --backends <list>  default: all that run here
  --threads <n>      of our wasm kernels and of peers on the CPU
  --case <text>      only cases whose name contains it
  --budget <s>       seconds that one run of a subject may take
  --python <exe>     a Python with numpy, scikit-learn, faiss-cpu (and torch on CUDA): peers
  --json <file>      keep all figures

Results are checked against float64 before anything is timed.

Examples:
  tfjs-latent bench knn
  tfjs-latent bench distance --backends webgpu --full --json gpu.json
`,
    );
}

function addSetup(program: Command, streams: Streams): void {
  add(program, streams, 'setup', 'make a backend work that its package alone does not')
    .argument('<backend>', 'tensorflow')
    .option('--python <exe>', 'a Python with the package tensorflow, whose library is used')
    .option('--lib <dir>', 'a folder with libtensorflow and its headers')
    .option('--force', 'build the binding although there is one that works')
    .addHelpText(
      'after',
      `
Builds the binding of @tensorflow/tfjs-node(-gpu) from the sources in the npm package, against the
libtensorflow inside a Python wheel, and tests it. Needs Linux and a C++ compiler. A binding that works
already is left as it is.

Examples:
  npm install --ignore-scripts @tensorflow/tfjs-node
  python3 -m venv .venv && .venv/bin/pip install tensorflow-cpu      CPU
  .venv/bin/pip install "tensorflow[and-cuda]"                       CUDA, Linux with a current driver
  tfjs-latent setup tensorflow --python .venv/bin/python
`,
    )
    .action(
      action(streams, async ([backend], options, context) => {
        const { setup } = await import('./setup.js');
        await setup(backend, options, context);
      }),
    );
}

function addDoctor(program: Command, streams: Streams): void {
  add(program, streams, 'doctor', 'what runs here, what does not, why, and what mends it')
    .option('--require <names>', 'fail (exit code 1) unless these backends run, e.g. wasm,webgpu')
    .addHelpText(
      'after',
      `
Examples:
  tfjs-latent doctor
  tfjs-latent doctor --json
  tfjs-latent doctor --require wasm,webgpu
`,
    )
    .action(
      action(streams, async (_, options, context) => {
        const { doctor } = await import('./doctor.js');
        await doctor(options, context);
      }),
    );
}

function addVerify(program: Command, streams: Streams): void {
  add(program, streams, 'verify', 'every op on every backend here against a float64 oracle')
    .argument('[report]', 'file for the report as JSON')
    .option('--backends <names>', 'e.g. cpu,wasm; default: all that run here')
    .option('--ops <names>', 'e.g. knn,rowDistance; default: all')
    .option('--case <text>', 'only cases whose name contains this')
    .option('--quick', 'a selection that takes seconds')
    .addHelpText(
      'after',
      `
Prints for every op, backend, form and case: the largest error in float32 ulp and relative, the bound
(ulp, and s for the magnitude that cancels), neighbours with another index than the oracle's, elements
with other bits than the first backend's, milliseconds. Exit code 1 when anything is out of bound.
With --json the report is one JSON object: in the file that is named, else on stdout.

Examples:
  tfjs-latent verify --quick
  tfjs-latent verify --backends cpu,wasm --ops knn
  tfjs-latent verify --json verify.json
`,
    )
    .action(
      action(streams, async ([report], options, context) => {
        const { verify } = await import('./verify.js');
        await verify(report, options, context);
      }),
    );
}
