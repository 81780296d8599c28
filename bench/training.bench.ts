import { convolutionSide } from '../src/kernels/wasm/convolution.js';
import { withTheirElementwiseAsync } from '../src/kernels/wasm/elementwise.js';
import { matMulSide } from '../src/kernels/wasm/matMul.js';
import { Sage } from '../src/models/index.js';
import type { Rows, Targets } from '../src/util/rows.js';
import { firstRows, uniformRows } from './data.js';
import type { BenchCase, Place, PreparedCase, Subject } from './harness.js';
import type { Peers } from './knnCase.js';
import { timeTraining } from './peers/python.js';

const [SIDE, CLASSES, BATCH] = [28, 10, 256];
const FEATURES = SIDE * SIDE;
/** Batches of MNIST's 60,000 rows. */
const EPOCH = 234;

type Kind = 'dense' | 'conv';

const MODELS = {
  dense: { architecture: 'mlp', hidden: [256, 64], latentDim: 16 },
  conv: { architecture: 'conv', convWidth: 16, latentDim: 32 },
} as const;

/** Multiplications of one row forward; the first layer's are not needed for a gradient of the input. */
const MACS = {
  dense: { forward: 2 * (784 * 256 + 256 * 64 + 64 * 16) + 16 * 20 + 20 * 10, first: 784 * 256 },
  conv: {
    forward:
      2 * (14 * 14 * 9 * 16 + 7 * 7 * 9 * 16 * 32 + 4 * 4 * 9 * 32 * 32 + 512 * 32) + 32 * 20 + 200,
    first: 14 * 14 * 9 * 16,
  },
} as const;

/** Multiplications and additions of one row in a step: forward, gradients of inputs and of weights. */
function flopsOf(kind: Kind): number {
  const { forward, first } = MACS[kind];
  return 2 * (3 * forward - first);
}

/** The bank and the calibration, which follow the training, are kept small. */
const SETTINGS = {
  epochs: 1,
  batchSize: BATCH,
  seed: 1,
  k: 5,
  standardize: false,
  bankLimit: 100,
  calibrationLimit: 100,
} as const;

interface Labelled {
  readonly x: Rows;
  readonly y: Targets;
}

function labelled(rows: number, kind: Kind): Labelled {
  const { data } = uniformRows(rows, FEATURES, 1);
  const values = Int32Array.from({ length: rows }, (_, i) => i % CLASSES);
  // Classes that a network can tell apart: one block of features is brighter.
  values.forEach((label, i) => {
    for (let f = 0; f < 20; f++) data[i * FEATURES + label * 20 + f] += 1;
  });
  return {
    x: { data, count: rows, rowShape: kind === 'conv' ? [SIDE, SIDE, 1] : [FEATURES] },
    y: { kind: 'class', values, classes: CLASSES },
  };
}

function firstOf({ x, y }: Labelled, rows: number): Labelled {
  const { data } = firstRows({ data: x.data, rows: x.count, d: FEATURES }, rows);
  const values = y.values.slice(0, rows) as Int32Array;
  return { x: { ...x, data, count: rows }, y: { kind: 'class', values, classes: CLASSES } };
}

/** All of tfjs's own kernels, but for those that it lacks. */
const withTheirs = (body: () => Promise<void>): Promise<void> =>
  matMulSide.duringAsync('theirs', () =>
    convolutionSide.duringAsync('theirs', () => withTheirElementwiseAsync(body)),
  );

function prepare(
  kind: Kind,
  batches: number,
  { backend, threads, device }: Place,
  peers: Peers,
): PreparedCase {
  const all = labelled(batches * BATCH, kind);
  // Given, so that fit holds no rows out: there are as many steps as items.
  const calibration = firstOf(all, BATCH);
  const fit = async (rows: number, epochs: number): Promise<number[]> => {
    const { x, y } = firstOf(all, rows);
    const losses: number[] = [];
    const onProgress = ({ loss }: { loss: number }): void => {
      losses.push(loss);
    };
    const sage = new Sage({ ...SETTINGS, ...MODELS[kind], epochs });
    await sage.fit(x, y, { calibration: { x: calibration.x, targets: calibration.y }, onProgress });
    sage.dispose();
    return losses;
  };
  const run = async (items: number): Promise<void> => {
    await fit(items * BATCH, 1);
  };
  const check = async (): Promise<void> => {
    const losses = await fit(2 * BATCH, 6);
    const [first, last] = [losses[0], losses[losses.length - 1]];
    if (!(last < first)) throw new Error(`the loss went from ${first} to ${last}`);
  };
  const ours: Subject = { name: 'tfjs-latent', isOurs: true, mayShorten: true, run, check };
  const theirs: Subject = {
    ...ours,
    name: "with tfjs's kernels",
    isOurs: false,
    run: (items) => withTheirs(() => run(items)),
  };
  // On a GPU against PyTorch on the same GPU, with its rows in the GPU's memory.
  const peerDevice = device === 'gpu' ? ('cuda' as const) : ('cpu' as const);
  const request = { kind, batches, batch: BATCH, device: peerDevice, threads };
  return {
    subjects: backend === 'wasm' ? [ours, theirs] : [ours],
    outside: (budgetMs) => Promise.resolve(timeTraining(peers.python, request, budgetMs)),
    dispose: () => undefined,
  };
}

/** Epochs of SAGE by `fit`. Items are batches, so that queries/s reads as steps/s. */
export function trainCases(peers: Peers): BenchCase[] {
  return (['dense', 'conv'] as const).flatMap((kind) =>
    [4, EPOCH].map((batches): BenchCase => ({
      suite: 'train',
      name: `SAGE ${kind}, an epoch of ${batches} batches of ${BATCH}`,
      items: batches,
      flops: BATCH * flopsOf(kind),
      bytes: 4 * FEATURES * BATCH * batches,
      fast: batches < EPOCH,
      prepare: (place) => prepare(kind, batches, place, peers),
    })),
  );
}
