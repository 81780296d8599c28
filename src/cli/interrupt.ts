import { EXIT } from './exit.js';
import type { Terminal } from './terminal.js';

/**
 * Run a command with a signal that Ctrl-C (or a plain kill) aborts. The command ends in order: it
 * removes its temporary files, and nothing incomplete appears under a final name. A second Ctrl-C ends
 * the process at once.
 */
export async function withInterrupt<T>(
  terminal: Terminal,
  body: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const onSignal = (): void => {
    // Asked twice: whoever asks twice does not want to wait.
    if (controller.signal.aborted) process.exit(EXIT.interrupted);
    terminal.warn('interrupted: ending in order (Ctrl-C again ends at once)');
    controller.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  try {
    return await body(controller.signal);
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}
