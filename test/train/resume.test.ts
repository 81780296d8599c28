import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { DataError } from '../../src/errors.js';
import { packSnapshot, trainLoop, unpackSnapshot } from '../../src/train/index.js';
import type { Batch, BatchLoss, TrainSnapshot, TrainStage } from '../../src/train/index.js';
import type { Json } from '../../src/util/artifacts.js';
import { expectNoLeak } from '../support/leaks.js';

const ROWS = 21;
const xs = Float32Array.from({ length: ROWS }, (_, i) => Math.sin(i));

interface Model {
  readonly weights: tf.Variable[];
  readonly moved: tf.Variable;
}

function variableOf(value: number, trainable = true): tf.Variable {
  return tf.tidy(() => tf.variable(tf.scalar(value), trainable));
}

/** Two weights with rates of their own, noise in the loss, a variable that no gradient moves, a move between stages. */
function stagesOf({ weights: [a, b], moved }: Model): TrainStage[] {
  const loss = ({ indices, rng }: Batch): BatchLoss => {
    const x = tf.tensor1d(Float32Array.from(indices, (i) => xs[i] + 0.1 * rng.normal()));
    const error: tf.Scalar = tf.mean(
      tf.squaredDifference(tf.add(tf.mul(x, a), b), tf.add(x, moved)),
    );
    return { total: error, parts: { error } };
  };
  const afterStep = ({ indices }: Batch): void => {
    moved.assign(tf.add(moved, tf.scalar(0.001 * indices[0])));
  };
  const stage = { decay: 'cosine', loss, afterStep } as const;
  return [
    { ...stage, name: 'one', epochs: 3, groups: [{ variables: [a], learningRate: 0.1 }] },
    {
      ...stage,
      name: 'two',
      epochs: 4,
      start: () => {
        tf.tidy(() => {
          b.assign(tf.add(b, 1));
        });
      },
      groups: [
        { variables: [a], learningRate: 0.05 },
        { variables: [b], learningRate: 0.2 },
      ],
    },
  ];
}

type Options = Partial<Parameters<typeof trainLoop>[0]>;

/** Train from these first values; gives the last ones. */
async function train(first: number, options: Options): Promise<number[]> {
  const model = {
    weights: [variableOf(first), variableOf(first)],
    moved: variableOf(first, false),
  };
  const all = [...model.weights, model.moved];
  try {
    const stages = stagesOf(model);
    await trainLoop({
      rows: ROWS,
      batchSize: 4,
      seed: 3,
      stages,
      moved: [model.moved],
      ...options,
    });
    return (await Promise.all(all.map((variable) => variable.data()))).map(([value]) => value);
  } finally {
    tf.dispose(all);
  }
}

/** A snapshot as a file would hold it. */
function stored(snapshot: TrainSnapshot): TrainSnapshot {
  const { config, arrays } = packSnapshot(snapshot);
  const text = JSON.stringify(config);
  return unpackSnapshot(JSON.parse(text) as { [key: string]: Json }, arrays);
}

async function snapshotsOf(first: number): Promise<{ all: TrainSnapshot[]; last: number[] }> {
  const all: TrainSnapshot[] = [];
  const save = (snapshot: TrainSnapshot): Promise<void> => {
    all.push(stored(snapshot));
    return Promise.resolve();
  };
  const last = await train(first, { checkpoint: { everySeconds: 0, save } });
  return { all, last };
}

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe('training that is continued', () => {
  it('ends with the same bits, from whichever epoch it goes on', async () => {
    const { all, last } = await snapshotsOf(0.5);
    expect(all.map(({ stage, epoch }) => [stage, epoch])).toEqual([
      [0, 1],
      [0, 2],
      [0, 3],
      [1, 1],
      [1, 2],
      [1, 3],
      [1, 4],
    ]);
    expect(last).toEqual(await train(0.5, {}));
    for (const resume of all) {
      // Other first values: all that matters is in the checkpoint.
      expect(await train(-7, { resume })).toEqual(last);
    }
  });

  it('counts epochs and steps on', async () => {
    const { all } = await snapshotsOf(0.5);
    const seen: number[][] = [];
    await train(0, {
      resume: all[3],
      onProgress: ({ epoch, step, steps, secondsLeft }) => {
        seen.push([epoch, step, steps]);
        expect(secondsLeft).toBeGreaterThanOrEqual(0);
      },
    });
    expect(seen[0]).toEqual([5, 30, 42]);
    expect(seen.at(-1)).toEqual([7, 42, 42]);
  });

  it('makes no checkpoint before its time', async () => {
    let count = 0;
    const save = (): Promise<void> => {
      count++;
      return Promise.resolve();
    };
    await train(0.5, { checkpoint: { everySeconds: 1000, save } });
    expect(count).toBe(0);
  });

  it('keeps what was done when it is aborted, after whichever step, and goes on from there', async () => {
    const whole = await train(0.5, {});
    for (const last of [1, 2, 5, 6, 17, 18, 19, 42]) {
      const controller = new AbortController();
      const kept: TrainSnapshot[] = [];
      const save = (snapshot: TrainSnapshot): Promise<void> => {
        kept.push(stored(snapshot));
        return Promise.resolve();
      };
      const run = train(0.5, {
        signal: controller.signal,
        checkpoint: { everySeconds: 1000, save },
        stepsPerRead: 1,
        onStep: ({ step }) => {
          if (step === last) controller.abort(new Error('enough'));
        },
      });
      await expect(run).rejects.toThrow('enough');
      expect(kept.map(({ steps }) => steps)).toEqual([last]);
      expect(await train(-7, { resume: kept[0] })).toEqual(whole);
    }
  });

  it('keeps nothing when it is aborted before its first step', async () => {
    const kept: TrainSnapshot[] = [];
    const save = (snapshot: TrainSnapshot): Promise<void> => {
      kept.push(snapshot);
      return Promise.resolve();
    };
    const signal = AbortSignal.abort(new Error('early'));
    const checkpoint = { everySeconds: 0, save };
    await expect(train(0.5, { signal, checkpoint })).rejects.toThrow('early');
    expect(kept).toEqual([]);
  });

  it('stops when a checkpoint cannot be kept', async () => {
    const save = (): Promise<void> => Promise.reject(new Error('disk full'));
    await expect(train(0.5, { checkpoint: { everySeconds: 0, save } })).rejects.toThrow(
      'disk full',
    );
  });

  it('refuses a checkpoint of other variables before anything moves', async () => {
    const { all } = await snapshotsOf(0.5);
    const resume = { ...all[0], variables: all[0].variables.slice(1) };
    await expect(train(0.5, { resume })).rejects.toThrow(DataError);
    await expect(train(0.5, { resume })).rejects.toThrow('must hold variables of shapes [] [] []');
  });

  it('leaves no tensor', async () => {
    const { all } = await snapshotsOf(0.5);
    await expectNoLeak(async () => {
      await train(0, {
        resume: all[4],
        checkpoint: { everySeconds: 0, save: () => Promise.resolve() },
      });
    });
  });
});
