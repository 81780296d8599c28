import { beforeAll, describe, expect, it } from 'vitest';
import { startBackend } from '../../../src/backends/start.js';
import { LeastVolume } from '../../../src/models/index.js';
import type { LeastVolumeConfigInput, TrainProgress } from '../../../src/models/index.js';
import { Rng } from '../../../src/util/rng.js';
import { sliceRows } from '../../../src/util/rows.js';
import type { Rows } from '../../../src/util/rows.js';
import { autoencoderChecks } from '../../support/autoencoderChecks.js';
import { expectNoLeak } from '../../support/leaks.js';
import { blobImages, planeRows } from '../autoencoder/toy.js';
import { axesRows, dot, largestAngle, principalAxes } from './toy.js';

beforeAll(async () => {
  await startBackend({ prefer: 'wasm' });
});

const [train, other] = [planeRows(96, 1), planeRows(40, 2)];
const QUICK: LeastVolumeConfigInput = {
  ...{ hidden: [12], latentDim: 4, epochs: 4, batchSize: 24, learningRate: 0.01 },
  ...{ lambda: 0.01, warmUp: 10 },
};

async function withModel(
  config: LeastVolumeConfigInput,
  rows: Rows,
  use: (model: LeastVolume) => Promise<void> | void,
): Promise<void> {
  const model = await new LeastVolume(config).fit(rows);
  await use(model);
  model.dispose();
}

describe('LeastVolume', () => {
  autoencoderChecks({
    make: (config) => new LeastVolume({ ...QUICK, ...config }),
    load: (artifacts) => LeastVolume.fromArtifacts(artifacts),
    ...{ train, other },
    learnsFromOneRow: false,
  });
});

describe('LeastVolume, convolutional, with dynamic pruning', () => {
  const config: LeastVolumeConfigInput = {
    ...{
      architecture: 'conv',
      channels: [4, 4],
      latentDim: 4,
      epochs: 3,
      batchSize: 16,
      warmUp: 10,
    },
    ...{ reconstructionLoss: 'bce', pruning: { rule: 'threshold', threshold: 1e6, fromEpoch: 2 } },
  };
  autoencoderChecks({
    make: (more) => new LeastVolume({ ...config, ...more }),
    load: (artifacts) => LeastVolume.fromArtifacts(artifacts),
    ...{ train: blobImages(48, 1), other: blobImages(10, 2) },
    learnsFromOneRow: false,
  });
});

describe('LeastVolume on axes of deviation 4, 2 and 1', () => {
  const rows = axesRows(256, 6, [4, 2, 1], 3);
  const linear: LeastVolumeConfigInput = {
    ...{ hidden: [], latentDim: 5, standardize: false, batchSize: 256 },
    ...{ lambda: 0.3, eta: 0.05, learningRate: 0.1, epochs: 600 },
  };
  let model: LeastVolume;
  beforeAll(async () => {
    model = await new LeastVolume(linear).fit(rows);
  });

  it('golden: three latents are live, in training and after it, and two are flat', async () => {
    const last = model.history[model.history.length - 1];
    expect(last.parts.live).toBe(3);
    expect(model.history[0].parts.live).toBeGreaterThan(3);
    const deviations = [...model.deviations].sort((a, b) => b - a);
    // The rows are a sample, and the penalty pulls on latents that are kept, too.
    [4, 2, 1].forEach((want, i) => expect(Math.abs(deviations[i] / want - 1)).toBeLessThan(0.2));
    expect(deviations[3]).toBeLessThan(0.03);
    expect(last.loss).toBeCloseTo(last.parts.reconstruction + 0.3 * last.parts.penalty, 5);
    expect((await model.latentDimension(rows)).dimension).toBe(3);
  });

  it('golden: the live latents span the principal subspace and are in its order', async () => {
    const { axes } = principalAxes(rows);
    const { order } = await model.latentDimension(rows);
    // Where a step of each live latent moves its row.
    const steps = new Float32Array(4 * 5);
    order.slice(0, 3).forEach((dim, i) => (steps[(i + 1) * 5 + dim] = 1));
    const { data } = await model.decode({ data: steps, count: 4, rowShape: [5] });
    const directions = [1, 2, 3].map((i) =>
      Float64Array.from({ length: 6 }, (_, j) => data[i * 6 + j] - data[j]),
    );
    expect(largestAngle(directions, axes.slice(0, 3))).toBeLessThan(1e-2);
    directions.forEach((direction, i) => {
      const cosine = dot(direction, axes[i]) / Math.sqrt(dot(direction, direction));
      expect(Math.abs(cosine)).toBeGreaterThan(0.9);
    });
  });

  it('golden: explained reconstruction is large where latents are, and 0 elsewhere', async () => {
    const parts = await model.explainedReconstruction(rows);
    const { order, lost } = await model.latentDimension(rows);
    const inOrder = [...order].map((dim) => parts[dim]);
    expect(inOrder[0]).toBeGreaterThan(inOrder[1]);
    expect(inOrder[1]).toBeGreaterThan(inOrder[2]);
    expect(inOrder[2]).toBeGreaterThan(0.02);
    expect(Math.max(...inOrder.slice(3))).toBeLessThan(0.002);
    expect([lost[0], lost[5]]).toEqual([1, 0]);
    expect(await model.explainedReconstruction(rows, [order[1]])).toEqual(
      new Float64Array([parts[order[1]]]),
    );
  });

  it('prune holds flat latents at their means, and is saved', async () => {
    const copy = LeastVolume.fromArtifacts(await model.toArtifacts());
    const before = await copy.reconstruct(rows);
    await expectNoLeak(async () => {
      expect(await copy.prune()).toBe(3);
    });
    const latents = await copy.encode(rows);
    const moving = [0, 1, 2, 3, 4].filter((dim) => latents.data[dim] !== latents.data[dim + 5]);
    expect(moving).toHaveLength(3);
    const after = await copy.reconstruct(rows);
    after.data.forEach((v, i) => expect(Math.abs(v - before.data[i])).toBeLessThan(0.1));
    const loaded = LeastVolume.fromArtifacts(await copy.toArtifacts());
    expect(await loaded.encode(rows)).toEqual(latents);
    expect(await copy.prune({ keep: 2 })).toBe(2);
    expect(await copy.prune({ keep: 5 })).toBe(2);
    await expect(copy.prune({ keep: 0 })).rejects.toThrow(
      'LeastVolume.prune: keep must be an integer in [1, 5], got 0.',
    );
    await expect(copy.prune({ ratio: 1 })).rejects.toThrow('ratio must be in [0, 1), got 1.');
    copy.dispose();
    loaded.dispose();
  });

  it('error: latents and thresholds out of range are refused', async () => {
    await expect(model.explainedReconstruction(rows, [5])).rejects.toThrow(
      'LeastVolume.explainedReconstruction: dims must hold latents in [0, 4], got 5.',
    );
    await expect(model.latentDimension(rows, 0)).rejects.toThrow(
      'threshold must be in (0, 1], got 0.',
    );
    await expect(model.latentDimension(other, 0.1)).resolves.toHaveProperty('dimension');
    model.dispose();
    await expect(model.latentDimension(rows)).rejects.toThrow('must be fitted first');
    expect(() => model.deviations).toThrow('LeastVolume.deviations');
  });
});

describe('the decoder of LeastVolume', () => {
  /** Largest |D(z) - D(z')| / |z - z'| over random pairs. */
  async function steepest(model: LeastVolume, features: number): Promise<number> {
    const rng = new Rng(8);
    const [d, count] = [model.config.latentDim, 200];
    const z = Float32Array.from({ length: count * d }, () => 3 * rng.normal());
    const moved = z.map((value) => value + 0.1 * rng.normal());
    const rowShape = [d];
    const [a, b] = [
      await model.decode({ data: z, count, rowShape }),
      await model.decode({ data: moved, count, rowShape }),
    ];
    const norm = (x: Float32Array, y: Float32Array, i: number, size: number): number => {
      let sum = 0;
      for (let j = i * size; j < (i + 1) * size; j++) sum += (x[j] - y[j]) ** 2;
      return Math.sqrt(sum);
    };
    return Math.max(
      ...Array.from(
        { length: count },
        (_, i) => norm(a.data, b.data, i, features) / norm(z, moved, i, d),
      ),
    );
  }

  const deep = { ...QUICK, hidden: [16, 12], standardize: false, epochs: 20 };

  it('property: is 1-Lipschitz, unless that is switched off', async () => {
    const steep = { data: train.data.map((v) => 5 * v), count: train.count, rowShape: [6] };
    await withModel(deep, steep, async (model) => {
      expect(await steepest(model, 6)).toBeLessThan(1.001);
    });
    await withModel({ ...deep, lipschitz: false }, steep, async (model) => {
      expect(await steepest(model, 6)).toBeGreaterThan(1.2);
    });
    const images = blobImages(48, 1);
    const conv = { ...deep, architecture: 'conv', channels: [4, 4], epochs: 4 } as const;
    await withModel(conv, images, async (model) => {
      expect(await steepest(model, 64)).toBeLessThan(1.001);
    });
  });
});

describe('penalties and pruning in training', () => {
  it('every penalty trains, is reported, and shrinks the latents', async () => {
    const spread = async (config: LeastVolumeConfigInput): Promise<number> => {
      const model = await new LeastVolume({ ...QUICK, epochs: 20, ...config }).fit(train);
      const { penalty } = model.history[19].parts as Record<string, number | undefined>;
      expect(penalty === undefined).toBe(config.penalty === 'none');
      const sum = model.deviations.reduce((a, b) => a + b, 0);
      model.dispose();
      return sum;
    };
    const free = await spread({ penalty: 'none' });
    for (const penalty of ['leastVolume', 'l1', 'lasso', 'studentT'] as const) {
      expect(await spread({ penalty, lambda: 0.3 })).toBeLessThan(0.95 * free);
    }
  });

  it('threshold prunes one latent a step while the error allows it, from its epoch on', async () => {
    const pruning = { rule: 'threshold', threshold: 1e6, fromEpoch: 3 } as const;
    await withModel({ ...QUICK, latentDim: 6, pruning }, train, (model) => {
      const live = model.history.map(({ parts }) => parts.live);
      expect(live[1]).toBe(6);
      expect(live[3]).toBeLessThan(live[1]);
      // 8 steps after the second epoch: only the last latent stays.
      expect(model.deviations.filter((v) => v > 1e-6)).toHaveLength(1);
    });
  });

  it('plummet prunes what has fallen flat and freezes it', async () => {
    const rows = axesRows(256, 6, [4, 2, 1], 3);
    const config: LeastVolumeConfigInput = {
      ...{ hidden: [], latentDim: 5, standardize: false, batchSize: 256, epochs: 400 },
      ...{
        lambda: 0.2,
        eta: 0.3,
        learningRate: 0.05,
        pruning: { rule: 'plummet', fromEpoch: 200 },
      },
    };
    await withModel(config, rows, async (model) => {
      expect(model.deviations.filter((v) => v > 1e-6)).toHaveLength(3);
      const latents = await model.encode(sliceRows(rows, 0, 2));
      const still = [0, 1, 2, 3, 4].filter((dim) => latents.data[dim] === latents.data[dim + 5]);
      expect(still).toHaveLength(2);
    });
  });

  it('progress counts live latents as it goes', async () => {
    const seen: TrainProgress[] = [];
    const model = new LeastVolume(QUICK);
    await model.fit(train, { onProgress: (progress) => seen.push(progress) });
    expect(seen.length).toBeGreaterThanOrEqual(4);
    for (const { parts } of seen) {
      expect(Object.keys(parts)).toEqual(['reconstruction', 'penalty', 'live']);
      expect(parts.live).toBeGreaterThan(0);
      expect(parts.live).toBeLessThanOrEqual(4);
    }
    model.dispose();
  });
});

describe('LeastVolume, errors', () => {
  it('error: batches of one row, which have no standard deviation', async () => {
    expect(() => new LeastVolume({ batchSize: 1 })).toThrow(
      'LeastVolume: config.batchSize must be an integer >= 2: a standard deviation needs two rows, got 1.',
    );
    await expect(new LeastVolume({ ...QUICK, batchSize: 19 }).fit(train)).rejects.toThrow(
      'LeastVolume.fit: config.batchSize must leave no batch of one row, which has no standard deviation, of the 96 rows, got 19. Use another batchSize, or drop a row.',
    );
    await expect(new LeastVolume(QUICK).fit(sliceRows(train, 0, 1))).rejects.toThrow(
      'LeastVolume.fit: x must have at least two rows, for a standard deviation, got 1 row.',
    );
  });

  it('error: settings that contradict each other', () => {
    expect(() => new LeastVolume({ dropout: 0.5 as 0 })).toThrow(
      'config.dropout must be 0 for a 1-Lipschitz decoder, got 0.5',
    );
    expect(() => new LeastVolume({ pruning: { rule: 'threshold' } })).toThrow(
      "config.pruning.threshold must be given for pruning rule 'threshold', got null.",
    );
    const typo = { pruning: { rul: 'plummet' } } as LeastVolumeConfigInput;
    expect(() => new LeastVolume(typo)).toThrow(
      "config.pruning must have known keys only, got 'rul'. Known: rule, threshold, ratio, beta, fromEpoch.",
    );
  });
});
