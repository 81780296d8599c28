import { DataError, LatentError, MissingDataError } from '../errors.js';

/** Causes of failed system calls, as the rule that the file must satisfy and how to mend it. */
const RULES: Readonly<Record<string, { readonly rule: string; readonly fix: string }>> = {
  ENOENT: { rule: 'exist', fix: 'Check the path.' },
  EACCES: { rule: 'be accessible to this user', fix: 'Check the permissions.' },
  EPERM: { rule: 'be accessible to this user', fix: 'Check the permissions.' },
  EROFS: { rule: 'be on a writable disk', fix: 'Choose another folder.' },
  ENOSPC: { rule: 'have room left on its disk', fix: 'Free some space or choose another disk.' },
  EDQUOT: { rule: 'fit the disk quota', fix: 'Free some space or choose another disk.' },
  EFBIG: { rule: 'fit the largest file of its disk', fix: 'Choose another disk.' },
  EISDIR: { rule: 'be a file', fix: 'Name a file, not a folder.' },
  ENOTDIR: { rule: 'lie in a folder', fix: 'A part of its path is a file.' },
  ENOTEMPTY: { rule: 'be free to be replaced', fix: 'Another process wrote there.' },
  EEXIST: { rule: 'be free to be replaced', fix: 'Another process wrote there.' },
  EBUSY: {
    rule: 'be free to be replaced',
    fix: 'Another process uses it, or it is a mount point.',
  },
  EXDEV: { rule: 'lie on one disk', fix: 'It is a mount point; name a folder inside it.' },
  EMFILE: { rule: 'be opened within the limit of open files', fix: 'Close some files.' },
  ENAMETOOLONG: { rule: 'have a shorter name', fix: 'Choose a shorter path.' },
  ESPIPE: { rule: 'be a regular file, written twice at its start', fix: 'Name a file or use csv.' },
  EIO: { rule: 'be on a disk that works', fix: 'The disk reported a fault.' },
};

/** The code of a failed system call, e.g. "ENOENT"; undefined for any other error. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === 'string' ? code : undefined;
}

/**
 * A failed system call as a DataError that names the path, the rule and the system's message; any
 * other error (ours, an abort, a defect) is returned as it is.
 */
export function asDataError(op: string, path: string, error: unknown): unknown {
  if (error instanceof LatentError) return error;
  const code = systemCode(error);
  const known = code === undefined ? undefined : RULES[code];
  if (known === undefined) return error;
  const got = error instanceof Error ? error.message : String(error);
  const fields = { op, arg: path, expected: known.rule, got, fix: known.fix };
  if (code === 'ENOENT') return new MissingDataError(fields, { cause: error });
  return new DataError(fields, { cause: error });
}

/** Run an action on a file; failed system calls become DataErrors naming it. */
export async function withFileErrors<T>(
  op: string,
  path: string,
  action: () => Promise<T>,
): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw asDataError(op, path, error);
  }
}
