import { stat } from 'node:fs/promises';
import { DataError } from '../errors.js';

/**
 * Find out before anything is written whether the output would replace the file that it is made from.
 * @param spec A data spec: a file's path, maybe with `#settings` (which may name further files) and `@steps`.
 * @throws DataError when it names the same file as the output, by whichever path.
 */
export async function checkOutputIsNotInput(
  op: string,
  output: string,
  spec: string,
): Promise<void> {
  const target = await identityOf(output);
  if (target === undefined) return;
  for (const path of pathsIn(spec)) {
    if ((await identityOf(path)) !== target) continue;
    throw new DataError({
      op,
      arg: '--output',
      expected: 'be another file than the input, which it would replace',
      got: output,
    });
  }
}

/** Everything in a spec that may be a path: names of files may hold # and @ themselves. */
function pathsIn(spec: string): string[] {
  const pieces = spec.split(/[#@]/);
  const heads = pieces.map((_, i) => spec.slice(0, pieces.slice(0, i + 1).join('#').length));
  const named = pieces.map((piece) => piece.slice(piece.indexOf('=') + 1));
  return [...heads, ...named].filter((path) => path !== '');
}

/** Device and number of a plain file; undefined for anything else. */
async function identityOf(path: string): Promise<string | undefined> {
  try {
    const found = await stat(path, { bigint: true });
    return found.isFile() ? `${found.dev}:${found.ino}` : undefined;
  } catch {
    // Not there: it can't be replaced.
    return undefined;
  }
}
