import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { DomainError } from '../../src/errors.js';
import { trainLoop } from '../../src/train/index.js';
import type { Batch, BatchLoss, TrainProgress, TrainStage } from '../../src/train/index.js';
import { expectNoLeak } from '../support/leaks.js';

const ROWS = 50;
/** y = 3 x - 1 on a grid. */
const xs = Float32Array.from({ length: ROWS }, (_, i) => i / ROWS - 0.5);
const ys = xs.map((x) => 3 * x - 1);

function lineLoss(slope: tf.Variable, offset: tf.Variable): (batch: Batch) => BatchLoss {
  return ({ indices }) => {
    const x = tf.tensor1d(Float32Array.from(indices, (i) => xs[i]));
    const y = tf.tensor1d(Float32Array.from(indices, (i) => ys[i]));
    const error: tf.Scalar = tf.mean(tf.squaredDifference(tf.add(tf.mul(x, slope), offset), y));
    return { total: error, parts: { error } };
  };
}

/** A variable, without the tensor that it was made from. */
function variableOf(value: number): tf.Variable {
  return tf.tidy(() => tf.variable(tf.scalar(value)));
}

interface Line {
  readonly slope: number;
  readonly offset: number;
}

/** Fit the line and free everything. */
async function fitLine(
  change: Partial<TrainStage> = {},
  options: Partial<Parameters<typeof trainLoop>[0]> = {},
): Promise<Line> {
  const slope = variableOf(0);
  const offset = variableOf(0);
  const stage: TrainStage = {
    name: 'line',
    epochs: 40,
    decay: 'cosine',
    groups: [{ variables: [slope, offset], learningRate: 0.1 }],
    loss: lineLoss(slope, offset),
    ...change,
  };
  try {
    await trainLoop({ rows: ROWS, batchSize: 8, seed: 1, stages: [stage], ...options });
    return { slope: (await slope.data())[0], offset: (await offset.data())[0] };
  } finally {
    tf.dispose([slope, offset]);
  }
}

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe('trainLoop', () => {
  it('finds a known line', async () => {
    const { slope, offset } = await fitLine();
    expect(slope).toBeCloseTo(3, 2);
    expect(offset).toBeCloseTo(-1, 2);
  });

  it('property: same seed, same bits; another seed, other bits', async () => {
    const first = await fitLine({ epochs: 3 });
    expect(await fitLine({ epochs: 3 })).toEqual(first);
    expect(await fitLine({ epochs: 3 }, { seed: 2 })).not.toEqual(first);
  });

  it('property: every epoch visits every row once, in a new order', async () => {
    const seen: number[] = [];
    const variable = variableOf(1);
    const loss = ({ indices }: Batch): BatchLoss => {
      seen.push(...indices);
      return { total: tf.square(variable).asScalar(), parts: {} };
    };
    const groups = [{ variables: [variable], learningRate: 0.1 }];
    const stage: TrainStage = { name: 's', epochs: 2, decay: 'none', groups, loss };
    await trainLoop({ rows: 11, batchSize: 4, seed: 3, stages: [stage] });
    variable.dispose();
    const all = Array.from({ length: 11 }, (_, i) => i);
    const [first, second] = [seen.slice(0, 11), seen.slice(11)];
    expect([...first].sort((a, b) => a - b)).toEqual(all);
    expect([...second].sort((a, b) => a - b)).toEqual(all);
    expect(first).not.toEqual(second);
  });

  it('reports epochs, steps, losses and time', async () => {
    const reports: TrainProgress[] = [];
    await fitLine({ epochs: 4 }, { onProgress: (progress) => reports.push(progress) });
    expect(reports.map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4]);
    expect(reports.map(({ step }) => step)).toEqual([7, 14, 21, 28]);
    for (const report of reports) {
      expect(report).toMatchObject({ stage: 'line', epochs: 4, steps: 28 });
      expect(report.loss).toBeCloseTo(report.parts.error, 6);
      expect(report.secondsElapsed).toBeGreaterThan(0);
    }
    expect(reports[3].loss).toBeLessThan(reports[0].loss);
    expect(reports[3].secondsLeft).toBe(0);
  });

  it('reports within long epochs too', async () => {
    const reports: TrainProgress[] = [];
    const options = { batchSize: 1, onProgress: (p: TrainProgress) => reports.push(p) };
    await fitLine({ epochs: 1 }, options);
    expect(reports.map(({ step }) => step)).toEqual([20, 40, 50]);
  });

  it('starts each stage before its first step, and waits for that', async () => {
    const calls: string[] = [];
    const variable = variableOf(1);
    const stage = (name: string): TrainStage => ({
      ...{ name, epochs: 1, decay: 'none' },
      groups: [{ variables: [variable], learningRate: 0.1 }],
      start: async () => {
        await Promise.resolve();
        calls.push(`${name} starts`);
      },
      loss: () => {
        calls.push(name);
        return { total: tf.square(variable).asScalar(), parts: {} };
      },
    });
    const stages = [stage('one'), stage('two')];
    await trainLoop({ rows: 2, batchSize: 1, seed: 1, stages });
    variable.dispose();
    expect(calls).toEqual(['one starts', 'one', 'one', 'two starts', 'two', 'two']);
  });

  it('counts over stages and keeps the rates of groups apart', async () => {
    const [moved, still] = [variableOf(1), variableOf(1)];
    const loss = (): BatchLoss => ({
      total: tf.addN([tf.square(moved), tf.square(still)]).asScalar(),
      parts: {},
    });
    const groups = [
      { variables: [moved], learningRate: 0.1 },
      { variables: [still], learningRate: 0 },
    ];
    const stage: TrainStage = { name: 'one', epochs: 1, decay: 'none', groups, loss };
    const stages = [stage, { ...stage, name: 'two' }];
    const seen: string[] = [];
    const onProgress = ({ stage: name, epoch, step, steps }: TrainProgress): void => {
      seen.push(`${name} ${epoch} ${step}/${steps}`);
    };
    await trainLoop({ rows: 4, batchSize: 2, seed: 1, stages, onProgress });
    expect(seen).toEqual(['one 1 2/4', 'two 2 4/4']);
    expect((await moved.data())[0]).toBeLessThan(1);
    expect((await still.data())[0]).toBe(1);
    tf.dispose([moved, still]);
  });

  it('an abort from a timer ends it with the reason', async () => {
    const reason = new Error('enough');
    const controller = new AbortController();
    setTimeout(() => controller.abort(reason), 20);
    await expectNoLeak(async () => {
      const run = fitLine({ epochs: 100_000 }, { signal: controller.signal });
      await expect(run).rejects.toBe(reason);
    });
  });

  it('error: a loss that is not finite names stage, part and step', async () => {
    await expectNoLeak(async () => {
      let step = 0;
      const variable = variableOf(1);
      const loss = (): BatchLoss => {
        const total = tf.mul(variable, ++step === 3 ? NaN : 1).asScalar();
        return { total, parts: { fine: tf.scalar(1), broken: total } };
      };
      const groups = [{ variables: [variable], learningRate: 0.1 }];
      await expect(fitLine({ groups, loss })).rejects.toThrow(
        "train: loss part 'broken' of stage 'line' must stay finite, got NaN at step 3.",
      );
      step = 0;
      await expect(fitLine({ groups, loss })).rejects.toThrow(DomainError);
      variable.dispose();
    });
  });

  it('memory: no tensor is left after a run', async () => {
    await expectNoLeak(async () => {
      await fitLine({ epochs: 2 });
    });
  });
});
