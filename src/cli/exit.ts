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

/** What an interrupted command says last; what can be continued was named before. */
const INTERRUPTED =
  'interrupted; files and run folders appear under their names only when they are complete';

/** Translate whatever a command threw into an exit code and one line. */
export function endingOf(error: unknown): Ending {
  if (error instanceof CommanderError) {
    // Commander has printed its message; asking for help or the version is no mistake.
    const asked = error.code === 'commander.helpDisplayed' || error.code === 'commander.version';
    return { code: asked ? EXIT.ok : EXIT.badInput };
  }
  if (isAbort(error)) return { code: EXIT.interrupted, line: INTERRUPTED };
  if (error instanceof CheckFailed) return { code: EXIT.failed, line: oneLine(error.message) };
  if (error instanceof LatentError) return { code: EXIT.badInput, line: oneLine(error.message) };
  if (!(error instanceof Error)) return { code: EXIT.failed, line: oneLine(String(error)) };
  const system = error as NodeJS.ErrnoException;
  const rule = system.code === undefined ? undefined : SYSTEM_RULES[system.code];
  if (rule !== undefined) {
    const subject = system.path ?? system.syscall ?? 'a file';
    return { code: EXIT.badInput, line: `${subject} must ${rule}, got ${system.code ?? ''}.` };
  }
  const mend = deviceMend(error);
  if (mend !== undefined) {
    return { code: EXIT.failed, line: `the device failed: ${oneLine(error.message)}. ${mend}` };
  }
  return {
    code: EXIT.failed,
    line: `unexpected failure: ${oneLine(error.message)} (run again with --debug for the stack)`,
  };
}

const GO_ON = 'train and score go on with --resume, also with another --backend.';

/** What mends a failure of the device or of its memory; undefined for other errors. */
function deviceMend({ name, message }: Error): string | undefined {
  // TensorFlow's status 8 is RESOURCE_EXHAUSTED.
  if (/TF_Status: 8\b|OOM when allocating|out[- ]of[- ]memory/i.test(message)) {
    return `Its memory ran out: use smaller batches (--block-rows, --set batchSize=...). ${GO_ON}`;
  }
  if (/\bdevice was lost\b/.test(message)) {
    return `The driver reset it, or another program took it away. ${GO_ON}`;
  }
  if (name === 'DeviceError')
    return `tfjs-latent verify says whether the driver computes right. ${GO_ON}`;
  if (/CUDA_ERROR|failed call to cuInit|CUDNN_STATUS/.test(message)) {
    return `The CUDA driver or its version is at fault: see tfjs-latent doctor and docs/backends.md. ${GO_ON}`;
  }
  return undefined;
}

/** True for the error of an aborted signal. */
export function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ').trim();
}
