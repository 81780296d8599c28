import type { MetricForm, Mode } from './metricForm.js';
import type { KernelCall, OpSpec } from './spec.js';

export interface KnnAttrs {
  readonly form: MetricForm;
  /** Neighbours per query, 1 <= k <= n: the op pads what is above. */
  readonly k: number;
  readonly mode: Mode;
  /**
   * Query row i never returns point i + selfOffset (by index: an equal twin stays a neighbour);
   * undefined excludes nothing.
   */
  readonly selfOffset: number | undefined;
  /**
   * The points will be searched again: a kernel may keep what it derives from them (norms, packed
   * panels), keyed by their dataId, until residency.release is called for it.
   */
  readonly resident: boolean;
}

type KnnInput = 'queries' | 'points';
type KnnOptionalInput = 'queryAux' | 'pointAux' | 'allowed' | 'queryGroups' | 'pointGroups';

/** One call of a kernel of {@link knnSpec}. */
export type KnnCall<Backend> = KernelCall<KnnInput, KnnAttrs, Backend, KnnOptionalInput>;

/**
 * Inputs: queries [B, q, d] and points [B, n, d], float32; for forms with scalars per row also
 * queryAux [B, q, aux] and pointAux [B, n, aux], float32.
 * allowed [B or 1, q or 1, ceil(n / 16)], int32: bit j % 16 of word floor(j / 16) says whether point j
 * may be returned. queryGroups [B, q] and pointGroups [B, n], int32 (both or neither): only points of
 * the query's own group may be.
 * Outputs: distances [B, q, k] float32 and indices [B, q, k] int32.
 *
 * Order is total: by distance (similarities descending), then lower index. A NaN distance is never
 * returned; slots that stay empty hold index -1 and distance +Infinity (similarities -Infinity).
 *
 * Modes. exact: every returned distance is the float64 distance rounded to float32, and the order is
 * that of these float32 values, so it is the same on all backends (forms that are not algebraic: on
 * webgpu by its own float32 value). direct: float32 differences, ranked before any root.
 * fast: may expand |x|^2 + |y|^2 - 2 x.y (moved to the mean of the points, never negative).
 */
export const knnSpec: OpSpec<KnnInput, KnnAttrs, KnnOptionalInput> = {
  op: 'knn',
  kernelName: 'LatentKnn',
  inputs: ['queries', 'points'],
  optional: ['queryAux', 'pointAux', 'allowed', 'queryGroups', 'pointGroups'],
  infer: ({ queries }, { k }) => [
    { shape: [queries[0], queries[1], k], dtype: 'float32' },
    { shape: [queries[0], queries[1], k], dtype: 'int32' },
  ],
};
