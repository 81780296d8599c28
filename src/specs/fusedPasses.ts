/**
 * Backends on which a row map of a few operations is one pass over the rows, and so takes less time than the
 * same operations one by one. Filled where kernels are registered; elsewhere a row map is as right, but made
 * for its precision and not for speed.
 */
const backends = new Set<string>();

export const fusedPasses = {
  /** Called where the kernels of a backend are registered. */
  declare(backend: string): void {
    backends.add(backend);
  },
  /** Whether row maps pay on a backend. */
  payOn(backend: string): boolean {
    return backends.has(backend);
  },
} as const;
