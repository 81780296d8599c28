import { expect, it } from 'vitest';
import { NotFittedError } from '../../src/errors.js';
import type { Artifacts } from '../../src/util/artifacts.js';
import { sliceRows, takeRows, takeTargets } from '../../src/util/rows.js';
import type { Rows, Targets } from '../../src/util/rows.js';
import { expectNoLeak } from '../support/leaks.js';

/** What the checks need of a scoring model. */
export interface Estimator {
  readonly config: object;
  fit(x: Rows, targets: Targets, options?: { signal?: AbortSignal }): Promise<unknown>;
  score(x: Rows, options?: { batchRows?: number; targets?: Targets }): Promise<EstimatorScores>;
  toArtifacts(): Promise<Artifacts>;
  dispose(): void;
}

export interface EstimatorScores {
  readonly score: Float32Array;
  readonly ranking: Float64Array;
  readonly direction: string;
}

export interface EstimatorCase {
  /** A model with settings under which it trains in about a second. */
  make(): Estimator;
  load(artifacts: Artifacts): Estimator;
  readonly train: { readonly x: Rows; readonly targets: Targets };
  /** Other training data of the same shape. */
  readonly other: { readonly x: Rows; readonly targets: Targets };
  /** Rows like those of `train`, with their targets. */
  readonly like: { readonly x: Rows; readonly targets: Targets };
  /** Rows unlike those of `train`, of the same shape. */
  readonly unlike: Rows;
  /** Scoring needs targets. */
  readonly scoreNeedsTargets?: boolean;
}

/** Declare the checks that every scoring model passes. */
export function estimatorChecks(test: EstimatorCase): void {
  const { train, like } = test;
  const scored = (model: Estimator, x = like.x, batchRows = 1024): Promise<EstimatorScores> =>
    model.score(x, {
      batchRows,
      ...(test.scoreNeedsTargets === true && { targets: targetsFor(test, x) }),
    });
  const fitted = async <T>(use: (model: Estimator) => Promise<T>): Promise<T> => {
    const model = test.make();
    try {
      await model.fit(train.x, train.targets);
      return await use(model);
    } finally {
      model.dispose();
    }
  };
  checkLife(test, scored, fitted);
  checkScores(test, scored, fitted);
  checkRefusals(test, fitted);
}

type Scored = (model: Estimator, x?: Rows, batchRows?: number) => Promise<EstimatorScores>;
type Fitted = <T>(use: (model: Estimator) => Promise<T>) => Promise<T>;

function targetsFor({ like }: EstimatorCase, x: Rows): Targets {
  const rows = Array.from({ length: x.count }, (_, i) => i % like.x.count);
  return takeTargets(like.targets, rows);
}

function checkLife(test: EstimatorCase, scored: Scored, fitted: Fitted): void {
  const { train, other } = test;
  it('check: the config is not changed by fit', async () => {
    const before = JSON.stringify(test.make().config);
    expect(await fitted((model) => Promise.resolve(JSON.stringify(model.config)))).toBe(before);
  });

  it('check: not fitted, every use says so', async () => {
    const model = test.make();
    await expect(scored(model)).rejects.toThrow(NotFittedError);
    await expect(model.toArtifacts()).rejects.toThrow('must be fitted first');
  });

  it('check: same seed, same weights and scores to the bit', async () => {
    const [first, second] = [
      await fitted((model) => model.toArtifacts()),
      await fitted((model) => model.toArtifacts()),
    ];
    expect(second).toEqual(first);
  });

  it('check: a second fit forgets the first', async () => {
    await fitted(async (model) => {
      const first = await scored(model);
      await model.fit(other.x, other.targets);
      await model.fit(train.x, train.targets);
      expect((await scored(model)).ranking).toEqual(first.ranking);
    });
  });

  it('check: save and load give bit-identical scores', async () => {
    await fitted(async (model) => {
      const loaded = test.load(await model.toArtifacts());
      expect(await scored(loaded)).toEqual(await scored(model));
      expect(await loaded.toArtifacts()).toEqual(await model.toArtifacts());
      loaded.dispose();
    });
  });

  it('check: an aborted fit keeps the fitted model and leaks nothing', async () => {
    await fitted(async (model) => {
      const before = await scored(model);
      const reason = new Error('stop');
      await expectNoLeak(async () => {
        const run = model.fit(other.x, other.targets, { signal: AbortSignal.abort(reason) });
        await expect(run).rejects.toBe(reason);
      });
      expect(await scored(model)).toEqual(before);
    });
  });

  it('check: dispose frees every tensor', async () => {
    await expectNoLeak(async () => {
      await fitted((model) => scored(model));
    });
  });

  it('check: after dispose it is not fitted, and disposing twice is harmless', async () => {
    const model = await fitted((m) => Promise.resolve(m));
    model.dispose();
    await expect(scored(model)).rejects.toThrow(NotFittedError);
  });
}

function checkScores(test: EstimatorCase, scored: Scored, fitted: Fitted): void {
  const { like } = test;
  it('check: high scores are like the training data', async () => {
    await fitted(async (model) => {
      const [near, far] = [await scored(model), await scored(model, test.unlike)];
      expect(near.direction).toBe('high-is-similar');
      const mean = (values: Float32Array): number =>
        values.reduce((sum, value) => sum + value, 0) / values.length;
      expect(mean(near.score)).toBeGreaterThan(2 * mean(far.score));
      for (const value of [...near.score, ...far.score]) {
        expect(value).toBeGreaterThanOrEqual(0);
        expect(value).toBeLessThanOrEqual(1);
      }
    });
  });

  it('check: the scores of a row do not depend on its batch', async () => {
    await fitted(async (model) => {
      const whole = await scored(model);
      expect(await scored(model, like.x, 3)).toEqual(whole);
      const head = await scored(model, sliceRows(like.x, 0, 5));
      expect(head.ranking).toEqual(whole.ranking.slice(0, 5));
    });
  });

  it('check: scores follow their rows into another order', async () => {
    await fitted(async (model) => {
      const order = Array.from({ length: like.x.count }, (_, i) => like.x.count - 1 - i);
      const turned = {
        ...test,
        like: { x: takeRows(like.x, order), targets: takeTargets(like.targets, order) },
      };
      const got = await model.score(turned.like.x, {
        ...(test.scoreNeedsTargets === true && { targets: turned.like.targets }),
      });
      expect([...got.ranking].reverse()).toEqual([...(await scored(model)).ranking]);
    });
  });

  it('check: scoring leaves rows and tensors as they were', async () => {
    await fitted(async (model) => {
      const before = like.x.data.slice();
      await expectNoLeak(async () => {
        await scored(model);
      });
      expect(like.x.data).toEqual(before);
    });
  });
}

function checkRefusals(test: EstimatorCase, fitted: Fitted): void {
  const { train, like } = test;
  it('check: rows of another shape, without values or not finite are refused', async () => {
    await fitted(async (model) => {
      const wide = { ...like.x, count: 1, data: new Float32Array(99), rowShape: [99] };
      await expect(model.score(wide)).rejects.toThrow('(99 features)');
      await expect(model.score(sliceRows(like.x, 0, 0))).rejects.toThrow(
        'x must have at least one row, got 0 rows',
      );
      for (const bad of [NaN, Infinity]) {
        const x = { ...like.x, data: like.x.data.slice() };
        x.data[3] = bad;
        await expect(model.score(x)).rejects.toThrow(`x must be finite, got ${bad} at row 0`);
      }
    });
  });

  it('check: fit refuses rows that are not finite and targets that do not match', async () => {
    const model = test.make();
    await expectNoLeak(async () => {
      const x = { ...train.x, data: train.x.data.slice() };
      x.data[0] = NaN;
      await expect(model.fit(x, train.targets)).rejects.toThrow(
        'x must be finite, got NaN at row 0',
      );
      const few = takeTargets(train.targets, [0, 1]);
      await expect(model.fit(train.x, few)).rejects.toThrow(
        `targets must have one target per row, ${train.x.count}, got 2 targets`,
      );
      await expect(model.fit(sliceRows(train.x, 0, 0), few)).rejects.toThrow('at least one row');
    });
  });
}
