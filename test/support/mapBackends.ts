import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { startBackend } from '../../src/backends/start.js';
import { withComposedForms } from '../../src/ops/dispatch.js';
import { CAPABILITIES } from '../../src/specs/capabilities.js';
import { TOLERANCES } from './tolerances.js';
import type { Tolerance } from './tolerances.js';

/** What tests of maps of rows need to know of where they run. */
export interface MapContext {
  readonly backend: string;
  /** Call ops inside: it selects the form. */
  readonly run: <T>(body: () => T) => T;
  /** Of one map against the reference. */
  readonly tolerance: Tolerance;
  /** Whether every operation is a separate pass over tensors on a slow device. */
  readonly isSlow: boolean;
}

/** Whether results are float64 rounded once. */
function isExact(backend: string, isComposed: boolean): boolean {
  if (isComposed || backend === 'webgpu') return false;
  const row = CAPABILITIES.find((entry) => entry.op === 'rowMap' && entry.backend === backend);
  return backend === 'cpu' || row?.state === 'kernel';
}

/**
 * Declare tests of maps of rows once and run them on every backend of this machine as users get them,
 * and on cpu in the composed form too.
 */
export function describeMaps(name: string, declare: (context: MapContext) => void): void {
  describe(name, () => {
    for (const { name: backend, available, detail } of inject('backends')) {
      if (!available) {
        describe.skip(`${backend} (not on this machine: ${detail})`, () => {
          it('runs', () => expect(available).toBe(true));
        });
        continue;
      }
      for (const isComposed of backend === 'cpu' ? [false, true] : [false]) {
        describe(isComposed ? `${backend} composed` : backend, () => {
          beforeAll(async () => {
            await startBackend({ prefer: backend });
          });
          declare({
            backend,
            run: (body) => (isComposed ? withComposedForms(body) : body()),
            tolerance: isExact(backend, isComposed) ? TOLERANCES.mapExact : TOLERANCES.mapFloat32,
            isSlow: backend === 'webgpu',
          });
        });
      }
    }
  });
}

/** Values on the host; frees the tensor. */
export async function hostValues(tensor: tf.Tensor): Promise<number[]> {
  const values = [...(await tensor.data())];
  tensor.dispose();
  return values;
}

/**
 * Gradients of sum_k w_k f_k by every argument, with the weights cos(k + 1): arguments are nested arrays
 * or numbers.
 */
export async function mapGradients(
  f: (...args: tf.Tensor[]) => tf.Tensor,
  args: readonly tf.TensorLike[],
): Promise<number[][]> {
  const gradients = tf.tidy(() => {
    const tensors = args.map((arg) => tf.tensor(arg, undefined, 'float32'));
    return tf.grads((...given: tf.Tensor[]) => {
      const value = f(...given);
      const weights = tf.tensor(
        Array.from({ length: value.size }, (_, k) => Math.cos(k + 1)),
        value.shape,
      );
      return tf.sum(tf.mul(value, weights));
    })(tensors);
  });
  return Promise.all(gradients.map(hostValues));
}

/** The same by central differences of a float64 reference that takes the same arguments. */
export function referenceGradients<Args extends readonly (number | number[] | number[][])[]>(
  f: (...args: Args) => readonly number[] | readonly (readonly number[])[] | number,
  args: Args,
  step = 1e-5,
): number[][] {
  const loss = (given: Args): number => {
    const value = f(...given);
    const flat = typeof value === 'number' ? [value] : value.flat();
    return flat.reduce<number>((sum, v, k) => sum + v * Math.cos(k + 1), 0);
  };
  return args.map((arg, i) => {
    const shift = (place: number, by: number): number => {
      let at = 0;
      const moved = (v: number | number[] | number[][]): unknown =>
        typeof v === 'number' ? v + (at++ === place ? by : 0) : v.map((part) => moved(part));
      const given = args.map((other, j) => (j === i ? moved(other) : other));
      return loss(given as unknown as Args);
    };
    const size = typeof arg === 'number' ? 1 : arg.flat().length;
    return Array.from({ length: size }, (_, k) => (shift(k, step) - shift(k, -step)) / (2 * step));
  });
}
