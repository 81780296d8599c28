import * as tf from '@tensorflow/tfjs';

// tfjs types these results as always present; they are null or undefined for what it does not know.
type Factory = ReturnType<typeof tf.findBackendFactory>;

/** Factory that is registered with tfjs under a name. */
export function factoryOf(name: string): Factory | undefined {
  return (tf.findBackendFactory(name) as Factory | null) ?? undefined;
}

/** Backend that tfjs has made under a name. */
export function instanceOf(name: string): tf.KernelBackend | undefined {
  return (tf.findBackend(name) as tf.KernelBackend | null) ?? undefined;
}

/** Name of tfjs's active backend; undefined before one was chosen. `tf.getBackend` would choose one. */
export function activeBackend(): string | undefined {
  const { backendName } = tf.engine() as { readonly backendName?: string | null };
  return backendName ?? undefined;
}
