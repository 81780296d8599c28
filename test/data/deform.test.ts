import { describe, expect, it } from 'vitest';
import {
  COLOUR_DEFORMATIONS,
  DEFORMATIONS,
  deformRows,
  flipStaysValid,
} from '../../src/data/index.js';
import type { DeformationName } from '../../src/data/index.js';
import { Rng } from '../../src/util/rng.js';
import { sliceRows } from '../../src/util/rows.js';
import type { Rows } from '../../src/util/rows.js';

function images(count: number, shape: readonly number[], value?: number): Rows {
  const rng = new Rng(3);
  const size = shape.reduce((product, dim) => product * dim, count);
  const data = Float32Array.from({ length: size }, () => value ?? rng.uniform());
  return { data, count, rowShape: shape };
}

const SHAPES = [
  [28, 28, 1],
  [32, 32, 3],
  [5, 9, 2],
  [1, 1, 1],
];

describe('deformRows', () => {
  it.each([...DEFORMATIONS, ...COLOUR_DEFORMATIONS])(
    'property: %s keeps shape and range, is seeded, leaves its input',
    (kind) => {
      for (const shape of SHAPES) {
        const rows = images(3, shape);
        const before = rows.data.slice();
        const out = deformRows(rows, kind, 7);
        expect([out.count, out.rowShape, out.data.length]).toEqual([3, shape, rows.data.length]);
        expect(out.data.every((value) => value >= 0 && value <= 1)).toBe(true);
        expect(rows.data).toEqual(before);
        expect(deformRows(rows, kind, 7).data).toEqual(out.data);
      }
    },
  );

  it.each(DEFORMATIONS)('property: %s of the first rows is the first rows of the whole', (kind) => {
    const rows = images(4, [6, 5, 1]);
    const whole = deformRows(rows, kind, 7);
    expect(deformRows(sliceRows(rows, 0, 2), kind, 7).data).toEqual(sliceRows(whole, 0, 2).data);
  });

  it.each(['elastic-low', 'elastic-high', 'noise-low', 'noise-high'] as const)(
    'property: %s changes with the seed and from image to image',
    (kind) => {
      const one = images(1, [8, 8, 1]);
      const rows = { ...one, count: 2, data: Float32Array.of(...one.data, ...one.data) };
      const out = deformRows(rows, kind, 7);
      expect(deformRows(rows, kind, 8).data).not.toEqual(out.data);
      expect(sliceRows(out, 1, 2).data).not.toEqual(sliceRows(out, 0, 1).data);
    },
  );

  it('golden: posterize keeps two bits, solarize inverts from one half on', () => {
    const data = Float32Array.of(0, 0.25, 0.499, 0.5, 0.75, 1);
    const rows = { data, count: 1, rowShape: [2, 3, 1] };
    expect([...deformRows(rows, 'posterize', 1).data]).toEqual([0, 0.25, 0.25, 0.5, 0.75, 0.75]);
    const solarized = [0, 0.25, Math.fround(0.499), 0.5, 0.25, 0];
    expect([...deformRows(rows, 'solarize', 1).data]).toEqual(solarized);
  });

  it.each(['invert', 'hflip', 'vflip'] as const)('property: %s twice gives the image', (kind) => {
    // Multiples of 1/256 stay exact under 1 - x.
    const data = Float32Array.from({ length: 2 * 4 * 3 * 2 }, (_, i) => ((i * 37) % 257) / 256);
    const rows = { data, count: 2, rowShape: [4, 3, 2] };
    expect(deformRows(deformRows(rows, kind, 1), kind, 1).data).toEqual(data);
  });

  it('golden: flips and inversion of a small image in two channels', () => {
    const rows = { data: Float32Array.of(0, 0.25, 0.5, 0.75, 1, 0), count: 1, rowShape: [1, 3, 2] };
    expect(Array.from(deformRows(rows, 'hflip', 0).data)).toEqual([1, 0, 0.5, 0.75, 0, 0.25]);
    const tall = { ...rows, rowShape: [3, 1, 2] };
    expect(Array.from(deformRows(tall, 'vflip', 0).data)).toEqual([1, 0, 0.5, 0.75, 0, 0.25]);
    expect(Array.from(deformRows(rows, 'invert', 0).data)).toEqual([1, 0.75, 0.5, 0.25, 0, 1]);
  });

  it('golden: a blurred point is the Gaussian of sigma 1.5 on 28 pixels', () => {
    const rows = images(1, [28, 28, 1], 0);
    rows.data[14 * 28 + 14] = 1;
    const { data } = deformRows(rows, 'blur', 0);
    const sum = data.reduce((total, value) => total + value, 0);
    expect(sum).toBeCloseTo(1, 6);
    const peak = data[14 * 28 + 14];
    expect(data[14 * 28 + 16] / peak).toBeCloseTo(Math.exp(-4 / 4.5), 5);
    expect(data[12 * 28 + 14] / peak).toBeCloseTo(Math.exp(-4 / 4.5), 5);
  });

  it('property: blur keeps constant images', () => {
    for (const shape of SHAPES) {
      for (const value of deformRows(images(1, shape, 0.5), 'blur', 0).data) {
        expect(value).toBeCloseTo(0.5, 6);
      }
    }
  });

  it('property: elastic moves pixels about 0.8 (low) and 3.2 (high) and fills with zero', () => {
    // A ramp along x: the change of value is the displacement in pixels / 100.
    const ramp = (count: number): Rows => ({
      data: Float32Array.from({ length: count * 100 * 100 }, (_, i) => (i % 100) / 100),
      count,
      rowShape: [100, 100, 1],
    });
    const spread = (kind: DeformationName): number => {
      const rows = ramp(4);
      const out = deformRows(rows, kind, 5).data;
      let [sum, count] = [0, 0];
      for (let i = 0; i < out.length; i++) {
        const [x, y] = [i % 100, Math.floor(i / 100) % 100];
        if (x < 25 || x >= 75 || y < 25 || y >= 75) continue;
        sum += (100 * (out[i] - rows.data[i])) ** 2;
        count++;
      }
      return Math.sqrt(sum / count);
    };
    // alpha / 2 times the deviation of smoothed noise, sqrt(1/3) / (2 sigma sqrt(pi)).
    const unit = Math.sqrt(1 / 3) / (10 * Math.sqrt(Math.PI));
    expect(spread('elastic-low') / (25 * unit)).toBeGreaterThan(0.8);
    expect(spread('elastic-low') / (25 * unit)).toBeLessThan(1.2);
    expect(spread('elastic-high') / (100 * unit)).toBeGreaterThan(0.8);
    expect(spread('elastic-high') / (100 * unit)).toBeLessThan(1.2);
    const white = deformRows(images(2, [28, 28, 1], 1), 'elastic-high', 5).data;
    expect(Math.min(...white)).toBe(0);
  });

  it('property: noise has the stated deviation before it is clipped', () => {
    const rows = images(20, [28, 28, 1], 0.5);
    const { data } = deformRows(rows, 'noise-low', 5);
    const inside = data.filter((value) => Math.abs(value - 0.5) < 0.2).length / data.length;
    // 68.3 % of a normal lie within one sigma.
    expect(inside).toBeCloseTo(0.683, 1);
    const clipped = deformRows(rows, 'noise-high', 5).data.filter((v) => v === 0 || v === 1).length;
    // 53.2 % lie beyond 0.5 / 0.8 sigma.
    expect(clipped / data.length).toBeCloseTo(0.532, 1);
  });

  it('error: rows that are no images, values outside [0, 1], NaN, unknown kinds', () => {
    const flat = { data: new Float32Array(4), count: 1, rowShape: [4] };
    expect(() => deformRows(flat, 'blur', 0)).toThrow(
      'deformRows: rows must be images of shape [height, width, channels], got rows of shape [4].',
    );
    expect(() => deformRows(images(1, [2, 2, 1], 255), 'blur', 0)).toThrow('Divide bytes by 255.');
    expect(() => deformRows(images(1, [2, 2, 1], NaN), 'blur', 0)).toThrow('must be finite');
    expect(() => deformRows(flat, 'melt' as DeformationName, 0)).toThrow(
      "kind must be one of invert, hflip, vflip, blur, elastic-low, elastic-high, noise-low, noise-high, posterize, solarize, got 'melt'",
    );
  });
});

describe('flipStaysValid', () => {
  it('golden: digits left out of each flip', () => {
    const digits = Array.from({ length: 10 }, (_, digit) => digit);
    const left = (kind: DeformationName): number[] => digits.filter((d) => flipStaysValid(kind, d));
    expect(left('hflip')).toEqual([0, 1, 2, 5, 8]);
    expect(left('vflip')).toEqual([0, 1, 2, 3, 5, 8]);
    expect(DEFORMATIONS.filter((kind) => left(kind).length > 0)).toEqual(['hflip', 'vflip']);
  });
});
