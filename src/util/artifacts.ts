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
