import * as tf from '@tensorflow/tfjs';
import type { Tensor, Variable } from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { runLayers } from '../../src/models/layers/layer.js';
import type { Layer } from '../../src/models/layers/layer.js';
import { createParameters, disposeParameters } from '../../src/models/layers/parameters.js';
import { parameterSpecs } from '../../src/models/layers/layer.js';
import { trainLoop } from '../../src/train/index.js';
import type { Batch, BatchLoss, TrainLoopOptions, TrainSnapshot } from '../../src/train/index.js';
import { Rng } from '../../src/util/rng.js';
import { describeBackends } from '../support/onBackends.js';

const MLP: readonly Layer[] = [
  { kind: 'dense', in: 6, out: 5, then: 'leakyRelu' },
  { kind: 'dropout', rate: 0.1 },
  { kind: 'dense', in: 5, out: 6, then: 'linear' },
];
const CONV: readonly Layer[] = [
  { kind: 'conv', in: [6, 6, 1], out: [3, 3, 2], then: 'relu' },
  { kind: 'convTranspose', in: [3, 3, 2], out: [6, 6, 1], then: 'linear' },
];
const [ROWS, BATCH] = [44, 11];

interface Net {
  readonly layers: readonly Layer[];
  readonly rowShape: readonly number[];
}
const NETS = { mlp: { layers: MLP, rowShape: [6] }, conv: { layers: CONV, rowShape: [6, 6, 1] } };

/** Train a small autoencoder with everything switched on; gives its weights. */
async function train(
  { layers, rowShape }: Net,
  epochs: number,
  options: Partial<TrainLoopOptions> = {},
  { seed = 1, keepsBest = true } = {},
): Promise<number[]> {
  const size = rowShape.reduce((product, length) => product * length, 1);
  const rng = new Rng(7);
  const data = Float32Array.from({ length: ROWS * size }, () => rng.normal());
  const gather = (indices: Int32Array): { x: Tensor } => {
    const rows = new Float32Array(indices.length * size);
    indices.forEach((row, i) => rows.set(data.subarray(row * size, (row + 1) * size), i * size));
    return { x: tf.tensor(rows, [indices.length, ...rowShape]) };
  };
  const parameters = createParameters(parameterSpecs('net', layers), new Rng(seed));
  const variables: Variable[] = Object.values(parameters);
  const measure = ({ inputs }: Pick<Batch, 'inputs'>, noise?: Rng): BatchLoss => {
    const output = runLayers('net', layers, parameters, inputs.x, noise);
    const total: tf.Scalar = tf.mean(tf.squaredDifference(output, inputs.x));
    return { total, parts: { total } };
  };
  try {
    await trainLoop({
      rows: ROWS,
      batchSize: BATCH,
      seed,
      stages: [
        {
          name: 'net',
          epochs,
          decay: { kind: 'cosine', warmUpEpochs: 1 },
          optimizer: { kind: 'adamw' },
          clip: { norm: 1 },
          groups: [{ variables, learningRate: 0.01 }],
          inputs: gather,
          loss: (batch) => measure(batch, batch.rng),
          validation: { rows: 3, inputs: gather, loss: measure },
          ...(keepsBest && { stopping: { patience: Infinity } }),
        },
      ],
      ...options,
    });
    const values = await Promise.all(variables.map((variable) => variable.data()));
    return values.flatMap((part) => [...part]);
  } finally {
    disposeParameters(parameters);
  }
}

/** All that a backend holds: tensors, bytes, and, where it has them, its pool of buffers and its heap. */
function held(): Record<string, number> {
  const { numTensors, numDataBuffers, numBytes, ...own } = tf.memory();
  const backend = tf.backend() as unknown as {
    readonly wasm?: { readonly HEAPU8: Uint8Array };
    readonly bufferManager?: {
      readonly numUsedBuffers: number;
      readonly numFreeBuffers: number;
      readonly numBytesAllocated: number;
    };
  };
  const numbers = Object.entries(own as Record<string, unknown>).filter(
    (entry): entry is [string, number] => typeof entry[1] === 'number',
  );
  const { numUsedBuffers = 0, numFreeBuffers = 0 } = backend.bufferManager ?? {};
  return {
    numTensors,
    numDataBuffers,
    numBytes,
    ...Object.fromEntries(numbers),
    pool: numUsedBuffers + numFreeBuffers,
    poolBytes: backend.bufferManager?.numBytesAllocated ?? 0,
    heap: backend.wasm?.HEAPU8.length ?? 0,
  };
}

describeBackends('training', (backend) => {
  const isSlow = backend === 'webgpu';

  it.each(Object.entries(NETS))('property: %s, same seed, same bits', async (_name, net) => {
    const first = await train(net, 3);
    expect(first.every(Number.isFinite)).toBe(true);
    expect(await train(net, 3)).toEqual(first);
    expect(await train(net, 3, {}, { seed: 2 })).not.toEqual(first);
  });

  it.each(Object.entries(NETS))(
    'property: %s goes on within an epoch with the same bits',
    async (_name, net) => {
      const all: TrainSnapshot[] = [];
      const save = (snapshot: TrainSnapshot): Promise<void> => {
        all.push(snapshot);
        return Promise.resolve();
      };
      const checkpoint = { everySeconds: Infinity, everySteps: 5, save };
      const whole = await train(net, 3, { checkpoint });
      expect(all.map(({ steps }) => steps)).toEqual([5, 10]);
      expect(await train(net, 3, { resume: all[0] })).toEqual(whole);
    },
  );

  it.each([
    ['mlp', isSlow ? 60 : 1000],
    ['conv', isSlow ? 48 : 200],
  ] as const)('memory: %s, flat over %i steps', async (name, steps) => {
    const seen: Record<string, number>[] = [];
    // Best weights share buffers with the variables as long as these are the best: counts would vary.
    const without = { keepsBest: false };
    const onEpochEnd = (): unknown => seen.push(held());
    await train(NETS[name], (steps * BATCH) / ROWS, { onEpochEnd }, without);
    // Pools fill in the first epochs.
    const settled = Math.ceil(seen.length / 4);
    expect(seen.length - settled).toBeGreaterThanOrEqual(9);
    for (const now of seen.slice(settled)) expect(now).toEqual(seen[settled]);
  });
});
