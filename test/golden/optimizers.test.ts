import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { referenceClip, referenceOptimizer } from '../reference/optimizers.js';
import type { ReferenceOptimizer } from '../reference/optimizers.js';
import { expectClose } from '../support/compare.js';
import { TOLERANCES } from '../support/tolerances.js';

interface Pair {
  readonly w: number[][];
  readonly b: number[];
}

const golden = JSON.parse(
  readFileSync(new URL('./optimizers.json', import.meta.url), 'utf8'),
) as Pair & {
  readonly learningRate: number;
  readonly gradients: readonly Pair[];
  readonly cases: readonly (Pair & { readonly spec: ReferenceOptimizer })[];
  readonly clips: readonly (Pair & { readonly norm: number; readonly length: number })[];
};

describe('golden: optimisers equal those of PyTorch', () => {
  it.each(golden.cases.map((entry) => [JSON.stringify(entry.spec), entry] as const))(
    '%s',
    (_name, { spec, w, b }) => {
      const { learningRate, gradients } = golden;
      const gotW = referenceOptimizer(
        spec,
        learningRate,
        golden.w.flat(),
        gradients.map((g) => g.w.flat()),
      );
      // Biases do not decay there.
      const gotB = referenceOptimizer(
        { ...spec, weightDecay: 0 },
        learningRate,
        golden.b,
        gradients.map((g) => g.b),
      );
      expectClose(gotW, w.flat(), TOLERANCES.golden);
      expectClose(gotB, b, TOLERANCES.golden);
    },
  );

  it.each(golden.clips)('clip to $norm', ({ norm, length, w, b }) => {
    const [first] = golden.gradients;
    const got = referenceClip([...first.w.flat(), ...first.b], norm);
    expect(got.length).toBeCloseTo(length, 12);
    expectClose(got.clipped, [...w.flat(), ...b], TOLERANCES.golden);
  });
});
