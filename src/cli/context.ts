import type { Terminal } from './terminal.js';

/** What a command gets besides its own options. */
export interface CommandContext {
  readonly terminal: Terminal;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}
