import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { UnsupportedError } from '../../errors.js';
import { SETUP_OP } from './library.js';

/** What a binding that works says of itself. */
export interface SelfTest {
  /** TensorFlow's version, as the library reports it. */
  readonly tensorflow: string;
  /** Whether it uses a CUDA device. */
  readonly cuda: boolean;
  /** Milliseconds until the backend was there, and of all checks. */
  readonly loadMs: number;
  readonly checkMs: number;
}

/**
 * Runs in a process of its own: a library that does not fit may end the process. All values are small
 * whole numbers, so results are exact on every device.
 */
const PROGRAM = `
const util = require('node:util');
for (const [name, test] of Object.entries({
  isArray: Array.isArray,
  isNullOrUndefined: (value) => value === null || value === undefined,
})) util[name] ??= test;
const before = performance.now();
const tf = require(process.argv[1]);
const backend = tf.backend();
const loadMs = performance.now() - before;
const read = (tensor) => Array.from(tensor.dataSync());
const a = tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3]);
const image = tf.range(0, 32).reshape([1, 4, 4, 2]);
const filter = tf.range(0, 16).reshape([2, 2, 2, 2]);
const [toImage, toFilter] = tf.grads((x, w) => tf.sum(tf.conv2d(x, w, 1, 'valid')))([image, filter]);
const top = tf.topk(tf.tensor1d([3, 1, 4, 1, 5]), 3);
const values = {
  matMul: read(tf.matMul(a, a, false, true)),
  conv2d: read(tf.conv2d(image, filter, 2, 'valid')),
  toImage: read(toImage),
  toFilter: read(toFilter),
  topk: [...read(top.values), ...read(top.indices)],
};
process.stdout.write('\\n' + JSON.stringify({
  tensorflow: backend.binding.TF_Version,
  cuda: backend.isUsingGpuDevice,
  loadMs,
  checkMs: performance.now() - before - loadMs,
  values,
}));
`;

/** Results of the program by hand: sums over the windows of a 4 x 4 image with two channels. */
export const EXPECTED: Readonly<Record<string, readonly number[]>> = {
  matMul: [14, 32, 32, 77],
  conv2d: [456, 500, 680, 756, 1352, 1524, 1576, 1780],
  toImage: [
    1, 5, 10, 18, 10, 18, 9, 13, 18, 26, 52, 68, 52, 68, 34, 42, 18, 26, 52, 68, 52, 68, 34, 42, 17,
    21, 42, 50, 42, 50, 25, 29,
  ],
  toFilter: [90, 90, 99, 99, 108, 108, 117, 117, 162, 162, 171, 171, 180, 180, 189, 189],
  topk: [5, 4, 3, 4, 2, 0],
};

const run = promisify(execFile);
/** A first use of a CUDA device compiles kernels for it where the library has none. */
const TIMEOUT_MS = 45 * 60 * 1000;

/** Load the package in a process of its own and check what it computes. */
export async function selfTest(packageFolder: string): Promise<SelfTest> {
  let output: string;
  try {
    const { stdout } = await run(process.execPath, ['-e', PROGRAM, packageFolder], {
      env: { TF_CPP_MIN_LOG_LEVEL: '2', ...process.env },
      timeout: TIMEOUT_MS,
      maxBuffer: 2 ** 26,
    });
    output = stdout;
  } catch (error) {
    throw failed(causeOf(error), error);
  }
  const last = output.slice(output.lastIndexOf('\n') + 1);
  // Printed by the program above.
  const { values, ...result } = JSON.parse(last) as SelfTest & {
    readonly values: Readonly<Record<string, readonly number[]>>;
  };
  for (const [name, want] of Object.entries(EXPECTED)) {
    const got = values[name];
    if (got.length !== want.length || got.some((value, i) => value !== want[i])) {
      throw failed(`${name}: [${got.join(', ')}] in place of [${want.join(', ')}]`);
    }
  }
  return result;
}

/** The line that says what went wrong in the child, or the signal that ended it. */
function causeOf(error: unknown): string {
  const { signal, stderr } = error as { readonly signal?: string | null; readonly stderr?: string };
  const lines = (stderr ?? '').split('\n').map((line) => line.trim());
  const said = lines.find((line) =>
    /^(\w*Error\b|.*cannot open shared object|.*undefined symbol)/.test(line),
  );
  return (
    said ?? (signal ? `the process ended by ${signal}` : (lines.find(Boolean) ?? String(error)))
  );
}

function failed(got: string, cause?: unknown): UnsupportedError {
  return new UnsupportedError(
    {
      op: SETUP_OP,
      arg: 'the self-test',
      expected: 'load the binding and compute matMul, conv2d with gradients and topk right',
      got,
      fix: 'Versions that were tried, and errors with their causes: docs/backends.md.',
    },
    cause === undefined ? undefined : { cause },
  );
}
