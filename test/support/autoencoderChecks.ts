import { expect, it } from 'vitest';
import { NotFittedError } from '../../src/errors.js';
import type { TrainCheckpoint, TrainProgress, TrainSnapshot } from '../../src/train/index.js';
import type { Artifacts } from '../../src/util/artifacts.js';
import { sliceRows, takeRows } from '../../src/util/rows.js';
import type { Rows } from '../../src/util/rows.js';
import { expectNoLeak } from './leaks.js';

/** What a check may hand to fit beside rows. */
export interface CheckedFitOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: TrainProgress) => void;
  readonly checkpoint?: TrainCheckpoint;
  readonly resume?: TrainSnapshot;
}

/** What the checks need of a model; one that needs targets or conditions takes them in its adapter. */
export interface CheckedAutoencoder {
  readonly config: object;
  readonly fitted: boolean;
  fit(x: Rows, options?: CheckedFitOptions): Promise<unknown>;
  encode(x: Rows, options?: { batchRows?: number }): Promise<Rows>;
  reconstruct(x: Rows, options?: { batchRows?: number }): Promise<Rows>;
  toArtifacts(): Promise<Artifacts>;
  dispose(): void;
}

export interface AutoencoderCase {
  /** A model with settings under which it trains in about a second, made from any part of a config. */
  make(config?: Record<string, unknown>): CheckedAutoencoder;
  load(artifacts: Artifacts): CheckedAutoencoder;
  /** Training rows, and others of the same shape. */
  readonly train: Rows;
  readonly other: Rows;
  /** Most that a value may differ when rows are passed in other batches. Default 1e-5. */
  readonly batchTolerance?: number;
  /** Whether one row is enough to train on. Default true; otherwise fit must refuse it in words. */
  readonly learnsFromOneRow?: boolean;
  /** What fit answers for, if it is not the result of the encoder: see `fit returns the model`. */
  readonly fitReturnsOther?: boolean;
}

type Fitted = <T>(use: (model: CheckedAutoencoder) => Promise<T>) => Promise<T>;

/** Declare the checks that every autoencoder passes. */
export function autoencoderChecks(test: AutoencoderCase): void {
  const fitted: Fitted = async (use) => {
    const model = test.make();
    try {
      await model.fit(test.train);
      return await use(model);
    } finally {
      model.dispose();
    }
  };
  checkConfig(test);
  checkLife(test, fitted);
  checkResume(test);
  checkTrainingOptions(test);
  checkPasses(test, fitted);
  checkRefusals(test, fitted);
  checkEdges(test);
}

function checkConfig(test: AutoencoderCase): void {
  it('check: the config is plain JSON, frozen, and not changed by fit', async () => {
    const model = test.make();
    const { config } = model;
    const before = JSON.stringify(config);
    expect(JSON.parse(before)).toEqual(config);
    expect(Object.isFrozen(config)).toBe(true);
    expect(() => Object.assign(config, { seed: 99 })).toThrow(TypeError);
    await model.fit(test.train);
    expect(JSON.stringify(model.config)).toBe(before);
    model.dispose();
  });

  it('check: bad settings are refused by name', () => {
    expect(() => test.make({ nonsense: 1 })).toThrow('config must have known keys only');
    expect(() => test.make({ latentDim: 0 })).toThrow('config.latentDim must be an integer >= 1');
    expect(() => test.make({ learningRate: -1 })).toThrow(
      'config.learningRate must be a finite number > 0, got -1',
    );
    expect(() => test.make({ batchSize: 1.5 })).toThrow('config.batchSize must be an integer >= 1');
    expect(() => test.make({ seed: NaN })).toThrow('config.seed must be an integer >= 0');
  });
}

function checkLife(test: AutoencoderCase, fitted: Fitted): void {
  const { train, other } = test;

  it('check: fit returns the model', async () => {
    const model = test.make();
    expect(model.fitted).toBe(false);
    const answer = await model.fit(train);
    expect(model.fitted).toBe(true);
    if (test.fitReturnsOther !== true) expect(answer).toBe(model);
    model.dispose();
  });

  it('check: not fitted, every use says so', async () => {
    const model = test.make();
    await expect(model.encode(train)).rejects.toThrow(NotFittedError);
    await expect(model.reconstruct(train)).rejects.toThrow(NotFittedError);
    await expect(model.toArtifacts()).rejects.toThrow('must be fitted first');
  });

  it('check: same seed, same weights to the bit; another seed, others', async () => {
    const saved = await fitted((model) => model.toArtifacts());
    expect(await fitted((model) => model.toArtifacts())).toEqual(saved);
    const model = test.make({ seed: 1234 });
    await model.fit(train);
    expect((await model.toArtifacts()).arrays).not.toEqual(saved.arrays);
    model.dispose();
  });

  it('check: a second fit forgets the first', async () => {
    await fitted(async (model) => {
      const first = await model.toArtifacts();
      await model.fit(other);
      expect((await model.toArtifacts()).arrays).not.toEqual(first.arrays);
      await model.fit(train);
      expect(await model.toArtifacts()).toEqual(first);
    });
  });

  it('check: save and load give the same bits', async () => {
    await fitted(async (model) => {
      const loaded = test.load(await model.toArtifacts());
      expect(loaded.fitted).toBe(true);
      expect(loaded.config).toEqual(model.config);
      expect(await loaded.encode(other)).toEqual(await model.encode(other));
      expect(await loaded.reconstruct(other)).toEqual(await model.reconstruct(other));
      expect(await loaded.toArtifacts()).toEqual(await model.toArtifacts());
      loaded.dispose();
    });
  });

  it('check: an aborted fit keeps the fitted model and leaks nothing', async () => {
    await fitted(async (model) => {
      const before = await model.toArtifacts();
      const reason = new Error('stop');
      await expectNoLeak(async () => {
        const early = model.fit(other, { signal: AbortSignal.abort(reason) });
        await expect(early).rejects.toBe(reason);
        const late = new AbortController();
        const onProgress = (): void => late.abort(reason);
        await expect(model.fit(other, { signal: late.signal, onProgress })).rejects.toBe(reason);
      });
      expect(await model.toArtifacts()).toEqual(before);
    });
  });

  it('check: dispose frees every tensor, and twice is harmless', async () => {
    await expectNoLeak(async () => {
      const model = await fitted(async (used) => {
        await used.reconstruct(train);
        return used;
      });
      model.dispose();
      expect(model.fitted).toBe(false);
      await expect(model.encode(train)).rejects.toThrow(NotFittedError);
    });
  });
}

function checkResume(test: AutoencoderCase): void {
  it('check: a fit resumed from a checkpoint gives the same bits', async () => {
    const snapshots: TrainSnapshot[] = [];
    const save = (snapshot: TrainSnapshot): Promise<void> => {
      snapshots.push(snapshot);
      return Promise.resolve();
    };
    const whole = test.make();
    await whole.fit(test.train, { checkpoint: { everySeconds: 0, save } });
    expect(snapshots.length).toBeGreaterThan(1);
    const resumed = test.make();
    await resumed.fit(test.train, { resume: snapshots[Math.floor(snapshots.length / 2) - 1] });
    expect(await resumed.toArtifacts()).toEqual(await whole.toArtifacts());
    whole.dispose();
    resumed.dispose();
  });
}

function checkTrainingOptions(test: AutoencoderCase): void {
  it('check: it trains with the options of the loop, and resumes with them to the same bits', async () => {
    const options = {
      ...{ optimizer: 'sgd', weightDecay: 1e-3, clipNorm: 1, warmUpEpochs: 1, dropout: 0 },
      ...{ validationFraction: 0.25, patience: 1, learningRate: 1e-3, epochs: 4 },
    };
    const snapshots: TrainSnapshot[] = [];
    const save = (snapshot: TrainSnapshot): Promise<void> => {
      snapshots.push(snapshot);
      return Promise.resolve();
    };
    const whole = test.make(options);
    await whole.fit(test.train, { checkpoint: { everySeconds: 0, save } });
    const [first] = snapshots[0].history ?? [];
    expect(first.validation?.loss).toBeGreaterThan(0);
    expect(first.gradientNorm).toBeGreaterThan(0);
    const resumed = test.make(options);
    await resumed.fit(test.train, { resume: snapshots[0] });
    expect(await resumed.toArtifacts()).toEqual(await whole.toArtifacts());
    whole.dispose();
    resumed.dispose();
    expect(() => test.make({ optimizer: 'adam', weightDecay: 1 })).toThrow(
      "config.weightDecay must be null with optimizer 'adam'",
    );
  });
}

function checkPasses(test: AutoencoderCase, fitted: Fitted): void {
  const { train, other, batchTolerance = 1e-5 } = test;
  const expectNear = (got: Rows, want: Rows): void => {
    expect(got.data).toHaveLength(want.data.length);
    const scale = want.data.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
    got.data.forEach((value, i) => {
      expect(Math.abs(value - want.data[i])).toBeLessThanOrEqual(batchTolerance * scale);
    });
  };

  it('check: what a row gives does not depend on its batch', async () => {
    await fitted(async (model) => {
      for (const pass of ['encode', 'reconstruct'] as const) {
        const whole = await model[pass](other);
        expectNear(await model[pass](other, { batchRows: 3 }), whole);
        expectNear(await model[pass](sliceRows(other, 0, 1)), sliceRows(whole, 0, 1));
        const order = Array.from({ length: other.count }, (_, i) => other.count - 1 - i);
        expectNear(await model[pass](takeRows(other, order)), takeRows(whole, order));
      }
    });
  });

  it('check: shapes are those of latents and rows, and all values are finite', async () => {
    await fitted(async (model) => {
      const [latents, rows] = [await model.encode(other), await model.reconstruct(other)];
      expect(latents.count).toBe(other.count);
      expect(rows).toMatchObject({ count: other.count, rowShape: [...other.rowShape] });
      expect(latents.data.every(Number.isFinite)).toBe(true);
      expect(rows.data.every(Number.isFinite)).toBe(true);
    });
  });

  it('check: fit and passes leave rows as they were, and passes leak nothing', async () => {
    const before = [train.data.slice(), other.data.slice()];
    await fitted(async (model) => {
      await expectNoLeak(async () => {
        await model.encode(other);
        await model.reconstruct(other);
      });
    });
    expect([train.data, other.data]).toEqual(before);
  });
}

function checkRefusals(test: AutoencoderCase, fitted: Fitted): void {
  const { train, other } = test;
  const withValue = (rows: Rows, value: number): Rows => {
    const data = rows.data.slice();
    data[1] = value;
    return { ...rows, data };
  };

  it('check: fit refuses rows that are empty, not finite or no rows', async () => {
    const model = test.make();
    await expectNoLeak(async () => {
      for (const bad of [NaN, Infinity]) {
        await expect(model.fit(withValue(train, bad))).rejects.toThrow(
          `x must be finite, got ${bad} at row 0`,
        );
      }
      await expect(model.fit(sliceRows(train, 0, 0))).rejects.toThrow('at least one row');
      const short = { ...train, data: train.data.subarray(1) };
      await expect(model.fit(short)).rejects.toThrow('x must hold count x product(rowShape)');
    });
    expect(model.fitted).toBe(false);
  });

  it('check: passes refuse rows of another shape or not finite', async () => {
    await fitted(async (model) => {
      const wide = { data: new Float32Array(99), count: 1, rowShape: [99] };
      for (const pass of ['encode', 'reconstruct'] as const) {
        await expect(model[pass](wide)).rejects.toThrow('(99 features)');
        await expect(model[pass](withValue(other, NaN))).rejects.toThrow('x must be finite');
        await expect(model[pass](other, { batchRows: 0 })).rejects.toThrow(
          'batchRows must be an integer >= 1, got 0',
        );
      }
    });
  });

  it('check: artifacts of another model or version, or without an array, are refused', async () => {
    await fitted(async (model) => {
      const saved = await model.toArtifacts();
      expect(() => test.load({ ...saved, model: 'other' })).toThrow("got 'other'");
      expect(() => test.load({ ...saved, formatVersion: 99 })).toThrow('formatVersion must be');
      await expectNoLeak(() => {
        for (const name of Object.keys(saved.arrays)) {
          const arrays = Object.fromEntries(
            Object.entries(saved.arrays).filter(([key]) => key !== name),
          );
          expect(() => test.load({ ...saved, arrays })).toThrow(`array '${name}' must be there`);
        }
      });
    });
  });
}

function checkEdges(test: AutoencoderCase): void {
  const { train } = test;

  it('check: one row is learnt from, or refused in words', async () => {
    const model = test.make();
    const one = sliceRows(train, 0, 1);
    if (test.learnsFromOneRow === false) {
      await expectNoLeak(async () => {
        await expect(model.fit(one)).rejects.toThrow(' must ');
      });
    } else {
      await model.fit(one);
    }
    if (model.fitted) {
      const { data } = await model.reconstruct(one);
      expect(data.every(Number.isFinite)).toBe(true);
    }
    model.dispose();
    expect(model.fitted).toBe(false);
  });

  it('check: a constant feature gives finite values', async () => {
    const size = train.data.length / train.count;
    const data = train.data.map((value, i) => (i % size === 0 ? 0.5 : value));
    const model = test.make();
    await model.fit({ ...train, data });
    expect((await model.encode({ ...train, data })).data.every(Number.isFinite)).toBe(true);
    model.dispose();
  });
}
