import { DataError } from '../errors.js';

/** JSON values, as config files hold them. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** A named array of a saved model. */
export interface SavedArray {
  readonly dtype: 'float32' | 'int32' | 'float64';
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array | Float64Array;
}

/** Everything that a fitted model needs to come back: plain JSON and named arrays. */
export interface Artifacts {
  /** Registered model name, e.g. "sage"; not a class name, so it survives minification. */
  readonly model: string;
  /** Version of the model's format; a loader refuses versions that it does not know. */
  readonly formatVersion: number;
  /** Hyper-parameters and fitted scalars. */
  readonly config: { readonly [key: string]: Json };
  readonly arrays: { readonly [name: string]: SavedArray };
}

/**
 * Check that saved artifacts are those of a model, in a format that this version reads.
 * @param formats What it reads, the newest last.
 * @param again How to make them anew, such as "fit the scorer again".
 * @throws DataError naming both formats and what to do.
 */
export function checkFormat(
  op: string,
  { model, formatVersion }: Pick<Artifacts, 'model' | 'formatVersion'>,
  wanted: string,
  formats: number | readonly number[],
  again: string,
): void {
  const known = [formats].flat();
  if (model !== wanted) {
    throw new DataError({ op, arg: 'model', expected: `be '${wanted}'`, got: `'${model}'` });
  }
  if (known.includes(formatVersion)) return;
  const format = known[known.length - 1];
  const readable = known.join(' or ');
  const [writer, mend] =
    formatVersion < format
      ? ['An older', `${again} and save it, or load it with the version that wrote it`]
      : ['A newer', `install the version that wrote it, or ${again} and save it`];
  throw new DataError({
    op,
    arg: 'formatVersion',
    expected: `be ${readable}`,
    got: String(formatVersion),
    fix: `${writer} version of this package wrote format ${formatVersion}, this one reads format ${readable}: ${mend}.`,
  });
}
