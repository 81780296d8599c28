import * as tf from '@tensorflow/tfjs';
import { makeOptimizer } from '../src/train/index.js';
import { assertClose } from './check.js';
import { tensorOf, uniformRows } from './data.js';
import type { BenchCase, PreparedCase, Subject } from './harness.js';

/** Weights of a dense autoencoder 784-256-64-16 and back, with biases. */
const WIDTHS = [784, 256, 64, 16, 64, 256, 784];

/** Arithmetic operations of a weight's step, and the values that it reads. */
const [OPERATIONS, VALUES] = [14, 4];

function prepare(): PreparedCase {
  const shapes = WIDTHS.slice(1).flatMap((to, i) => [
    [WIDTHS[i], to],
    [1, to],
  ]);
  const gradients = shapes.map(([rows, d], i) => tensorOf(uniformRows(rows, d, i + 1)));
  const subject = (
    name: string,
    fused: boolean,
  ): Subject & { free: () => void; last: tf.Tensor } => {
    const variables = shapes.map((shape) => tf.tidy(() => tf.variable(tf.ones(shape))));
    const group = { variables, learningRate: 1e-3 };
    const optimizer = makeOptimizer({ kind: 'adam', fused }, group);
    const named = Object.fromEntries(variables.map(({ name: key }, i) => [key, gradients[i]]));
    const last = variables[variables.length - 2];
    return {
      name,
      isOurs: fused,
      mayShorten: false,
      isWhole: true,
      run: async () => {
        optimizer.apply(named);
        // Waits for the device, by the values of one variable.
        await variables[variables.length - 1].data();
      },
      check: () => Promise.resolve(),
      last,
      free: () => {
        optimizer.dispose();
        tf.dispose(variables);
      },
    };
  };
  const [fused, plain] = [subject('fused', true), subject('operation by operation', false)];
  const check = async (): Promise<void> => {
    await fused.run(1);
    await plain.run(1);
    assertClose(await fused.last.data(), await plain.last.data(), 1e-5, 1);
  };
  return {
    subjects: [{ ...fused, check }, plain],
    dispose: () => {
      fused.free();
      plain.free();
      tf.dispose(gradients);
    },
  };
}

/** A step of Adam on a dense autoencoder: one pass per variable, and an operation after the other. */
export function adamCases(): BenchCase[] {
  const weights = WIDTHS.slice(1).reduce((sum, to, i) => sum + (WIDTHS[i] + 1) * to, 0);
  return [
    {
      suite: 'adam',
      name: `784-256-64-16 and back, ${weights} weights`,
      items: weights,
      flops: OPERATIONS,
      bytes: 4 * VALUES * weights,
      fast: true,
      prepare,
    },
  ];
}
