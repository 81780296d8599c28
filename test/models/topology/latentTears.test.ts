import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import '../../../src/kernels/cpu/register.js';
import { sampleShape } from '../../../src/data/index.js';
import { latentTearReport, reconstructionField } from '../../../src/models/topology/index.js';
import type { Rows } from '../../../src/util/rows.js';
import { expectNoLeak } from '../../support/leaks.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const rowsOf = (values: readonly (readonly number[])[]): Rows => ({
  data: Float32Array.from(values.flat()),
  count: values.length,
  rowShape: [values[0].length],
});

const circle = sampleShape('circle', 200, { seed: 4 });
const angles = circle.parameters;

describe('latentTearReport', () => {
  it('golden: the angle as a latent tears the circle where it jumps, and nowhere else', async () => {
    const report = await latentTearReport(circle.x, angles, { k: 2 });
    expect(report.tears.length).toBeGreaterThanOrEqual(1);
    expect(report.tears.length).toBeLessThanOrEqual(4);
    for (const { from, to, stretch } of report.tears) {
      expect(Math.abs(angles.data[from] - angles.data[to])).toBeGreaterThan(6);
      expect(stretch).toBeGreaterThan(10);
    }
    expect(report.largest).toBe(report.tears[0].stretch);
    expect(report.medianStretch).toBeCloseTo(1, 2);
    expect(report.tornRows).toBeLessThanOrEqual(8 / 200);
  });

  it('golden: the circle as its own latents has no tear', async () => {
    const scaled = { ...circle.x, data: circle.x.data.map((value) => 3 * value) };
    const report = await latentTearReport(circle.x, scaled);
    expect(report.tears).toEqual([]);
    expect(report.largest).toBeCloseTo(1, 3);
    expect(report.medianStretch).toBeCloseTo(3, 3);
    expect(report.pairs).toBeGreaterThanOrEqual((200 * 8) / 2);
  });

  it('edge: equal rows with other latents are torn, with equal latents left out', async () => {
    const x = rowsOf([[0], [0], [1], [2], [3], [3]]);
    const z = rowsOf([[0], [5], [1], [2], [3], [3]]);
    const report = await latentTearReport(x, z, { k: 1 });
    expect(report.tears[0]).toEqual({ from: 0, to: 1, stretch: Infinity });
    expect(report.tears).toHaveLength(1);
    const flat = await latentTearReport(x, { ...z, data: new Float32Array(6) }, { k: 2 });
    expect(flat).toMatchObject({ tears: [], largest: 0, medianStretch: 0, tornRows: 0 });
  });

  it('memory: leaves no tensor behind', async () => {
    await expectNoLeak(async () => {
      await latentTearReport(circle.x, angles);
    });
  });

  it('error: counts that differ, k and factor out of range', async () => {
    const few = rowsOf([[1], [2]]);
    await expect(latentTearReport(circle.x, few)).rejects.toThrow(
      'latents must have as many rows as x, 200, got 2 rows',
    );
    await expect(latentTearReport(few, few)).rejects.toThrow(
      'k must be an integer >= 1 and <= rows - 1 = 1, got 8',
    );
    await expect(latentTearReport(few, few, { k: 1, factor: 1 })).rejects.toThrow(
      'factor must be a finite number > 1, got 1',
    );
  });
});

describe('reconstructionField', () => {
  it('golden: vectors, lengths, the worst row', () => {
    const x = rowsOf([
      [0, 0],
      [1, 1],
    ]);
    const field = reconstructionField(
      x,
      rowsOf([
        [0, 1],
        [4, 5],
      ]),
    );
    expect(Array.from(field.vectors.data)).toEqual([0, 1, 3, 4]);
    expect(Array.from(field.lengths)).toEqual([1, 5]);
    expect(field).toMatchObject({ mean: 3, largest: 5, worst: 1 });
  });

  it('error: other counts and other widths', () => {
    expect(() => reconstructionField(circle.x, rowsOf([[1, 2]]))).toThrow('got 1 rows');
    expect(() => reconstructionField(circle.x, angles)).toThrow(
      'reconstruction must have 2 values per row, as x, got 1 values',
    );
  });
});
