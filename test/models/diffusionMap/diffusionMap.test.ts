import { describe, expect, it } from 'vitest';
import { DataError, NotFittedError } from '../../../src/errors.js';
import { sampleShape } from '../../../src/data/index.js';
import type { ShapeName } from '../../../src/data/index.js';
import { circularCorrelation } from '../../../src/metrics/index.js';
import { DiffusionMap } from '../../../src/models/diffusionMap/index.js';
import { diffusionCoordinates } from '../../../src/models/diffusionMap/operator.js';
import { sliceRows } from '../../../src/util/rows.js';
import type { Rows } from '../../../src/util/rows.js';

const anglesOf = ({ data, count }: Rows): number[] =>
  Array.from({ length: count }, (_, i) => Math.atan2(data[2 * i + 1], data[2 * i]));

const firstOf = ({ data, count, rowShape: [d] }: Rows): number[] =>
  Array.from({ length: count }, (_, i) => data[i * d]);

describe('DiffusionMap', () => {
  it.each<[ShapeName, number, number]>([
    ['circle', 200, 0],
    ['ring', 300, 0],
    ['helix', 300, 0.01],
  ])('toy: coordinates of the %s are its angle', (name, count, noise) => {
    const { x, parameters } = sampleShape(name, count, { seed: 2, noise });
    const map = new DiffusionMap().fit(x);
    const found = circularCorrelation(anglesOf(map.coordinates()), firstOf(parameters));
    expect(Math.abs(found)).toBeGreaterThan(0.99);
    const held = sampleShape(name, 50, { seed: 3, noise });
    const extended = anglesOf(map.transform(held.x));
    expect(Math.abs(circularCorrelation(extended, firstOf(held.parameters)))).toBeGreaterThan(0.99);
  });

  it('reference: P has rows that add to 1, and the vectors are its eigenvectors', () => {
    const { x } = sampleShape('torus', 60);
    const settings = { dims: 4, alpha: 0.5, bandwidth: 2, neighbors: 5 };
    const { operator, eigenvalues, vectors } = diffusionCoordinates(x, settings);
    for (let i = 0; i < 60; i++) {
      const row = operator.subarray(i * 60, (i + 1) * 60);
      expect(row.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 12);
      for (let l = 0; l < 4; l++) {
        const moved = row.reduce((sum, value, j) => sum + value * vectors[j * 4 + l], 0);
        expect(moved).toBeCloseTo(eigenvalues[l] * vectors[i * 4 + l], 10);
      }
    }
    for (let l = 0; l < 4; l++) {
      const squares = vectors.reduce((sum, value, at) => sum + (at % 4 === l ? value ** 2 : 0), 0);
      expect(squares / 60).toBeCloseTo(1, 12);
      expect(eigenvalues[l]).toBeLessThan(l === 0 ? 1 : eigenvalues[l - 1] + 1e-15);
    }
  });

  it('property: a fitted row gets its own coordinates; a far row finite ones', () => {
    const { x } = sampleShape('helix', 150);
    const map = new DiffusionMap({ dims: 3, time: 2 }).fit(x);
    const [own, again] = [map.coordinates(), map.transform(x)];
    own.data.forEach((value, i) => expect(again.data[i]).toBeCloseTo(value, 4));
    const far = { data: Float32Array.of(1e4, -1e4, 0), count: 1, rowShape: [3] };
    expect(map.transform(far).data.every(Number.isFinite)).toBe(true);
  });

  it('property: time multiplies coordinates by powers of their eigenvalues', () => {
    const { x } = sampleShape('circle', 80);
    const [still, moved] = [new DiffusionMap().fit(x), new DiffusionMap({ time: 3 }).fit(x)];
    const { eigenvalues } = still;
    const [a, b] = [still.coordinates().data, moved.coordinates().data];
    a.forEach((value, i) => expect(b[i]).toBeCloseTo(value * eigenvalues[i % 2] ** 3, 6));
  });

  it('check: save and load give the same bits; refit forgets; dispose', () => {
    const { x } = sampleShape('ring', 90);
    const map = new DiffusionMap({ alpha: 0 }).fit(sampleShape('circle', 70).x).fit(x);
    const loaded = DiffusionMap.fromArtifacts(map.toArtifacts());
    const rows = sampleShape('ring', 20, { seed: 8 }).x;
    expect(loaded.transform(rows)).toEqual(map.transform(rows));
    expect(loaded.coordinates()).toEqual(map.coordinates());
    expect(loaded.toArtifacts()).toEqual(map.toArtifacts());
    expect(map.coordinates()).toEqual(new DiffusionMap({ alpha: 0 }).fit(x).coordinates());
    map.dispose();
    expect(() => map.transform(rows)).toThrow(NotFittedError);
    expect(map.fitted).toBe(false);
  });

  it('error: settings, rows, files', () => {
    expect(() => new DiffusionMap({ dims: 0 })).toThrow(
      'config.dims must be an integer >= 1, got 0',
    );
    expect(() => new DiffusionMap({ alpha: 2 })).toThrow('config.alpha must be a number in [0, 1]');
    expect(() => new DiffusionMap({ size: 2 } as object)).toThrow("known keys only, got 'size'");
    const { x } = sampleShape('circle', 30);
    expect(() => new DiffusionMap().fit(sliceRows(x, 0, 3))).toThrow(
      'x must have dims + 2 = 4 to 6000 rows, got 3',
    );
    const equal = { ...x, data: new Float32Array(60) };
    expect(() => new DiffusionMap().fit(equal)).toThrow('config.dims must be at most the number');
    const map = new DiffusionMap().fit(x);
    expect(() => map.transform({ ...x, rowShape: [60], count: 1 })).toThrow('rows of shape [2]');
    const saved = map.toArtifacts();
    expect(() => DiffusionMap.fromArtifacts({ ...saved, model: 'sage' })).toThrow(DataError);
    expect(() => DiffusionMap.fromArtifacts({ ...saved, arrays: {} })).toThrow("array 'rows'");
    const config = { ...saved.config, fitted: null };
    expect(() => DiffusionMap.fromArtifacts({ ...saved, config })).toThrow('config.fitted');
  });
});
