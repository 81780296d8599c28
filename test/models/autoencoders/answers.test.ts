import { beforeAll, describe, expect, it } from 'vitest';
import { startBackend } from '../../../src/backends/start.js';
import { sampleShape } from '../../../src/data/index.js';
import { accuracy, auroc, circularCorrelation, rmse } from '../../../src/metrics/index.js';
import {
  ConditionalAutoencoder,
  ContractiveAutoencoder,
  DiffusionMap,
  DiffusionNet,
  DistanceMatchingAutoencoder,
  HypersphericalAutoencoder,
  SupervisedAutoencoder,
  TopologicalAutoencoder,
} from '../../../src/models/index.js';
import { Rng } from '../../../src/util/rng.js';
import type { Rows, Targets } from '../../../src/util/rows.js';
import { kruskal } from '../../reference/latentPenalties.js';
import { blobs, slope } from '../sage/toy.js';
import { mean, meanSquare, rowAt, rowsOf } from './toys.js';

beforeAll(async () => {
  await startBackend({ prefer: 'wasm' });
});

const distance = (a: readonly number[], b: readonly number[]): number =>
  Math.hypot(...a.map((value, f) => value - b[f]));

/** Pearson's correlation. */
function correlation(a: readonly number[], b: readonly number[]): number {
  const [ma, mb] = [mean(a), mean(b)];
  const product = mean(a.map((value, i) => (value - ma) * (b[i] - mb)));
  const [va, vb] = [mean(a.map((v) => (v - ma) ** 2)), mean(b.map((v) => (v - mb) ** 2))];
  return product / Math.sqrt(va * vb);
}

const anglesOf = (x: Rows): number[] =>
  Array.from({ length: x.count }, (_, i) => {
    const [a, b] = rowAt(x, i);
    return Math.atan2(b, a);
  });

describe('SupervisedAutoencoder', () => {
  const quick = { hidden: [16], latentDim: 3, epochs: 40, batchSize: 64, learningRate: 0.01 };

  it('toy: classes of blobs and values of a slope', async () => {
    const [train, test] = [blobs(150, 1), blobs(60, 2)];
    const classes = await new SupervisedAutoencoder(quick).fit(train.x, train);
    const found = await classes.predict(test.x);
    expect(accuracy(found, test.targets.values)).toBeGreaterThan(0.98);
    classes.dispose();
    const [line, other] = [slope(200, 3), slope(60, 4)];
    const values = await new SupervisedAutoencoder({ ...quick, headHidden: [8] }).fit(line.x, line);
    // The spread of the targets is 11.2.
    expect(rmse(await values.predict(other.x), other.targets.values)).toBeLessThan(3);
    values.dispose();
  });

  it('toy: with five labelled rows per class and the rest without', async () => {
    const [train, test] = [blobs(150, 5), blobs(60, 6)];
    const hidden = (values: Int32Array): Int32Array => values.map((v, i) => (i < 15 ? v : -1));
    const targets: Targets = {
      kind: 'class',
      values: hidden(train.targets.values as Int32Array),
      classes: 3,
    };
    const model = new SupervisedAutoencoder({ ...quick, semiSupervised: true });
    await model.fit(train.x, { targets });
    const found = await model.predict(test.x);
    expect(accuracy(found, test.targets.values)).toBeGreaterThan(0.95);
    model.dispose();
    await expect(new SupervisedAutoencoder(quick).fit(train.x, { targets })).rejects.toThrow(
      'options.targets must be classes 0 to 2, got -1 at row 15. Set semiSupervised for rows',
    );
  });

  it('error: no targets, none known, no weight', async () => {
    const { x } = blobs(30, 7);
    await expect(new SupervisedAutoencoder(quick).fit(x)).rejects.toThrow('targets must be given');
    const none: Targets = { kind: 'real', values: new Float32Array(30).fill(NaN) };
    const model = new SupervisedAutoencoder({ ...quick, semiSupervised: true });
    await expect(model.fit(x, { targets: none })).rejects.toThrow('at least one known target');
    expect(() => new SupervisedAutoencoder({ taskWeight: 0, reconstructionWeight: 0 })).toThrow(
      'config.reconstructionWeight must be above 0 when taskWeight is 0, got 0',
    );
  });
});

describe('ConditionalAutoencoder', () => {
  it('toy: points on lines whose direction is the condition need one latent', async () => {
    const rng = new Rng(3);
    const draws = Array.from({ length: 256 }, () => [Math.PI * rng.uniform(), rng.normal()]);
    const x = rowsOf(draws.map(([angle, t]) => [t * Math.cos(angle), t * Math.sin(angle)]));
    const condition = rowsOf(
      draws.map(([angle]) => [Math.cos(angle), Math.sin(angle), Math.cos(2 * angle)]),
    );
    const settings = { hidden: [24], latentDim: 1, epochs: 120, batchSize: 128 };
    const model = new ConditionalAutoencoder({ ...settings, learningRate: 0.01 });
    await model.fit(x, { condition });
    const back = await model.reconstruct(x, { condition });
    expect(meanSquare(back, x)).toBeLessThan(0.08);
    const same = rowsOf([[2], [2]]);
    const twice = rowsOf([
      [1, 0, 1],
      [0, 1, -1],
    ]);
    const [along, across] = await model
      .decode(same, { condition: twice })
      .then((made) => [rowAt(made, 0), rowAt(made, 1)]);
    expect(Math.abs(along[0])).toBeGreaterThan(2 * Math.abs(along[1]));
    expect(Math.abs(across[1])).toBeGreaterThan(2 * Math.abs(across[0]));
    await expect(model.encode(x)).rejects.toThrow('options.condition must be given');
    expect(() => model.chart()).toThrow('ConditionalAutoencoder.chart: the model must have no');
    model.dispose();
  });
});

describe('HypersphericalAutoencoder', () => {
  it('toy: a circle fits on the unit circle of two latents; latents have length 1', async () => {
    const { x } = sampleShape('circle', 200, { seed: 5 });
    const settings = { hidden: [16], latentDim: 2, epochs: 60, batchSize: 100 };
    const model = await new HypersphericalAutoencoder({ ...settings, learningRate: 0.02 }).fit(x);
    const latents = await model.encode(x);
    for (let i = 0; i < x.count; i++) expect(Math.hypot(...rowAt(latents, i))).toBeCloseTo(1, 5);
    expect(meanSquare(await model.reconstruct(x), x)).toBeLessThan(0.01);
    model.dispose();
  });
});

describe('ContractiveAutoencoder', () => {
  const { x } = blobs(128, 8);
  const settings = { hidden: [12], latentDim: 3, epochs: 30, batchSize: 64, learningRate: 0.01 };

  it.each(['encoder', 'decoder'] as const)(
    'toy: the Jacobian of the %s shrinks, exact and estimated',
    async (side) => {
      const norms = await Promise.all(
        [
          { penaltyWeight: 1e-9, probes: 'exact' as const },
          { penaltyWeight: 0.3, probes: 'exact' as const },
          { penaltyWeight: 0.3, probes: 1 },
        ].map(async (penalty) => {
          const model = new ContractiveAutoencoder({ ...settings, side, ...penalty });
          await model.fit(x);
          const { jacobian } = model.history[model.history.length - 1].parts;
          model.dispose();
          return jacobian;
        }),
      );
      expect(norms[1]).toBeLessThan(0.6 * norms[0]);
      expect(norms[2]).toBeLessThan(0.7 * norms[0]);
    },
  );
});

describe('DistanceMatchingAutoencoder', () => {
  it('toy: an arc is unrolled: distances of latents are lengths along it', async () => {
    const angles = Array.from({ length: 150 }, (_, i) => (4.5 * (i + 0.5)) / 150);
    const arc = rowsOf(angles.map((t) => [Math.cos(t), Math.sin(t), t / 3]));
    const settings = { hidden: [24], latentDim: 1, epochs: 150, batchSize: 75, neighbors: 4 };
    const model = new DistanceMatchingAutoencoder({ ...settings, learningRate: 0.01 });
    await model.fit(arc);
    const latents = await model.encode(arc);
    const speed = Math.hypot(1, 1 / 3);
    const [got, want] = [[] as number[], [] as number[]];
    for (let i = 0; i < 150; i += 7) {
      for (let j = 0; j < i; j += 5) {
        got.push(Math.abs(latents.data[i] - latents.data[j]) * model.scale);
        want.push((angles[i] - angles[j]) * speed);
      }
    }
    expect(correlation(got, want)).toBeGreaterThan(0.99);
    expect(mean(got) / mean(want)).toBeCloseTo(1, 1);
    model.dispose();
  });

  it('error: a graph in pieces, equal rows, too few of them', async () => {
    const apart = rowsOf(Array.from({ length: 20 }, (_, i) => [i < 10 ? i : 1000 + i]));
    const model = new DistanceMatchingAutoencoder({ neighbors: 3 });
    await expect(model.fit(apart)).rejects.toThrow('got rows in several pieces. Raise neighbors');
    await expect(model.fit(rowsOf([[1], [2]]))).rejects.toThrow(
      'x must have 4 to 6000 rows, got 2',
    );
    const equal = rowsOf(Array.from({ length: 9 }, () => [1]));
    await expect(model.fit(equal)).rejects.toThrow('x must have rows that differ');
  });
});

describe('TopologicalAutoencoder', () => {
  it('toy: edges of the spanning tree keep their lengths, gaps between clusters among them', async () => {
    const rng = new Rng(9);
    const centres = [0, 1, 2].map(() => Array.from({ length: 10 }, () => 2 * rng.normal()));
    const x = rowsOf(
      Array.from({ length: 60 }, (_, i) => centres[i % 3].map((c) => c + 0.2 * rng.normal())),
    );
    const settings = { hidden: [16], latentDim: 2, epochs: 80, batchSize: 60, standardize: false };
    const model = new TopologicalAutoencoder({ ...settings, learningRate: 0.02 });
    await model.fit(x);
    const latents = await model.encode(x);
    const pairs = (rows: Rows): number[][] =>
      Array.from({ length: 60 }, (_, i) =>
        Array.from({ length: 60 }, (_j, j) => distance(rowAt(rows, i), rowAt(rows, j))),
      );
    const [wanted, found] = [pairs(x), pairs(latents)];
    const edges = kruskal(wanted);
    const lengths = edges.map(([i, j]) => wanted[i][j]);
    const got = edges.map(([i, j]) => found[i][j] * model.scale);
    expect(correlation(lengths, got)).toBeGreaterThan(0.9);
    // The two longest edges of the trees join the clusters in both spaces.
    const ends = kruskal(found)
      .slice(-2)
      .map(([i, j]) => [i % 3, j % 3]);
    for (const [a, b] of ends) expect(a).not.toBe(b);
    model.dispose();
  });
});

describe('DiffusionNet', () => {
  it('toy: the angle of a helix, Nystrom on held-out rows, rows off the helix stand out', async () => {
    const { x, parameters } = sampleShape('helix', 250, { seed: 4 });
    const settings = { hidden: [48, 48], latentDim: 2, epochs: 250, batchSize: 250 };
    const net = await new DiffusionNet({ ...settings, learningRate: 0.01 }).fit(x);
    const angles = Array.from({ length: 250 }, (_, i) => rowAt(parameters, i)[0]);
    const latents = await net.encode(x);
    expect(Math.abs(circularCorrelation(anglesOf(latents), angles))).toBeGreaterThan(0.99);
    const held = sampleShape('helix', 80, { seed: 5 });
    const map = new DiffusionMap().fit(x);
    expect(net.eigenvalues[0]).toBeCloseTo(map.eigenvalues[0], 12);
    const [got, want] = [await net.encode(held.x), map.transform(held.x)];
    // Coordinates have mean square 1.
    expect(meanSquare(got, want)).toBeLessThan(0.02);
    // The helix keeps within 0.3 of the plane.
    const off = { ...held.x, data: held.x.data.map((value, at) => value + Number(at % 3 === 2)) };
    const [near, far] = [await net.outliers(held.x), await net.outliers(off)];
    expect(near.direction).toBe('high-is-unlike');
    expect(auroc(far.score, near.score)).toBeGreaterThan(0.99);
    net.dispose();
  });
});
