import * as tf from '@tensorflow/tfjs';
import type { KernelConfig } from '@tensorflow/tfjs';

/** Marks our kernels, so that a second copy of this module does not stack on the first. */
const OURS = Symbol.for('tfjs-latent.override');
type OverridingKernel = KernelConfig & { readonly [OURS]?: true };

/**
 * Put a kernel of ours over tfjs's on a backend. The set-up that tfjs runs at the start of the
 * backend stays theirs.
 * @param make Gets tfjs's kernel, for what ours does not cover or does slower.
 */
export function overrideKernel(
  backend: string,
  kernelName: string,
  make: (theirs: KernelConfig) => KernelConfig['kernelFunc'],
): void {
  const theirs: OverridingKernel = tf.getKernel(kernelName, backend);
  if (theirs[OURS] === true) return;
  const ours: OverridingKernel = { ...theirs, [OURS]: true, kernelFunc: make(theirs) };
  tf.unregisterKernel(kernelName, backend);
  tf.registerKernel(ours);
}

/** Register a kernel unless tfjs has come to have one. */
export function addKernel(config: KernelConfig): void {
  const found = tf.getKernel(config.kernelName, config.backendName) as KernelConfig | undefined;
  if (found === undefined) tf.registerKernel(config);
}

type Side = 'ours' | 'theirs';

/** Which of two kernels of one name runs, where that is asked for: for benches and tests. */
export class SideChoice {
  #forced: Side | undefined;

  /** The one that is asked for; undefined: whichever is faster. */
  get forced(): Side | undefined {
    return this.#forced;
  }

  /** Run `body` with one of the two whatever the size. */
  during<T>(side: Side, body: () => T): T {
    const before = this.#forced;
    this.#forced = side;
    try {
      return body();
    } finally {
      this.#forced = before;
    }
  }

  /** {@link during} for work that is awaited; nothing else may run meanwhile. */
  async duringAsync<T>(side: Side, body: () => Promise<T>): Promise<T> {
    const before = this.#forced;
    this.#forced = side;
    try {
      return await body();
    } finally {
      this.#forced = before;
    }
  }
}
