import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { startBackend } from '../../../src/backends/start.js';
import { DataError, DomainError, NotFittedError, ShapeError } from '../../../src/errors.js';
import { HyperbolicEmbedding } from '../../../src/models/index.js';
import type { HyperbolicEmbeddingConfigInput, TrainSnapshot } from '../../../src/models/index.js';
import { reconstruction } from '../../../src/metrics/hierarchy.js';
import { packSnapshot, unpackSnapshot } from '../../../src/train/index.js';
import { distance, pointOf } from '../../reference/relationSteps.js';
import { describeOnBackends } from '../../neighbors/onBackends.js';
import { expectClose } from '../../support/compare.js';
import { expectNoLeak } from '../../support/leaks.js';
import { TOLERANCES } from '../../support/tolerances.js';

/** Closure of a binary tree of 31 nodes: every node with all above it. */
function treeClosure(): number[] {
  const pairs: number[] = [];
  for (let node = 1; node < 31; node++) {
    for (let above = node; above > 0;) {
      above = (above - 1) >> 1;
      pairs.push(node, above);
    }
  }
  return pairs;
}

const TREE = treeClosure();
const SMALL: HyperbolicEmbeddingConfigInput = {
  dim: 3,
  epochs: 12,
  burnInEpochs: 3,
  negatives: 5,
  batchSize: 4,
};
const small = (more: HyperbolicEmbeddingConfigInput = {}): HyperbolicEmbedding =>
  new HyperbolicEmbedding({ ...SMALL, ...more });
const GEOMETRIES = ['lorentz', 'poincare', 'logPolar'] as const;

describe('HyperbolicEmbedding', () => {
  beforeAll(async () => {
    await startBackend({ prefer: 'cpu' });
  });

  it.each(GEOMETRIES)(
    'embeds the closure of a tree so that it can be read back: %s',
    async (geometry) => {
      const model = small({ geometry, dim: 3, epochs: 150, negatives: 10 });
      await model.fit(TREE);
      const points = model.points('lorentz');
      const rows = tf.tensor2d(points.data, [points.count, 3]);
      const { map, meanRank } = await reconstruction({
        points: rows,
        edges: TREE,
        metric: 'lorentz',
      });
      rows.dispose();
      expect(map).toBeGreaterThan(0.95);
      expect(meanRank).toBeLessThan(1.2);
      // General nodes lie further in than the leaves below them.
      const radius = (node: number): number =>
        Math.asinh(Math.hypot(...points.data.subarray(3 * node, 3 * node + 3)));
      for (let leaf = 15; leaf < 31; leaf++) expect(radius(leaf)).toBeGreaterThan(radius(0));
    },
  );

  it('gives the distances of the points that it stores', async () => {
    for (const geometry of GEOMETRIES) {
      const curvature = 0.7;
      const model = await small({ geometry, curvature }).fit(TREE);
      const { data } = model.points();
      const row = (i: number): number[] => [...data.subarray(3 * i, 3 * i + 3)];
      const pairs = [
        [0, 1],
        [3, 30],
        [7, 8],
      ];
      const got = pairs.map(([i, j]) => model.distance(i, j));
      const want = pairs.map(([i, j]) => {
        const [x, y] = [row(i), row(j)].map((one) => pointOf(one, geometry, curvature));
        return distance(x, y) / Math.sqrt(curvature);
      });
      expectClose(got, want, {
        relative: 1e-6,
        absolute: 1e-7,
        reason: 'acosh cancels in float64',
      });
      expect(model.distance(5, 5)).toBe(0);
      for (const other of GEOMETRIES) {
        const points = model.points(other);
        const converted = [...points.data.subarray(9, 12)];
        const [x, y] = [pointOf(converted, other, curvature), pointOf(row(0), geometry, curvature)];
        expectClose(
          [distance(x, y) / Math.sqrt(curvature)],
          [model.distance(3, 0)],
          TOLERANCES.hyperbolic,
        );
      }
    }
  });

  it('same seed, same bits; another seed, others; fit forgets what was before', async () => {
    const first = await (await small().fit(TREE)).toArtifacts();
    const model = await small().fit([0, 1]);
    expect(model.nodes).toBe(2);
    await model.fit(TREE);
    expect(await model.toArtifacts()).toEqual(first);
    expect(await (await small({ seed: 2 }).fit(TREE)).toArtifacts()).not.toEqual(first);
  });

  it('saves and loads the same bits', async () => {
    const model = await small({ geometry: 'poincare', curvature: 2 }).fit(TREE);
    const loaded = HyperbolicEmbedding.fromArtifacts(await model.toArtifacts());
    expect(loaded.points()).toEqual(model.points());
    expect(loaded.config).toEqual(model.config);
    expect(loaded.distance(3, 9)).toBe(model.distance(3, 9));
    const artifacts = await model.toArtifacts();
    const load = (change: object) => () =>
      HyperbolicEmbedding.fromArtifacts({ ...artifacts, ...change });
    expect(load({ model: 'sage' })).toThrow(DataError);
    expect(load({ formatVersion: 9 })).toThrow("be 'hyperbolicEmbedding', version 1");
    expect(load({ arrays: {} })).toThrow("array 'points' must be there");
  });

  it('resumed after an interruption, ends at the same bits', async () => {
    const whole = await (await small().fit(TREE)).toArtifacts();
    const snapshots: TrainSnapshot[] = [];
    const save = (snapshot: TrainSnapshot): Promise<void> => {
      // As a file would give it back.
      const { config, arrays } = packSnapshot(snapshot);
      snapshots.push(unpackSnapshot(structuredClone(config), arrays));
      return Promise.resolve();
    };
    await small().fit(TREE, { checkpoint: { everySeconds: 0, save } });
    expect(snapshots.map(({ epoch }) => epoch)).toEqual(
      Array.from({ length: 12 }, (_, i) => i + 1),
    );
    for (const at of [1, 2, 7]) {
      const resumed = await small().fit(TREE, { resume: snapshots[at] });
      expect(await resumed.toArtifacts()).toEqual(whole);
    }
    await expect(small({ dim: 2 }).fit(TREE, { resume: snapshots[0] })).rejects.toThrow(
      'the checkpoint must hold a table of shape [31, 2], got [31, 3]',
    );
    // Steps apart, too: at the ends of every second epoch.
    const epochs: number[] = [];
    await small().fit(TREE, {
      checkpoint: {
        everySeconds: Infinity,
        everySteps: 2 * snapshots[0].steps,
        save: ({ epoch }) => {
          epochs.push(epoch);
          return Promise.resolve();
        },
      },
    });
    expect(epochs).toEqual([2, 4, 6, 8, 10, 12]);
  });

  it('reports progress to the end, with falling loss', async () => {
    const seen: { epoch: number; loss: number; step: number; steps: number; stage: string }[] = [];
    await small().fit(TREE, { onProgress: (progress) => seen.push(progress) });
    const last = seen[seen.length - 1];
    expect(last.step).toBe(last.steps);
    expect(last.epoch).toBe(12);
    expect(seen[0].stage).toBe('burn-in');
    expect(last.stage).toBe('embedding');
    expect(last.loss).toBeLessThan(seen[0].loss);
  });

  it('a weight of 0 in the exponent draws burn-in negatives uniformly', async () => {
    const drawn = await small({ burnInPower: 0 }).fit(TREE);
    const weighted = await small().fit(TREE);
    expect(drawn.points()).not.toEqual(weighted.points());
    expect(drawn.points().data.every(Number.isFinite)).toBe(true);
  });

  it('an aborted fit keeps the points and leaks nothing', async () => {
    const model = await small().fit(TREE);
    const before = model.points();
    const reason = new Error('stop');
    await expectNoLeak(async () => {
      const run = model.fit(TREE, { signal: AbortSignal.abort(reason) });
      await expect(run).rejects.toBe(reason);
      await model.fit(TREE);
      await expect(small({ learningRate: 1e300 }).fit(TREE)).rejects.toThrow('must stay finite');
    });
    expect(model.points()).toEqual(before);
    model.dispose();
    expect(model.fitted).toBe(false);
    expect(() => model.points()).toThrow(NotFittedError);
  });

  it('keeps nodes that no relation names', async () => {
    const model = await small().fit([1, 0], { nodes: 4 });
    expect(model.nodes).toBe(4);
    expect(model.points().data.every(Number.isFinite)).toBe(true);
  });

  it('refuses bad relations before anything is computed', async () => {
    const fit = (relations: number[], nodes?: number) => () =>
      small().fit(relations, nodes === undefined ? {} : { nodes });
    await expect(fit([0, 1, 2])).rejects.toThrow(ShapeError);
    await expect(fit([0, 5], 3)).rejects.toThrow(
      'HyperbolicEmbedding.fit: edges must hold nodes 0 to 2',
    );
    await expect(fit([0, -1])).rejects.toThrow(DomainError);
    await expect(fit([0, 1.5])).rejects.toThrow(DomainError);
    await expect(fit([])).rejects.toThrow('relations must have a pair of two different nodes');
    await expect(fit([2, 2])).rejects.toThrow('relations must have a pair of two different nodes');
  });

  it('refuses unfitted use and nodes that are not there', async () => {
    expect(() => small().distance(0, 1)).toThrow(NotFittedError);
    await expect(small().toArtifacts()).rejects.toThrow('must be fitted first');
    const model = await small().fit(TREE);
    expect(() => model.distance(0, 31)).toThrow('j must be a node, 0 to 30, got 31');
  });
});

describeOnBackends('HyperbolicEmbedding on', (backend) => {
  // Few batches, in several calls: a software GPU takes milliseconds for each.
  const fit = (): Promise<HyperbolicEmbedding> =>
    small({ epochs: 4, burnInEpochs: 1, batchSize: 25 }).fit(TREE);

  it('gives the same bits on every run', async () => {
    const first = await (await fit()).toArtifacts();
    expect(await (await fit()).toArtifacts()).toEqual(first);
  });

  it('gives the points of the cpu backend up to rounding', async () => {
    const here = (await fit()).points();
    await startBackend({ prefer: 'cpu' });
    const there = (await fit()).points();
    await startBackend({ prefer: backend });
    const largest = Math.max(...there.data.map(Math.abs));
    expectClose(here.data, there.data, TOLERANCES.relationTable, 10 * largest);
  });
});

describe('HyperbolicEmbedding config', () => {
  const make = (config: object) => () => new HyperbolicEmbedding(config);

  it('names the field at fault', () => {
    expect(make({ dim: 0 })).toThrow(
      'HyperbolicEmbedding: config.dim must be an integer >= 1, got 0',
    );
    expect(make({ curvature: -1 })).toThrow('config.curvature must be a finite number > 0');
    expect(make({ geometry: 'klein' })).toThrow(
      'be one of lorentz, poincare, logPolar, got "klein"',
    );
    expect(make({ learningRateDecay: 'exp' })).toThrow('be one of none, linear, cosine');
    expect(make({ rate: 1 })).toThrow("config must have known keys only, got 'rate'");
    expect(make({ negatives: 2 ** 21 })).toThrow('be an integer >= 1 and <= 1048576');
    expect(make({ geometry: 'poincare', initialScale: 0.3 })).toThrow('well inside the ball');
  });

  it('is complete and frozen', () => {
    const { config } = new HyperbolicEmbedding({ dim: 7 });
    expect(config).toMatchObject({ dim: 7, geometry: 'lorentz', epochs: 300, learningRate: 0.5 });
    expect(Object.isFrozen(config)).toBe(true);
  });
});
