import * as tf from '@tensorflow/tfjs';
import { matMulSide } from '../src/kernels/wasm/matMul.js';
import { assertClose } from './check.js';
import { tensorOf, uniformRows } from './data.js';
import type { BenchCase, PreparedCase, Subject } from './harness.js';

/** Shapes of a dense layer's forward and backward products, a square and small ones. */
const SHAPES = [
  { m: 64, k: 64, n: 64, a: 'N', b: 'N' },
  { m: 64, k: 64, n: 64, a: 'T', b: 'N' },
  { m: 128, k: 784, n: 512, a: 'N', b: 'N' },
  { m: 784, k: 128, n: 512, a: 'T', b: 'N' },
  { m: 128, k: 512, n: 784, a: 'N', b: 'T' },
  { m: 1024, k: 1024, n: 1024, a: 'N', b: 'N' },
] as const;
type Shape = (typeof SHAPES)[number];

const OURS = 'tfjs-latent';

function prepare({ m, k, n, a, b }: Shape): PreparedCase {
  const left = tensorOf(a === 'T' ? uniformRows(k, m, 1) : uniformRows(m, k, 1));
  const right = tensorOf(b === 'T' ? uniformRows(n, k, 2) : uniformRows(k, n, 2));
  const product = (): tf.Tensor => tf.matMul(left, right, a === 'T', b === 'T');
  const values = async (body: () => tf.Tensor): Promise<ArrayLike<number>> => {
    const result = body();
    const read = await result.data();
    result.dispose();
    return read;
  };
  const theirs = (): tf.Tensor => matMulSide.during('theirs', product);
  const timed = (name: string, body: () => tf.Tensor, check: Subject['check']): Subject => ({
    name,
    isOurs: name === OURS,
    mayShorten: false,
    isWhole: true,
    run: () => {
      // A product on the wasm backend is complete when the call returns.
      body().dispose();
      return Promise.resolve();
    },
    check,
  });
  return {
    subjects: [
      timed(OURS, product, async () => {
        assertClose(await values(product), await values(theirs), 1e-4, Math.sqrt(k));
      }),
      timed('tfjs', theirs, () => Promise.resolve()),
    ],
    dispose: () => tf.dispose([left, right]),
  };
}

/** Matrix products: tfjs with our kernel on the wasm backend, and tfjs's own. */
export function matMulCases(): BenchCase[] {
  return SHAPES.map((shape) => ({
    suite: 'matMul',
    name: `${shape.a}${shape.b} m=${shape.m} k=${shape.k} n=${shape.n}`,
    items: shape.m,
    flops: 2 * shape.k * shape.n,
    bytes: 4 * (shape.m * shape.k + shape.k * shape.n + shape.m * shape.n),
    fast: shape.m < 1024,
    // Elsewhere both subjects are the same code.
    obstacle: ({ backend }) =>
      backend === 'wasm' ? undefined : 'our product replaces the one of tfjs on wasm only',
    prepare: () => prepare(shape),
  }));
}
