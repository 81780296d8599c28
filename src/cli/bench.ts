import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { UnsupportedError } from '../errors.js';
import { EXIT } from './exit.js';

/** Where the benchmark program stands: beside a bundle, in a built package, in the sources. */
const PLACES = ['./bench/run.js', '../bench/run.js', '../../bench/run.ts'] as const;

/**
 * `bench`: runs the benchmark program in a process of its own, whose memory and threads are its alone.
 * @returns Its exit code, which has the meaning of ours.
 */
export async function bench(args: readonly string[], signal: AbortSignal): Promise<number> {
  const program = PLACES.map((place) => fileURLToPath(new URL(place, import.meta.url))).find(
    (file) => existsSync(file),
  );
  if (program === undefined) {
    throw new UnsupportedError({
      op: 'bench',
      arg: 'the benchmark program',
      expected: 'be part of the package',
      got: 'a build without it',
      fix: 'Run: npm run build.',
    });
  }
  const code = await new Promise<number | null>((done, fail) => {
    const child = spawn(process.execPath, [...process.execArgv, program, ...args], {
      stdio: 'inherit',
    });
    // Ctrl-C in a terminal reaches the child too; another kill of ours does not.
    signal.addEventListener('abort', () => child.kill('SIGINT'), { once: true });
    child.on('error', fail);
    child.on('exit', done);
  });
  signal.throwIfAborted();
  return code ?? EXIT.failed;
}
