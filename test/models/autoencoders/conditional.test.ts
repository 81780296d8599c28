import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startBackend } from '../../../src/backends/start.js';
import { ConditionalAutoencoder, Lorae } from '../../../src/models/index.js';
import { Rng } from '../../../src/util/rng.js';
import type { Rows } from '../../../src/util/rows.js';
import { armMotions, handAt, JOINTS } from './arm.js';
import { ellipsoid, LINEAR, mean, meanSquare, rowAt, rowsOf } from './toys.js';

beforeAll(async () => {
  await startBackend({ prefer: 'wasm' });
});

/** Every row under the condition of all joints of one pose. */
const held = (pose: readonly number[], count: number): Rows =>
  rowsOf(Array.from({ length: count }, () => [...pose]));

describe('ConditionalAutoencoder: consistency', () => {
  const x = ellipsoid(400, [1, 0.7, 0.4], 1);
  const condition = ellipsoid(400, [1, 1], 2);
  // A rate this small leaves the weights where they began.
  const still = { ...LINEAR, latentDim: 1, epochs: 20, batchSize: 400, learningRate: 1e-12 };

  it('reference: the squared Jacobian of a linear decoder, per element', async () => {
    const model = new ConditionalAutoencoder({ ...still, consistencyWeight: 3 });
    await model.fit(x, { condition });
    const { arrays } = await model.toArtifacts();
    // Rows of the kernel: one latent, then two conditions.
    const kernel = Array.from(arrays['decoder.0.kernel'].data as Float32Array).slice(3);
    const want = kernel.reduce((sum, value) => sum + value ** 2, 0) / 3;
    const { loss, parts } = model.history[0];
    expect(loss).toBeCloseTo(parts.reconstruction + 3 * parts.consistency, 5);
    // 400 draws of two numbers an epoch.
    const found = mean(model.history.map(({ parts: { consistency } }) => consistency));
    expect(Math.abs(found / want - 1)).toBeLessThan(0.05);
    model.dispose();
  });

  it('a linear decoder is asked for no step size: the penalty is the same for another', async () => {
    const parts = [];
    for (const consistencyDeviation of [0.01, 1]) {
      const settings = { ...still, epochs: 1, consistencyWeight: 1, consistencyDeviation };
      const model = await new ConditionalAutoencoder(settings).fit(x, { condition });
      parts.push(model.history[0].parts.consistency);
      model.dispose();
    }
    expect(Math.abs(parts[1] / parts[0] - 1)).toBeLessThan(1e-3);
  });

  it('weight 0 is left out of the loss, and refused settings', async () => {
    const model = await new ConditionalAutoencoder({ ...still, epochs: 1 }).fit(x, { condition });
    expect(Object.keys(model.history[0].parts)).toEqual(['reconstruction']);
    model.dispose();
    const make = (settings: object) => () => new ConditionalAutoencoder(settings);
    expect(make({ consistencyWeight: -1 })).toThrow('config.consistencyWeight must');
    expect(make({ consistencyDeviation: 0 })).toThrow('config.consistencyDeviation must');
  });
});

describe('ConditionalAutoencoder: latent actions of a planar arm of five joints', () => {
  const { poses, motions } = armMotions(600, 1);
  const [x, condition] = [rowsOf(motions), rowsOf(poses)];
  const settings = { hidden: [24, 24], latentDim: 2, epochs: 50, batchSize: 100 };
  const tanh = { ...settings, learningRate: 0.015, activation: 'tanh' } as const;
  const free = new ConditionalAutoencoder(tanh);
  const consistent = new ConditionalAutoencoder({ ...tanh, consistencyWeight: 0.1 });

  beforeAll(async () => {
    for (const model of [free, consistent]) await model.fit(x, { condition });
  });
  afterAll(() => {
    for (const model of [free, consistent]) model.dispose();
  });

  /** A stick that can be pushed in 16 directions, three ways far, or left alone. */
  const stick = rowsOf([
    [0, 0],
    ...Array.from({ length: 48 }, (_, i) => {
      const [angle, far] = [(Math.PI * (i % 16)) / 8, [0.3, 1, 2][Math.floor(i / 16)]];
      return [far * Math.cos(angle), far * Math.sin(angle)];
    }),
  ]);

  const distance = (pose: readonly number[], [x0, y0]: readonly number[]): number => {
    const [px, py] = handAt(pose);
    return Math.hypot(px - x0, py - y0);
  };

  /** Distance that is left when each step takes the push that brings the hand nearest. */
  const steer = async (start: readonly number[], goal: readonly number[]): Promise<number> => {
    let pose = [...start];
    for (let step = 0; step < 40; step++) {
      const made = await free.decode(stick, { condition: held(pose, stick.count) });
      const next = Array.from({ length: stick.count }, (_, i) =>
        rowAt(made, i).map((velocity, k) => pose[k] + 0.3 * velocity),
      );
      pose = next.reduce((best, one) => (distance(one, goal) < distance(best, goal) ? one : best));
    }
    return distance(pose, goal);
  };

  it('toy: two latents reach targets', async () => {
    const others = armMotions(20, 2).poses;
    const [before, after] = [[] as number[], [] as number[]];
    for (let k = 0; k < 10; k++) {
      const goal = handAt(others[k + 10]);
      before.push(distance(others[k], goal));
      after.push(await steer(others[k], goal));
    }
    for (const distances of [before, after]) distances.sort((a, b) => a - b);
    // The arm is 1 long.
    expect(before[4]).toBeGreaterThan(0.3);
    expect(after[4]).toBeLessThan(0.03);
    expect(after[7]).toBeLessThan(0.1);
  });

  it('toy: the same latents move the arm otherwise in another pose', async () => {
    const alone = await new Lorae({ ...tanh, nuclearWeight: 0 }).fit(x);
    const unexplained = mean(await free.errors(x, { condition }));
    expect(unexplained).toBeLessThan(0.65 * mean(await alone.errors(x)));
    alone.dispose();
    const [little, much] = [0.2, 1.4].map((bend) => Array.from({ length: JOINTS }, () => bend));
    const made = await free.decode(held([1, 0], 2), { condition: rowsOf([little, much]) });
    const [a, b] = [rowAt(made, 0), rowAt(made, 1)];
    const apart = Math.hypot(...a.map((value, k) => value - b[k]));
    expect(apart).toBeGreaterThan(0.3 * Math.hypot(...a));
  });

  it('toy: asked for consistency, latents do more nearly the same in poses near each other', async () => {
    const rng = new Rng(3);
    const near = { ...condition, data: condition.data.map((value) => value + 0.1 * rng.normal()) };
    const gaps: number[] = [];
    for (const model of [free, consistent]) {
      const latents = await model.encode(x, { condition });
      const here = await model.decode(latents, { condition });
      const there = await model.decode(latents, { condition: near });
      gaps.push(meanSquare(there, here) / mean(here.data.map((value) => value ** 2)));
      // What it costs: the motions are met less well, but not badly.
      expect(mean(await model.errors(x, { condition }))).toBeLessThan(0.15);
    }
    expect(gaps[1]).toBeLessThan(0.6 * gaps[0]);
  });
});
