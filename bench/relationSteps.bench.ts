import * as tf from '@tensorflow/tfjs';
import { withComposedForms } from '../src/ops/dispatch.js';
import { relationSteps } from '../src/ops/relationSteps.js';
import type { RelationCsr } from '../src/ops/relationSteps.js';
import { Rng } from '../src/util/rng.js';
import { assertClose } from './check.js';
import { tensorOf, uniformRows } from './data.js';
import type { BenchCase, PreparedCase, Subject } from './harness.js';

const SHAPES = [
  { n: 1_000, d: 5, relations: 5_000, negatives: 50, fast: true },
  { n: 80_000, d: 10, relations: 50_000, negatives: 10, fast: false },
] as const;
/** Relations that the composed form, far slower, is timed and compared on. */
const FEW = 20;

type Shape = (typeof SHAPES)[number];

/** Every row is related to a few of smaller number, as in a closure of a tree. */
function randomRelations({ n, relations }: Shape): { pairs: Int32Array; csr: RelationCsr } {
  const rng = new Rng(1);
  const pairs = new Int32Array(2 * relations);
  const rows = Array.from({ length: n }, () => new Set<number>());
  for (let i = 0; i < relations; i++) {
    const u = 1 + rng.int(n - 1);
    const v = rng.int(Math.ceil(u / 8));
    pairs.set([u, v], 2 * i);
    rows[u].add(v);
  }
  const offsets = new Int32Array(n + 1);
  rows.forEach((row, i) => (offsets[i + 1] = offsets[i] + row.size));
  const neighbors = Int32Array.from(rows.flatMap((row) => [...row].sort((a, b) => a - b)));
  return {
    pairs,
    csr: { offsets: tf.tensor1d(offsets, 'int32'), neighbors: tf.tensor1d(neighbors, 'int32') },
  };
}

function prepare(shape: Shape): PreparedCase {
  const { n, d, negatives } = shape;
  const { pairs, csr } = randomRelations(shape);
  const table = tensorOf(uniformRows(n, d, 2));
  const all = tf.tensor2d(pairs, [shape.relations, 2], 'int32');
  const few = all.slice([0, 0], [FEW, 2]);
  const options = { learningRate: 0.3, negatives, batchSize: 10 };
  const ours = (relations: tf.Tensor): tf.Tensor[] => {
    const result = relationSteps(table, relations, csr, options);
    return [result.table, result.losses];
  };
  const composed = (relations: tf.Tensor): tf.Tensor[] => withComposedForms(() => ours(relations));
  const read = async (results: readonly tf.Tensor[]): Promise<ArrayLike<number>> => {
    const [, losses] = await Promise.all(results.map((result) => result.data()));
    tf.dispose([...results]);
    return losses;
  };
  const subject: Subject = {
    name: 'tfjs-latent',
    isOurs: true,
    isWhole: true,
    mayShorten: false,
    run: async () => {
      await read(ours(all));
    },
    check: async () => {
      const want = Float64Array.from(await read(composed(few)));
      assertClose(await read(ours(few)), want, 1e-3);
    },
  };
  return {
    subjects: [subject],
    dispose: () => {
      tf.dispose([table, all, few, csr.offsets, csr.neighbors]);
    },
  };
}

/** Relations a second of training, with batches of 10. */
export function relationCases(): BenchCase[] {
  return SHAPES.map((shape) => {
    const { n, d, relations, negatives, fast } = shape;
    return {
      suite: 'relationSteps',
      name: `lorentz n=${n} d=${d} negatives=${negatives}`,
      items: relations,
      flops: (negatives + 1) * (9 * d + 40),
      bytes: relations * (negatives + 2) * 16 * d,
      fast,
      prepare: () => prepare(shape),
    };
  });
}
