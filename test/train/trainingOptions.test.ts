import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { DomainError } from '../../src/errors.js';
import { DivergenceError, trainLoop } from '../../src/train/index.js';
import type {
  Batch,
  BatchLoss,
  EpochRecord,
  StepRecord,
  TrainLoopOptions,
  TrainResult,
  TrainSnapshot,
  TrainStage,
} from '../../src/train/index.js';
import { expectNoLeak } from '../support/leaks.js';

const ROWS = 45;
const xs = Float32Array.from({ length: ROWS }, (_, i) => Math.sin(i));

interface Ended extends TrainResult {
  readonly weight: number;
}

/** Move one weight to 2 by (weight - 2)^2 and free everything. */
async function train(
  change: Partial<TrainStage> | ((weight: tf.Variable) => Partial<TrainStage>) = {},
  options: Partial<TrainLoopOptions> = {},
): Promise<Ended> {
  const weight = tf.tidy(() => tf.variable(tf.scalar(0)));
  const stage: TrainStage = {
    name: 'only',
    epochs: 6,
    decay: 'none',
    groups: [{ variables: [weight], learningRate: 0.1 }],
    loss: () => {
      const total = tf.square(tf.sub(weight, 2)).asScalar();
      return { total, parts: { bowl: total } };
    },
    ...(typeof change === 'function' ? change(weight) : change),
  };
  try {
    const result = await trainLoop({
      rows: ROWS,
      batchSize: 9,
      seed: 1,
      stages: [stage],
      ...options,
    });
    return { ...result, weight: (await weight.data())[0] };
  } finally {
    weight.dispose();
  }
}

const scalars = (value: number): BatchLoss => {
  const total = tf.scalar(value);
  return { total, parts: { own: total } };
};

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe('history and callbacks', () => {
  it('gives one record per epoch, with losses, rate and time', async () => {
    const seen: EpochRecord[] = [];
    const { history, steps, stopped } = await train(
      { decay: { kind: 'step', everyEpochs: 2, factor: 0.5 } },
      { onEpochEnd: (epoch) => seen.push(epoch) },
    );
    expect(seen).toEqual(history);
    expect(stopped).toBe(false);
    expect(steps).toBe(30);
    expect(history.map(({ epoch, step, stage }) => [epoch, step, stage])).toEqual(
      [5, 10, 15, 20, 25, 30].map((step, i) => [i + 1, step, 'only']),
    );
    expect(history.map(({ learningRate }) => learningRate)).toEqual(
      [1, 1, 0.5, 0.5, 0.25, 0.25].map((factor) => 0.1 * factor),
    );
    for (const { loss, parts, seconds } of history) {
      expect(parts).toEqual({ bowl: loss });
      expect(seconds).toBeGreaterThan(0);
    }
  });

  it('onStep sees every step in order, and the means are those of its losses', async () => {
    const seen: StepRecord[] = [];
    const { history } = await train(
      { clip: { norm: 1 } },
      { stepsPerRead: 2, onStep: (step) => seen.push(step) },
    );
    expect(seen.map(({ step }) => step)).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
    expect(seen[0].loss).toBe(4);
    expect(seen[0].gradientNorm).toBe(4);
    const second = seen.filter(({ epoch }) => epoch === 2);
    const mean = (of: (step: StepRecord) => number): number =>
      second.reduce((sum, step) => sum + of(step), 0) / second.length;
    expect(history[1].loss).toBeCloseTo(
      mean(({ loss }) => loss),
      12,
    );
    expect(history[1].gradientNorm).toBeCloseTo(
      mean((step) => step.gradientNorm ?? NaN),
      12,
    );
    expect(history[1].parts).not.toHaveProperty('gradientNorm');
  });

  it('both may stop training, within an epoch and after one', async () => {
    const within = await train(
      {},
      { stepsPerRead: 1, onStep: ({ step }, stop) => step === 7 && stop() },
    );
    expect(within).toMatchObject({ steps: 7, stopped: true });
    expect(within.history).toHaveLength(1);
    const after = await train(
      {},
      {
        onEpochEnd: async ({ epoch }, stop) => {
          await Promise.resolve();
          if (epoch === 2) stop();
        },
      },
    );
    expect(after).toMatchObject({ steps: 10, stopped: true });
  });
});

describe('inputs made ahead', () => {
  /** What each step saw, and what was made. */
  async function withInputs(
    isAsync: boolean,
    options: Partial<TrainLoopOptions> = {},
  ): Promise<{ weight: number; steps: number[][]; made: number }> {
    const steps: number[][] = [];
    let made = 0;
    const { weight } = await train(
      (variable) => ({
        epochs: 2,
        inputs: (indices, rng) => {
          made++;
          const noisy = Float32Array.from(indices, (i) => xs[i] + 0.1 * rng.normal());
          const inputs = { x: tf.tensor1d(noisy) };
          return isAsync ? Promise.resolve(inputs) : inputs;
        },
        loss: ({ inputs, indices }: Batch): BatchLoss => {
          expect(inputs.x.shape).toEqual([indices.length]);
          steps.push([...inputs.x.dataSync()]);
          const total = tf.mean(tf.square(tf.sub(tf.mul(variable, inputs.x), 1))).asScalar();
          return { total, parts: {} };
        },
      }),
      options,
    );
    return { weight, steps, made };
  }

  it('are those of the step, sync or async, and nothing is left', async () => {
    await expectNoLeak(async () => {
      const sync = await withInputs(false);
      expect(sync.made).toBe(10);
      expect(await withInputs(true)).toEqual(sync);
      // The noise of a step does not depend on when it is drawn: other steps, other noise.
      expect(new Set(sync.steps.flat()).size).toBe(2 * ROWS);
    });
  });

  it('are the same when training goes on within an epoch', async () => {
    const all: TrainSnapshot[] = [];
    const save = (snapshot: TrainSnapshot): Promise<void> => {
      all.push(snapshot);
      return Promise.resolve();
    };
    const whole = await withInputs(true, {
      checkpoint: { everySeconds: Infinity, everySteps: 3, save },
    });
    expect(all.map(({ steps }) => steps)).toEqual([3, 6, 9]);
    for (const resume of all) {
      const rest = await withInputs(true, { resume });
      expect(rest.weight).toBe(whole.weight);
      expect(rest.steps).toEqual(whole.steps.slice(resume.steps));
    }
  });

  it('an error in them, or an abort, ends training and frees what was made', async () => {
    await expectNoLeak(async () => {
      const fail = new Error('disk');
      let calls = 0;
      const inputs = (): Promise<{ x: tf.Tensor }> =>
        ++calls === 3 ? Promise.reject(fail) : Promise.resolve({ x: tf.scalar(1) });
      await expect(train({ inputs })).rejects.toBe(fail);
      calls = 10;
      const controller = new AbortController();
      const options: Partial<TrainLoopOptions> = {
        stepsPerRead: 1,
        signal: controller.signal,
        onStep: ({ step }) => step === 2 && controller.abort(fail),
      };
      await expect(train({ inputs }, options)).rejects.toBe(fail);
    });
  });
});

describe('validation and early stopping', () => {
  /** Validation losses of the epochs, in order; the weight moves by 1 in each. */
  const course = (
    values: readonly number[],
    stopping: TrainStage['stopping'],
    options: Partial<TrainLoopOptions> = {},
    before = 0,
  ): Promise<Ended> => {
    let epoch = before;
    return train(
      (weight) => ({
        epochs: values.length,
        optimizer: { kind: 'sgd' },
        groups: [{ variables: [weight], learningRate: 0.2 }],
        // Five steps of -0.2 times a slope of -1.
        loss: () => ({ total: tf.neg(weight).asScalar(), parts: {} }),
        validation: { rows: 1, loss: () => scalars(values[epoch++]) },
        stopping,
      }),
      options,
    );
  };

  it('weights the rows of batches of different size alike', async () => {
    const { history } = await train({
      epochs: 1,
      validation: {
        rows: 5,
        batchSize: 2,
        inputs: (indices) => ({ i: tf.tensor1d(Float32Array.from(indices)) }),
        loss: ({ inputs }) => {
          const mean = tf.mean(inputs.i).asScalar();
          return { total: mean, parts: { twice: tf.mul(mean, 2).asScalar() } };
        },
      },
    });
    expect(history[0].validation).toEqual({ loss: 2, parts: { twice: 4 } });
  });

  it('ends after its patience and puts the best weights back', async () => {
    const losses = [5, 4, 3, 3.5, 3, 3.2, 1];
    const { history, weight, best, steps } = await course(losses, { patience: 3 });
    expect(history).toHaveLength(6);
    expect(best).toEqual({ epoch: 3, value: 3 });
    expect(weight).toBeCloseTo(3, 5);
    expect(steps).toBe(30);
  });

  it('keeps the best weights without ever ending, and counts only what is better enough', async () => {
    const losses = [5, 4, 3.9, 3.8, 6];
    const all = await course(losses, { patience: Infinity });
    expect(all.history).toHaveLength(5);
    expect(all.weight).toBeCloseTo(4, 5);
    const coarse = await course(losses, { patience: 2, minDelta: 0.5 });
    expect(coarse.history).toHaveLength(4);
    expect(coarse.weight).toBeCloseTo(2, 5);
  });

  it('watches what it is told to, in either direction', async () => {
    const up = await course([1, 2, 3, 2, 2], {
      patience: 2,
      quantity: 'validation.own',
      mode: 'max',
    });
    expect(up.best).toEqual({ epoch: 3, value: 3 });
    const down = await course([1, 2, 3, 4, 5], { patience: 2, quantity: 'loss' });
    expect(down.history).toHaveLength(5);
  });

  it('later stages follow, and progress counts what is left', async () => {
    const weight = tf.tidy(() => tf.variable(tf.scalar(0)));
    const groups = [{ variables: [weight], learningRate: 0 }];
    const loss = (): BatchLoss => ({ total: tf.square(weight).asScalar(), parts: {} });
    const stage: TrainStage = { name: 'one', epochs: 10, decay: 'none', groups, loss };
    const stages = [
      { ...stage, stopping: { patience: 1 } },
      { ...stage, name: 'two', epochs: 2 },
    ];
    const seen: number[][] = [];
    const { history } = await trainLoop({
      rows: 2,
      batchSize: 2,
      seed: 1,
      stages,
      onProgress: ({ epoch, epochs, step, steps }) => seen.push([epoch, epochs, step, steps]),
    });
    weight.dispose();
    expect(history.map(({ stage: name, epoch }) => [name, epoch])).toEqual([
      ['one', 1],
      ['one', 2],
      ['two', 3],
      ['two', 4],
    ]);
    expect(seen.at(-1)).toEqual([4, 4, 4, 4]);
  });

  it('goes on from any checkpoint with the same end', async () => {
    const losses = [5, 4, 3, 3.5, 3, 3.2, 1];
    const all: TrainSnapshot[] = [];
    const save = (snapshot: TrainSnapshot): Promise<void> => {
      all.push(snapshot);
      return Promise.resolve();
    };
    const checkpoint = { everySeconds: Infinity, everySteps: 4, save };
    const { history, ...whole } = await course(losses, { patience: 3 }, { checkpoint });
    const plain = (records: readonly EpochRecord[]): unknown =>
      records.map((record) => ({ ...record, seconds: 0 }));
    expect(all.map(({ steps }) => steps)).toEqual([4, 8, 12, 16, 20, 24, 28]);
    for (const resume of all) {
      const { history: again, ...rest } = await course(
        losses,
        { patience: 3 },
        { resume },
        resume.epoch,
      );
      expect(rest).toEqual(whole);
      expect(plain(again)).toEqual(plain(history));
    }
  });

  it('memory: nothing is left, with validation, best weights and checkpoints', async () => {
    await expectNoLeak(async () => {
      const checkpoint = { everySeconds: 0, save: () => Promise.resolve() };
      await course([3, 2, 1, 4, 5], { patience: 1 }, { checkpoint });
    });
  });
});

describe('losses that are not finite', () => {
  const broken = (at: number): Partial<TrainStage> => {
    let step = 0;
    return {
      loss: () => {
        const total = tf.scalar(1);
        return { total, parts: { broken: tf.scalar(++step === at ? NaN : 1) } };
      },
    };
  };

  it('name step, part and the last good checkpoint', async () => {
    const checkpoint = { everySeconds: Infinity, everySteps: 4, save: () => Promise.resolve() };
    // The loss does not depend on the weight: the gradient must be there all the same.
    const stage = (weight: tf.Variable): Partial<TrainStage> => {
      const { loss } = broken(7) as { loss: () => BatchLoss };
      return {
        loss: () => {
          const { parts } = loss();
          return { total: tf.square(weight).asScalar(), parts };
        },
      };
    };
    const error = await train(stage, { checkpoint }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(DivergenceError);
    expect(error).toBeInstanceOf(DomainError);
    expect(error).toMatchObject({ stage: 'only', step: 7, lastGood: 4 });
    expect((error as Error).message).toBe(
      "train: loss part 'broken' of stage 'only' must stay finite, got NaN at step 7. Lower " +
        'learningRate, or check the scale of the rows and targets. The checkpoint of step 4 is good.',
    );
  });

  it('weights that are not finite get into no checkpoint', async () => {
    const saved: TrainSnapshot[] = [];
    const checkpoint = {
      everySeconds: Infinity,
      everySteps: 1,
      save: (snapshot: TrainSnapshot) => {
        saved.push(snapshot);
        return Promise.resolve();
      },
    };
    // The root has an infinite slope at 0, where its value is finite.
    const run = train(
      (weight) => ({
        loss: () => ({ total: tf.sqrt(tf.square(weight)).asScalar(), parts: {} }),
      }),
      { checkpoint },
    );
    await expect(run).rejects.toThrow(
      "a weight of stage 'only' must stay finite, got NaN at step 1. Lower learningRate, or check " +
        'the scale of the rows and targets. No checkpoint was made before it.',
    );
    expect(saved).toHaveLength(0);
  });

  it('the length of clipped gradients is looked at too, and a validation loss', async () => {
    const steep = train((weight) => ({
      clip: { norm: 1 },
      loss: () => ({ total: tf.mul(weight, 1e30).asScalar(), parts: {} }),
    }));
    await expect(steep).rejects.toThrow(
      "the length of the gradients of stage 'only' must stay finite, got Infinity at step 1",
    );
    const validated = train({ validation: { rows: 1, loss: () => scalars(Infinity) } });
    await expect(validated).rejects.toThrow(
      "validation loss part 'own' of stage 'only' must stay finite, got Infinity at step 5",
    );
  });

  it('with early stopping the best weights are put back', async () => {
    const weight = tf.tidy(() => tf.variable(tf.scalar(0)));
    let step = 0;
    const stage: TrainStage = {
      name: 'only',
      epochs: 5,
      decay: 'none',
      optimizer: { kind: 'sgd' },
      groups: [{ variables: [weight], learningRate: 1 }],
      loss: () => ({ total: tf.mul(weight, ++step === 4 ? NaN : -1).asScalar(), parts: {} }),
      stopping: { patience: 9 },
    };
    const run = trainLoop({ rows: 2, batchSize: 2, seed: 1, stages: [stage] });
    await expect(run).rejects.toThrow(DivergenceError);
    expect((await weight.data())[0]).toBe(3);
    weight.dispose();
  });
});

describe('options that are refused before anything moves', () => {
  const cases: readonly [string, Partial<TrainStage>, Partial<TrainLoopOptions>][] = [
    ['batchSize must be an integer >= 1, got 0', {}, { batchSize: 0 }],
    ['stepsPerRead must be an integer >= 1, got 1.5', {}, { stepsPerRead: 1.5 }],
    [
      'checkpoint.everySteps must be an integer >= 1, got 0',
      {},
      { checkpoint: { everySeconds: 1, everySteps: 0, save: () => Promise.resolve() } },
    ],
    [
      'checkpoint.everySeconds must be a number >= 0, or Infinity, got NaN',
      {},
      { checkpoint: { everySeconds: NaN, save: () => Promise.resolve() } },
    ],
    ['stages[0].clip.norm must be a finite number > 0, got 0', { clip: { norm: 0 } }, {}],
    [
      'stages[0].optimizer.beta2 must be in [0, 1), got 2',
      { optimizer: { kind: 'adam', beta2: 2 } },
      {},
    ],
    [
      'stages[0].decay.factor must be a finite number > 0, got 0',
      { decay: { kind: 'exponential', factor: 0 } },
      {},
    ],
    [
      'stages[0].stopping.patience must be an integer >= 1 or Infinity, got 0',
      { stopping: { patience: 0 } },
      {},
    ],
    [
      "stages[0].stopping.quantity must be a training loss in a stage without validation, got 'validation.loss'",
      { stopping: { patience: 1, quantity: 'validation.loss' } },
      {},
    ],
    [
      'stages[0].validation.rows must be an integer >= 1, got 0',
      { validation: { rows: 0, loss: () => scalars(1) } },
      {},
    ],
  ];

  it.each(cases)('error: %s', async (message, change, options) => {
    await expect(train(change, options)).rejects.toThrow(`train: ${message}`);
  });

  it('error: a quantity that the epoch lacks names those that it has', async () => {
    const run = train({ stopping: { patience: 1, quantity: 'bow' } });
    await expect(run).rejects.toThrow(
      "stopping.quantity of stage 'only' must be one of bowl, loss, got 'bow'",
    );
  });

  it('error: a checkpoint of another number of steps', async () => {
    const all: TrainSnapshot[] = [];
    const save = (snapshot: TrainSnapshot): Promise<void> => {
      all.push(snapshot);
      return Promise.resolve();
    };
    await train({}, { checkpoint: { everySeconds: Infinity, everySteps: 4, save } });
    await expect(train({}, { resume: all[0], batchSize: ROWS })).rejects.toThrow(
      'the checkpoint must be of the same stages, groups, epochs and number of steps in an epoch, ' +
        'got stage 0, epoch 0, step 4 of it, 1 groups',
    );
    await expect(train({ optimizer: { kind: 'sgd' } }, { resume: all[0] })).rejects.toThrow(
      'must hold 0 powers and 0 moments of an optimiser',
    );
  });
});
