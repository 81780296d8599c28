import type { Rng } from '../util/rng.js';

/** Ways to draw the first weights of a layer. */
export type Initialiser = 'he' | 'glorot' | 'zeros';

/**
 * First weights of a layer, drawn on the host so that one seed gives the same bits on every backend.
 * - `he`: uniform on +-sqrt(6 / fanIn) (He et al., Delving Deep into Rectifiers, 2015, eq. 10 in its
 *   uniform form), before a rectifier;
 * - `glorot`: uniform on +-sqrt(6 / (fanIn + fanOut)) (Glorot, Bengio, 2010, eq. 16), before a linear map;
 * - `zeros`: biases.
 */
export function initialValues(
  kind: Initialiser,
  size: number,
  { fanIn, fanOut }: { readonly fanIn: number; readonly fanOut: number },
  rng: Rng,
): Float32Array {
  const values = new Float32Array(size);
  if (kind === 'zeros') return values;
  const limit = Math.sqrt(6 / (kind === 'he' ? fanIn : fanIn + fanOut));
  for (let i = 0; i < size; i++) values[i] = (2 * rng.uniform() - 1) * limit;
  return values;
}
