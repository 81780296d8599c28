import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { DomainError, ShapeError } from '../../../src/errors.js';
import { Sage } from '../../../src/models/index.js';
import type {
  EpochRecord,
  SageConfigInput,
  SageFitOptions,
  TrainSnapshot,
} from '../../../src/models/index.js';
import { expectNoLeak } from '../../support/leaks.js';
import { blobs, QUICK } from './toy.js';

interface Fitted {
  readonly epochs: EpochRecord[];
  readonly weights: Record<string, unknown>;
}

const data = blobs(80, 3);

async function fit(config: SageConfigInput, options: SageFitOptions = {}): Promise<Fitted> {
  const sage = new Sage({ ...QUICK, ...config });
  const epochs: EpochRecord[] = [];
  try {
    await sage.fit(data.x, data.targets, { ...options, onEpochEnd: (e) => epochs.push(e) });
    return { epochs, weights: (await sage.toArtifacts()).arrays };
  } finally {
    sage.dispose();
  }
}

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe('training options of Sage', () => {
  it('each of them changes the weights, and the same ones give the same bits', async () => {
    const options: SageConfigInput[] = [
      {},
      { warmUpEpochs: 2 },
      { optimizer: 'adamw' },
      { optimizer: 'adamw', weightDecay: 0.5 },
      { optimizer: 'sgd', momentum: 0.5 },
      { clipNorm: 0.1 },
      { validationFraction: 0.2 },
    ];
    const seen = new Set<string>();
    for (const config of options) {
      const { weights } = await fit({ ...config, epochs: 2 });
      expect((await fit({ ...config, epochs: 2 })).weights).toEqual(weights);
      seen.add(JSON.stringify(weights['encoder.1.kernel']));
    }
    expect(seen.size).toBe(options.length);
  });

  it('a stage ends when the validation loss gets no better, with the weights of its best epoch', async () => {
    // Too fast to settle: the loss jumps about.
    const config = {
      epochs: 60,
      learningRate: 0.2,
      validationFraction: 0.25,
      patience: 3,
    } as const;
    const { epochs, weights } = await fit(config);
    expect(epochs.length).toBeLessThan(60);
    const losses = epochs.map(({ validation }) => validation?.loss ?? NaN);
    const best = losses.indexOf(Math.min(...losses));
    expect(best).toBe(epochs.length - 1 - 3);
    // The weights after that epoch, by stopping there.
    const controller = new AbortController();
    let snapshot: TrainSnapshot | undefined;
    const checkpoint = {
      everySeconds: 0,
      save: (now: TrainSnapshot) => {
        if (now.epoch === best + 1) {
          snapshot = now;
          controller.abort(new Error('there'));
        }
        return Promise.resolve();
      },
    };
    await expect(fit(config, { checkpoint, signal: controller.signal })).rejects.toThrow('there');
    const names = Object.keys(weights).filter((name) => /^(encoder|decoder|head)\./.test(name));
    expect(snapshot?.variables).toHaveLength(names.length);
    for (const { data: values } of snapshot?.variables ?? []) {
      expect(names.map((name) => (weights[name] as { data: Float32Array }).data)).toContainEqual(
        values,
      );
    }
  });

  it('works in both stages, with a centre loss, and leaves nothing', async () => {
    await expectNoLeak(async () => {
      const { epochs } = await fit({
        training: 'two-stage',
        lossWeights: { center: 0.1 },
        epochs: 3,
        validationFraction: 0.2,
        patience: 1,
      });
      expect(new Set(epochs.map(({ stage }) => stage))).toEqual(
        new Set(['task', 'reconstruction']),
      );
    });
  });

  it('error: a weight decay that Adam would not use, and too few rows to hold any out', async () => {
    expect(() => new Sage({ weightDecay: 0.1 })).toThrow(DomainError);
    expect(() => new Sage({ weightDecay: 0.1 })).toThrow(
      "Sage: config.weightDecay must be null with optimizer 'adam', got 0.1. Set optimizer to 'adamw'.",
    );
    expect(() => new Sage({ patience: 0 })).toThrow(
      'config.patience must be null or an integer >= 1',
    );
    const few = blobs(3, 1);
    const sage = new Sage({ ...QUICK, k: 1, validationFraction: 0.1, calibrationFraction: 0.5 });
    await expect(sage.fit(few.x, few.targets)).rejects.toThrow(ShapeError);
  });
});
