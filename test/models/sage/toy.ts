import type { Labelled } from '../../../src/models/sage/fitting.js';
import { Sage } from '../../../src/models/index.js';
import type { SageConfigInput } from '../../../src/models/index.js';
import { Rng } from '../../../src/util/rng.js';
import type { Rows } from '../../../src/util/rows.js';

/** Settings under which the toys train in well under a second. */
export const QUICK: SageConfigInput = {
  hidden: [16],
  headHidden: [],
  latentDim: 3,
  epochs: 12,
  batchSize: 32,
  learningRate: 0.01,
  k: 5,
  calibrationFraction: 0.3,
};

/** Fit with {@link QUICK} settings and `config` over them, use, free. */
export async function withSage<T>(
  config: SageConfigInput,
  data: Labelled,
  use: (sage: Sage) => Promise<T>,
): Promise<T> {
  const sage = new Sage({ ...QUICK, ...config });
  try {
    await sage.fit(data.x, data.targets);
    return await use(sage);
  } finally {
    sage.dispose();
  }
}

const [FEATURES, CLASSES] = [6, 3];

/** Three separated Gaussian blobs in six dimensions; `shift` moves all of them. */
export function blobs(count: number, seed: number, shift = 0): Labelled {
  const rng = new Rng(seed);
  const data = new Float32Array(count * FEATURES);
  const values = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    values[i] = i % CLASSES;
    for (let j = 0; j < FEATURES; j++) {
      data[i * FEATURES + j] = (j % CLASSES === values[i] ? 3 : 0) + 0.5 * rng.normal() + shift;
    }
  }
  const x = { data, count, rowShape: [FEATURES] };
  return { x, targets: { kind: 'class', values, classes: CLASSES } };
}

/** Four features, of which the target (around 50) is a linear function with a little noise. */
export function slope(count: number, seed: number, shift = 0): Labelled {
  const rng = new Rng(seed);
  const data = new Float32Array(count * 4);
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < 4; j++) data[i * 4 + j] = rng.normal() + shift;
    values[i] = 50 + 10 * data[i * 4] - 5 * data[i * 4 + 1] + 0.1 * rng.normal();
  }
  return { x: { data, count, rowShape: [4] }, targets: { kind: 'real', values } };
}

/** Images of 8 x 8 with a bright half: class 0 the upper, class 1 the left. */
export function halves(count: number, seed: number): Labelled {
  const rng = new Rng(seed);
  const data = new Float32Array(count * 64);
  const values = Int32Array.from({ length: count }, (_, i) => i % 2);
  for (let i = 0; i < count; i++) {
    for (let p = 0; p < 64; p++) {
      const isBright = values[i] === 0 ? p < 32 : p % 8 < 4;
      data[i * 64 + p] = (isBright ? 0.8 : 0.1) + 0.05 * rng.normal();
    }
  }
  const x = { data, count, rowShape: [8, 8, 1] };
  return { x, targets: { kind: 'class', values, classes: 2 } };
}

/** Rows of uniform noise of a shape. */
export function noise(count: number, rowShape: readonly number[], seed: number, scale = 1): Rows {
  const rng = new Rng(seed);
  const size = rowShape.reduce((product, dim) => product * dim, 1);
  const data = Float32Array.from({ length: count * size }, () => scale * rng.uniform());
  return { data, count, rowShape };
}
