import { setupTensorflow } from '../backends/tensorflowSetup/index.js';
import type { SetupOptions } from '../backends/tensorflowSetup/index.js';
import { DomainError } from '../errors.js';
import type { CommandContext } from './context.js';
import { formatSeconds } from './terminal.js';

/** Backends that need setting up, by how. */
const SETUPS: Readonly<Record<string, typeof setupTensorflow>> = { tensorflow: setupTensorflow };

/** `setup <backend>`: build what an install script could not. */
export async function setup(
  backend: string,
  options: SetupOptions,
  { terminal }: CommandContext,
): Promise<void> {
  if (!Object.hasOwn(SETUPS, backend)) {
    throw new DomainError({
      op: 'setup',
      arg: '<backend>',
      expected: `be ${Object.keys(SETUPS).join(' or ')}`,
      got: JSON.stringify(backend),
      fix: 'The other backends need no setting up: tfjs-latent doctor says what they lack.',
    });
  }
  const report = await SETUPS[backend](options, (text) => terminal.say(text));
  if (terminal.json) {
    terminal.print(JSON.stringify(report, null, 2));
    return;
  }
  const { test } = report;
  terminal.print(
    `${backend} works: ${report.package}, TensorFlow ${test.tensorflow}, ` +
      `${test.cuda ? 'CUDA' : 'CPU'} (loaded in ${formatSeconds(test.loadMs / 1000)}, ` +
      `tested in ${formatSeconds(test.checkMs / 1000)})`,
  );
}
