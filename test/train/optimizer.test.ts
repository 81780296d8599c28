import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { DataError, DomainError } from '../../src/errors.js';
import { clipGradients } from '../../src/train/clip.js';
import { checkOptimizer, makeOptimizer } from '../../src/train/optimizer.js';
import type { OptimizerSpec } from '../../src/train/optimizer.js';
import { referenceClip, referenceOptimizer } from '../reference/optimizers.js';
import { expectClose } from '../support/compare.js';
import { expectNoLeak } from '../support/leaks.js';
import { describeBackends } from '../support/onBackends.js';
import { TOLERANCES } from '../support/tolerances.js';

const RATE = 0.05;
const SPECS: readonly OptimizerSpec[] = [
  { kind: 'adam' },
  { kind: 'adam', beta1: 0.9, beta2: 0.99, epsilon: 1e-6 },
  { kind: 'adamw' },
  { kind: 'adamw', weightDecay: 0.3, beta1: 0.5 },
  { kind: 'adam', fused: false },
  { kind: 'adam', fused: true },
  { kind: 'adamw', weightDecay: 0.3, beta1: 0.5, fused: true },
  { kind: 'sgd' },
  { kind: 'sgd', momentum: 0.8 },
  { kind: 'sgd', momentum: 0.8, nesterov: true, weightDecay: 0.3 },
];

const START = { w: [0.5, -1, 2, 0.25, -0.75, 1.5], b: [1, -2] };
/** Gradients of a step, seeded by its number; float32, as the device gets them. */
const gradientsOf = (step: number): typeof START => ({
  w: START.w.map((_, i) => Math.fround(Math.sin(3 * step + i))),
  b: START.b.map((_, i) => Math.fround(Math.cos(5 * step + i))),
});

interface Pair {
  readonly w: tf.Variable;
  readonly b: tf.Variable;
}

function makePair({ w, b } = START): Pair {
  return tf.tidy(() => ({
    w: tf.variable(tf.tensor2d(w, [3, 2])),
    b: tf.variable(tf.tensor1d(b)),
  }));
}

type Optimizer = ReturnType<typeof makeOptimizer>;

function steps(optimizer: Optimizer, { w, b }: Pair, from: number, to: number): void {
  for (let step = from; step < to; step++) {
    const given = gradientsOf(step);
    tf.tidy(() => {
      optimizer.apply({ [w.name]: tf.tensor2d(given.w, [3, 2]), [b.name]: tf.tensor1d(given.b) });
    });
  }
}

const valuesOf = async ({ w, b }: Pair): Promise<number[]> => [
  ...(await w.data()),
  ...(await b.data()),
];

describeBackends('optimisers', () => {
  it.each(SPECS.map((spec) => [JSON.stringify(spec), spec] as const))(
    'reference: %s, with weights that decay and biases that do not',
    async (_name, spec) => {
      await expectNoLeak(async () => {
        const pair = makePair();
        const optimizer = makeOptimizer(spec, { variables: [pair.w, pair.b], learningRate: RATE });
        steps(optimizer, pair, 0, 10);
        const given = Array.from({ length: 10 }, (_, step) => gradientsOf(step));
        const still = { ...spec, weightDecay: 0 };
        const wanted = [
          ...referenceOptimizer(
            spec,
            RATE,
            START.w,
            given.map(({ w }) => w),
          ),
          ...referenceOptimizer(
            still,
            RATE,
            START.b,
            given.map(({ b }) => b),
          ),
        ];
        expectClose(await valuesOf(pair), wanted, TOLERANCES.optimizer, 2);
        optimizer.dispose();
        tf.dispose([pair.w, pair.b]);
      });
    },
  );

  it.each(SPECS.map((spec) => [JSON.stringify(spec), spec] as const))(
    'property: %s goes on from a saved state with the same bits',
    async (_name, spec) => {
      const group = (pair: Pair): Parameters<typeof makeOptimizer>[1] => ({
        variables: [pair.w, pair.b],
        learningRate: RATE,
      });
      const whole = makePair();
      const first = makeOptimizer(spec, group(whole));
      steps(first, whole, 0, 3);
      const saved = await first.save();
      const [w, b] = [[...(await whole.w.data())], [...(await whole.b.data())]];
      steps(first, whole, 3, 6);
      const other = makePair({ w, b });
      const second = makeOptimizer(spec, group(other));
      second.restore(saved);
      steps(second, other, 3, 6);
      expect(await valuesOf(other)).toEqual(await valuesOf(whole));
      for (const part of [first, second]) part.dispose();
      tf.dispose([whole.w, whole.b, other.w, other.b]);
    },
  );

  it('reference: gradients are clipped together by their length', async () => {
    const { w, b } = gradientsOf(1);
    for (const norm of [0.5, 100]) {
      const wanted = referenceClip([...w, ...b], norm);
      const { gradients, length } = tf.tidy(() =>
        clipped({ w: tf.tensor1d(w), b: tf.tensor1d(b) }, { norm }),
      );
      const got = [...(await gradients.w.data()), ...(await gradients.b.data())];
      expectClose(got, wanted.clipped, TOLERANCES.distance);
      expectClose(await length.data(), [wanted.length], TOLERANCES.distance);
      tf.dispose([gradients.w, gradients.b, length]);
    }
  });

  it('edge: a clip by value keeps what is within, and NaN', async () => {
    const { gradients, length } = tf.tidy(() =>
      clipped({ g: tf.tensor1d([-9, -1, 0.5, 2, NaN, Infinity]) }, { value: 1.5 }),
    );
    expect([...(await gradients.g.data())]).toEqual([-1.5, -1, 0.5, 1.5, NaN, 1.5]);
    tf.dispose([gradients.g, length]);
  });

  it('edge: a variable without a gradient stays, and one can be chosen to decay', async () => {
    const pair = makePair();
    const optimizer = makeOptimizer(
      { kind: 'sgd', weightDecay: 0.5 },
      { variables: [pair.w, pair.b], learningRate: 1, decayed: [pair.b] },
    );
    tf.tidy(() => optimizer.apply({ [pair.b.name]: tf.tensor1d([0, 0]) }));
    expect(await valuesOf(pair)).toEqual([...START.w, 0.5, -1]);
    optimizer.dispose();
    tf.dispose([pair.w, pair.b]);
  });

  it('error: a state of another optimiser or of other variables', async () => {
    const pair = makePair();
    const group = { variables: [pair.w, pair.b], learningRate: RATE };
    const [adam, sgd] = [
      makeOptimizer({ kind: 'adam' }, group),
      makeOptimizer({ kind: 'sgd' }, group),
    ];
    const saved = await adam.save();
    expect(() => sgd.restore(saved)).toThrow(DataError);
    expect(() => sgd.restore(saved)).toThrow(
      'the checkpoint must hold 0 powers and 0 moments of an optimiser, got 2 powers and 4 moments',
    );
    const turned = { ...saved, moments: [...saved.moments].reverse() };
    expect(() => adam.restore(turned)).toThrow('must hold optimisers of shapes [3, 2] [2]');
    for (const part of [adam, sgd]) part.dispose();
    tf.dispose([pair.w, pair.b]);
  });

  it.each([
    [{ kind: 'adam', beta1: 1 }, 'o.beta1 must be in [0, 1), got 1'],
    [{ kind: 'adam', epsilon: 0 }, 'o.epsilon must be a finite number > 0, got 0'],
    [{ kind: 'adamw', weightDecay: -1 }, 'o.weightDecay must be a finite number >= 0, got -1'],
    [{ kind: 'sgd', momentum: NaN }, 'o.momentum must be in [0, 1), got NaN'],
    [{ kind: 'sgd', nesterov: true }, 'o.momentum must be above 0 with nesterov, got 0'],
  ] as const)('error: %j', (spec, message) => {
    expect(() => checkOptimizer('train', 'o', spec)).toThrow(DomainError);
    expect(() => checkOptimizer('train', 'o', spec)).toThrow(message);
  });
});

/** With a length in any case, so that both can be freed alike. */
function clipped(...[gradients, clip]: Parameters<typeof clipGradients>): {
  gradients: Record<string, tf.Tensor>;
  length: tf.Tensor;
} {
  const { length = tf.scalar(0), gradients: limited } = clipGradients(gradients, clip);
  return { gradients: { ...limited }, length };
}
