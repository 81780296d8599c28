import * as tf from '@tensorflow/tfjs';

type Factory = ReturnType<typeof tf.findBackendFactory>;

/** tfjs types these results as always present; they are null or undefined for unknown names. */
const registry: {
  readonly findBackend: (name: string) => tf.KernelBackend | null | undefined;
  readonly findBackendFactory: (name: string) => Factory | null | undefined;
} = tf;

/** Factory that is registered with tfjs under a name. */
export function factoryOf(name: string): Factory | undefined {
  return registry.findBackendFactory(name) ?? undefined;
}

/** Backend that tfjs has made under a name. */
export function instanceOf(name: string): tf.KernelBackend | undefined {
  return registry.findBackend(name) ?? undefined;
}

/** Name of tfjs's active backend; undefined before one was chosen. `tf.getBackend` would choose one. */
export function activeBackend(): string | undefined {
  const { backendName } = tf.engine() as { readonly backendName?: string | null };
  return backendName ?? undefined;
}
