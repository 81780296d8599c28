import { describe, expect, it } from 'vitest';
import { SHAPES, sampleShape } from '../../src/data/index.js';
import type { ShapeName } from '../../src/data/index.js';
import type { Rows } from '../../src/util/rows.js';

const row = ({ data, rowShape: [d] }: Rows, i: number): number[] =>
  Array.from(data.subarray(i * d, (i + 1) * d));

/** The point of given parameters. */
const CHARTS: Readonly<Record<ShapeName, (p: number[]) => number[]>> = {
  circle: ([t]) => [Math.cos(t), Math.sin(t)],
  ring: ([t, r]) => [r * Math.cos(t), r * Math.sin(t)],
  sphere: ([a, b]) => [Math.sin(b) * Math.cos(a), Math.sin(b) * Math.sin(a), Math.cos(b)],
  hemisphere: ([a, b]) => CHARTS.sphere([a, b]),
  torus: ([a, b]) => [
    (2 + Math.cos(b)) * Math.cos(a),
    (2 + Math.cos(b)) * Math.sin(a),
    Math.sin(b),
  ],
  helix: ([t]) => {
    const r = 1 + 0.3 * Math.cos(8 * t);
    return [r * Math.cos(t), r * Math.sin(t), 0.3 * Math.sin(8 * t)];
  },
};

/** Largest difference of the distribution of values in [0, 1] from the uniform one. */
function uniformGap(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return Math.max(
    ...sorted.map((value, i) =>
      Math.max(value - i / sorted.length, (i + 1) / sorted.length - value),
    ),
  );
}

describe('sampleShape', () => {
  it.each(SHAPES)('reference: points of the %s are those of their parameters', (name) => {
    const { x, parameters } = sampleShape(name, 200, { seed: 2 });
    for (let i = 0; i < 200; i++) {
      CHARTS[name](row(parameters, i)).forEach((value, f) => {
        expect(row(x, i)[f]).toBeCloseTo(value, 5);
      });
    }
    expect(sampleShape(name, 200, { seed: 2 }).x).toEqual(x);
    expect(sampleShape(name, 200, { seed: 3 }).x).not.toEqual(x);
  });

  it('property: uniform by area (Kolmogorov-Smirnov at 1 in 10,000)', () => {
    const n = 4000;
    const most = Math.sqrt(Math.log(2 / 1e-4) / (2 * n));
    const shares: Partial<Record<ShapeName, (p: number[]) => number>> = {
      sphere: ([, b]) => (1 - Math.cos(b)) / 2,
      hemisphere: ([, b]) => 1 - Math.cos(b),
      torus: ([, b]) => (2 * b + Math.sin(b)) / (4 * Math.PI),
      ring: ([, r]) => (r * r - 0.64) / 0.8,
      circle: ([t]) => t / (2 * Math.PI),
    };
    for (const [name, share] of Object.entries(shares)) {
      const { parameters } = sampleShape(name as ShapeName, n, { seed: 5 });
      const values = Array.from({ length: n }, (_, i) => share(row(parameters, i)));
      expect(uniformGap(values), name).toBeLessThan(most);
    }
  });

  it('property: noise moves points by its standard deviation', () => {
    const [clean, noisy] = [
      sampleShape('circle', 2000, { seed: 6 }).parameters,
      sampleShape('circle', 2000, { seed: 6, noise: 0.1 }),
    ];
    expect(noisy.parameters).toEqual(clean);
    let squares = 0;
    for (let i = 0; i < 2000; i++) {
      const want = CHARTS.circle(row(clean, i));
      row(noisy.x, i).forEach((value, f) => (squares += (value - want[f]) ** 2));
    }
    expect(Math.sqrt(squares / 4000)).toBeCloseTo(0.1, 2);
  });

  it('error: names, counts, noise', () => {
    expect(() => sampleShape('cube' as ShapeName, 1)).toThrow('name must be one of circle, ring');
    expect(() => sampleShape('ring', 0)).toThrow('count must be an integer >= 1, got 0');
    expect(() => sampleShape('ring', 1, { noise: -1 })).toThrow(
      'noise must be a finite number >= 0',
    );
  });
});
