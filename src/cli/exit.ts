import { CommanderError } from 'commander';
import { LatentError } from '../errors.js';

/** Exit codes of the command line. */
export const EXIT = { ok: 0, failed: 1, badInput: 2, interrupted: 130 } as const;

/** A check that the user asked for did not hold: exit code 1. */
export class CheckFailed extends Error {
  override readonly name = 'CheckFailed';
}

/** How the process ends: its exit code and the line for stderr, if any. */
export interface Ending {
  readonly code: number;
  readonly line?: string;
}

/** Causes of failed system calls, as a rule that the file must satisfy. */
const SYSTEM_RULES: Readonly<Record<string, string>> = {
  ENOSPC: 'have room left on its disk',
  EDQUOT: 'fit the disk quota',
  EROFS: 'be on a writable disk',
  EACCES: 'be accessible to this user',
  EPERM: 'be accessible to this user',
  ENOENT: 'exist',
  EISDIR: 'be a file',
  ENOTDIR: 'lie in a folder',
  EEXIST: 'not exist yet',
  EMFILE: 'be opened within the limit of open files',
};

/** What is kept of a command that was interrupted. */
const NOTHING_WRITTEN =
  'interrupted; no file was written, as files and run folders appear only when they are complete';

/** Translate whatever a command threw into an exit code and one line. */
export function endingOf(error: unknown): Ending {
  if (error instanceof CommanderError) {
    // Commander has printed its message; asking for help or the version is no mistake.
    const asked = error.code === 'commander.helpDisplayed' || error.code === 'commander.version';
    return { code: asked ? EXIT.ok : EXIT.badInput };
  }
  if (isAbort(error)) return { code: EXIT.interrupted, line: NOTHING_WRITTEN };
  if (error instanceof CheckFailed) return { code: EXIT.failed, line: oneLine(error.message) };
  if (error instanceof LatentError) return { code: EXIT.badInput, line: oneLine(error.message) };
  if (!(error instanceof Error)) return { code: EXIT.failed, line: oneLine(String(error)) };
  const system = error as NodeJS.ErrnoException;
  const rule = system.code === undefined ? undefined : SYSTEM_RULES[system.code];
  if (rule !== undefined) {
    const subject = system.path ?? system.syscall ?? 'a file';
    return { code: EXIT.badInput, line: `${subject} must ${rule}, got ${system.code ?? ''}.` };
  }
  return {
    code: EXIT.failed,
    line: `unexpected failure: ${oneLine(error.message)} (run again with --debug for the stack)`,
  };
}

/** True for the error of an aborted signal. */
export function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ').trim();
}
