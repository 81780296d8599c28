/** Optimisers on one flat vector in float64, from their papers and PyTorch's documentation. */

export interface ReferenceOptimizer {
  readonly kind: 'adam' | 'adamw' | 'sgd';
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
  readonly momentum?: number;
  readonly nesterov?: boolean;
  readonly weightDecay?: number;
}

/** The vector after a step for each gradient. */
export function referenceOptimizer(
  spec: ReferenceOptimizer,
  rate: number,
  start: readonly number[],
  gradients: readonly (readonly number[])[],
): number[] {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-7, momentum = 0, nesterov = false } = spec;
  const decay = spec.weightDecay ?? (spec.kind === 'adamw' ? 0.01 : 0);
  return start.map((first, i) => {
    let w = first;
    let [m, v, velocity] = [0, 0, 0];
    gradients.forEach((gradient, step) => {
      const t = step + 1;
      const g = gradient[i];
      if (spec.kind === 'sgd') {
        const slope = g + decay * w;
        velocity = momentum * velocity + slope;
        w -= rate * (nesterov ? slope + momentum * velocity : velocity);
        return;
      }
      if (spec.kind === 'adamw') w -= rate * decay * w;
      m = beta1 * m + (1 - beta1) * g;
      v = beta2 * v + (1 - beta2) * g * g;
      w -= (rate * (m / (1 - beta1 ** t))) / (Math.sqrt(v / (1 - beta2 ** t)) + epsilon);
    });
    return w;
  });
}

/** Gradients scaled so that their Euclidean length is at most `norm`, as PyTorch does; and the length. */
export function referenceClip(
  gradients: readonly number[],
  norm: number,
): { clipped: number[]; length: number } {
  const length = Math.sqrt(gradients.reduce((sum, g) => sum + g * g, 0));
  const factor = Math.min(1, norm / (length + 1e-6));
  return { clipped: gradients.map((g) => g * factor), length };
}
