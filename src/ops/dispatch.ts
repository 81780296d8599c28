import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';
import { hasKernel, runKernel } from '../specs/spec.js';
import type { OpInputs, OpSpec } from '../specs/spec.js';

const warned = new Set<string>();
let composedOnly = false;

/**
 * Run our kernel of an op on the active backend, or its composed form where there is none. The first
 * fallback of each op and backend is announced on the console: it is slower and must not be silent.
 */
export function dispatch<
  Input extends string,
  Attrs extends object,
  Optional extends string = never,
>(
  spec: OpSpec<Input, Attrs, Optional>,
  inputs: OpInputs<Input, Optional>,
  attrs: Attrs,
  composed: () => Tensor[],
): Tensor[] {
  if (composedOnly) return composed();
  const given = new Set(
    Object.entries<Tensor | undefined>(inputs)
      .filter(([, tensor]) => tensor !== undefined)
      .map(([name]) => name),
  );
  if (hasKernel(spec, attrs, given)) return runKernel(spec, inputs, attrs);
  const key = `${spec.op} on ${tf.getBackend()}`;
  if (!warned.has(key)) {
    warned.add(key);
    console.warn(
      `tfjs-latent: ${spec.op} has no kernel for this call on backend '${tf.getBackend()}' and runs composed of ` +
        `tfjs ops, which is slower. FEATURES.md lists what each backend has.`,
    );
  }
  return composed();
}

/**
 * Run `body` with every op in its composed form, kernels or not: the second oracle of the tests and
 * of `verify`. `body` must be synchronous.
 */
export function withComposedForms<T>(body: () => T): T {
  const before = composedOnly;
  composedOnly = true;
  try {
    return body();
  } finally {
    composedOnly = before;
  }
}
