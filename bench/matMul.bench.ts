/**
 * Matrix products: tfjs with our kernel on the wasm backend, and tfjs's own.
 *
 *   npm run bench -- matMul           as a suite
 *   npx tsx bench/matMul.bench.ts     GFLOP/s on one and on all threads, best of several runs
 */
import { pathToFileURL } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { withMatMulOf } from '../src/kernels/wasm/matMul.js';
import { setThreads, threadInfo } from '../src/kernels/wasm/register.js';
import { normalTensor } from './cases.js';
import { assertClose, awaited } from './harness.js';
import type { BenchCase } from './harness.js';

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

interface Operands {
  readonly product: () => tf.Tensor;
  readonly dispose: () => void;
}

function operands({ m, k, n, a, b }: Shape): Operands {
  const left = a === 'T' ? normalTensor(k, m, 1) : normalTensor(m, k, 1);
  const right = b === 'T' ? normalTensor(n, k, 2) : normalTensor(k, n, 2);
  return {
    product: () => tf.matMul(left, right, a === 'T', b === 'T'),
    dispose: () => tf.dispose([left, right]),
  };
}

/** Cases of the matMul suite, smallest first. */
export const cases: readonly BenchCase[] = SHAPES.map((shape) => ({
  suite: 'matMul',
  name: `${shape.a}${shape.b} m=${shape.m} k=${shape.k} n=${shape.n}`,
  operations: 2 * shape.m * shape.k * shape.n,
  prepare: () => {
    const { product, dispose } = operands(shape);
    const theirs = (): tf.Tensor => withMatMulOf('theirs', product);
    return {
      subjects: [
        { name: 'tfjs-latent', run: awaited(product) },
        { name: 'tfjs', run: awaited(theirs) },
      ],
      check: (results) => {
        const [ours, other] = [results.get('tfjs-latent') ?? [], results.get('tfjs') ?? []];
        assertClose('tfjs-latent', ours, other, 1e-4, Math.sqrt(shape.k));
      },
      dispose,
    };
  },
}));

const RUNS = 25;

/** GFLOP/s of the fastest run, copies between the heaps included. */
function bestRate(shape: Shape, product: () => tf.Tensor): number {
  let best = Infinity;
  for (let run = 0; run < RUNS; run++) {
    const start = performance.now();
    const result = product();
    best = Math.min(best, performance.now() - start);
    result.dispose();
  }
  return (2 * shape.m * shape.k * shape.n) / best / 1e6;
}

async function main(): Promise<void> {
  await tf.setBackend('wasm');
  await tf.ready();
  setThreads(undefined);
  const all = threadInfo().threads;
  console.log(`GFLOP/s, best of ${RUNS}; ${all} threads`);
  console.log(`shape | ours, 1 thread | ours, ${all} threads | tfjs`);
  for (const shape of SHAPES) {
    const { product, dispose } = operands(shape);
    const rates = [1, all].map((threads) => {
      setThreads(threads);
      return bestRate(shape, () => withMatMulOf('ours', product));
    });
    rates.push(bestRate(shape, () => withMatMulOf('theirs', product)));
    dispose();
    const name = `${shape.a}${shape.b} ${shape.m} x ${shape.k} x ${shape.n}`;
    console.log([name, ...rates.map((rate) => rate.toFixed(1))].join(' | '));
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await main();
