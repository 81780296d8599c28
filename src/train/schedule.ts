/** How the learning rate falls over a stage of training. */
export type Decay = 'none' | 'linear' | 'cosine';

/**
 * Factor of the learning rate at a step: 1 at the first, towards 0 after the last.
 * linear: 1 - s/S. cosine: (1 + cos(pi s/S)) / 2 (Loshchilov, Hutter, SGDR, 2017, eq. 5, one cycle).
 * @param step 0-based. @param steps Steps of the stage.
 */
export function rateFactor(decay: Decay, step: number, steps: number): number {
  const done = step / steps;
  switch (decay) {
    case 'none':
      return 1;
    case 'linear':
      return 1 - done;
    case 'cosine':
      return (1 + Math.cos(Math.PI * done)) / 2;
  }
}
