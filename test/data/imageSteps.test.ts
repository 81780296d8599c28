import { describe, expect, it } from 'vitest';
import {
  deformRows,
  loadDataset,
  openRows,
  streamDataset,
  writeNpy,
} from '../../src/data/index.js';
import { flipStaysValid, resizeRows } from '../../src/data/index.js';
import { splitSteps } from '../../src/data/imageSteps.js';
import { Rng } from '../../src/util/rng.js';
import { failureOf, gather, useTempFolder } from './files.js';

const files = useTempFolder();

/** What Pillow 13.0.0 makes of 4 x 5 values ((7 i) mod 11) / 10: 3 x 2 and 6 x 7, mode F, BILINEAR. */
const PILLOW_3X2 = [0.445, 0.625, 0.425, 0.525, 0.44, 0.495];
const PILLOW_6X7 = [
  0, 0.4, 0.5857143, 0.3, 0.8, 0.8285714, 0.6, 0.1, 0.5, 0.6857142, 0.4, 0.5071428, 0.6142857, 0.7,
  0.2333333, 0.5285714, 0.6880952, 0.5333333, 0.247619, 0.4333333, 0.8333334, 0.3666667, 0.2428571,
  0.297619, 0.6666666, 0.3809524, 0.5666667, 0.9666667, 0.5, 0.2714286, 0.3, 0.8, 0.5142857,
  0.4642857, 0.55, 0.6, 0.3714286, 0.4, 0.9, 0.6142857, 0.3285714, 0.1,
];

/** A .npy file of images with values in [0, 1]. */
async function images(name: string, shape: readonly number[], seed = 1): Promise<string> {
  const rng = new Rng(seed);
  const size = shape.reduce((product, dim) => product * dim, 1);
  const path = files.path(name);
  await writeNpy(
    path,
    Float32Array.from({ length: size }, () => rng.uniform()),
    [...shape],
  );
  return path;
}

describe('steps after @ in a data spec', () => {
  it.each([
    ['mnist:test', 'mnist:test', []],
    ['mnist:test@hflip', 'mnist:test', ['hflip']],
    ['cifar10:test@grey@28x28', 'cifar10:test', ['grey', '28x28']],
    ['a@b/rows@2x.npy', 'a@b/rows@2x.npy', []],
    ['rows.npy#labels=y.npy@noise-low', 'rows.npy#labels=y.npy', ['noise-low']],
    ['t.csv#target=a@b', 't.csv#target=a@b', []],
    ['-@blur', '-', ['blur']],
  ])('%s', (spec, base, steps) => {
    expect(splitSteps(spec)).toEqual({ base, steps });
  });

  it('error: something else after @ of a data set', () => {
    expect(() => splitSteps('mnist:test@fog')).toThrow(
      "data: mnist:test@fog must name one of invert, hflip, vflip, blur, elastic-low, elastic-high, noise-low, noise-high, grey or a size such as 28x28 after @, got 'fog'.",
    );
  });

  it.each(['noise-high', 'elastic-low', 'invert', 'hflip'] as const)(
    'property: %s in blocks of any size is deformRows of the whole',
    async (kind) => {
      const path = await images(`${kind}.npy`, [11, 9, 7, 1]);
      const { x } = await loadDataset(path);
      const want = Array.from(deformRows(x, kind, 5).data);
      for (const blockRows of [1, 4, 11]) {
        const stream = streamDataset(`${path}@${kind}`, { blockRows, seed: 5 });
        expect((await gather(stream)).x).toEqual(want);
      }
      const { count, blocks } = await openRows(`${path}@${kind}`, { seed: 5 });
      const read: number[] = [];
      for await (const { data } of blocks()) read.push(...data);
      expect([count, read]).toEqual([11, want]);
    },
  );

  it('golden: flips of MNIST leave out digits that are still digits, with their labels', async () => {
    const plain = await loadDataset('mnist:test', { limit: 60 });
    const flipped = await loadDataset('mnist:test@hflip', { limit: 30 });
    const want = Array.from(plain.y?.values ?? []).filter((l) => !flipStaysValid('hflip', l));
    expect(Array.from(flipped.y?.values ?? [])).toEqual(want.slice(0, 30));
    expect(flipped.name).toBe('mnist:test@hflip');
    const first = Array.from(plain.y?.values ?? []).indexOf(want[0]);
    const row = plain.x.data.subarray(first * 784, first * 784 + 28);
    expect(Array.from(flipped.x.data.subarray(0, 28))).toEqual(Array.from(row).reverse());
  });

  it('golden: grey is the luma of BT.601, and sizes apply in the order of writing', async () => {
    const path = await images('color.npy', [2, 3, 4, 3]);
    const { x } = await loadDataset(path);
    const grey = (await loadDataset(`${path}@grey`)).x;
    expect(grey.rowShape).toEqual([3, 4, 1]);
    grey.data.forEach((value, i) => {
      const [r, g, b] = x.data.subarray(3 * i, 3 * i + 3);
      expect(value).toBeCloseTo(0.299 * r + 0.587 * g + 0.114 * b, 6);
    });
    const small = (await loadDataset(`${path}@grey@2x2`)).x;
    expect(small.rowShape).toEqual([2, 2, 1]);
    expect(small.data).toEqual(resizeRows(grey, 2, 2).data);
  });

  it('error: rows that are no images, or of two channels', async () => {
    const flat = await images('flat.npy', [3, 12]);
    expect(await failureOf(loadDataset(`${flat}@4x4`))).toContain(
      'ShapeError: @4x4: rows must be images of shape [height, width, channels], got rows of shape [12]',
    );
    const two = await images('two.npy', [3, 2, 2, 2]);
    expect(await failureOf(loadDataset(`${two}@grey`))).toContain('have 1 or 3 channels, got 2');
  });
});

describe('resizeRows', () => {
  it('golden: what Pillow gives, smaller and larger', () => {
    const data = Float32Array.from({ length: 20 }, (_, i) => ((i * 7) % 11) / 10);
    const rows = { data, count: 1, rowShape: [4, 5, 1] };
    resizeRows(rows, 3, 2).data.forEach((v, i) => expect(v).toBeCloseTo(PILLOW_3X2[i], 6));
    resizeRows(rows, 6, 7).data.forEach((v, i) => expect(v).toBeCloseTo(PILLOW_6X7[i], 6));
  });

  it('property: the same size is the same image, and a constant stays constant', () => {
    const data = Float32Array.from({ length: 36 }, (_, i) => (i % 13) / 13);
    const rows = { data, count: 2, rowShape: [3, 2, 3] };
    expect(resizeRows(rows, 3, 2).data).toEqual(data);
    const flat = { ...rows, data: data.map(() => 0.3) };
    for (const value of resizeRows(flat, 5, 1).data) expect(value).toBeCloseTo(0.3, 6);
  });
});

describe('noise', () => {
  it('property: seeded, in [0, 1], the same in blocks of any size', async () => {
    for (const kind of ['uniform', 'gaussian']) {
      const spec = `noise:${kind}#shape=4x4x1#rows=300`;
      const whole = await loadDataset(spec, { seed: 3 });
      expect([whole.x.count, whole.x.rowShape]).toEqual([300, [4, 4, 1]]);
      const parts = await gather(streamDataset(spec, { blockRows: 7, seed: 3 }));
      expect(parts.x).toEqual(Array.from(whole.x.data));
      expect((await loadDataset(spec, { seed: 4 })).x.data).not.toEqual(whole.x.data);
      const { data } = whole.x;
      expect(data.every((v) => v >= 0 && v <= 1)).toBe(true);
      // Standard error of the mean below 0.006; a share 0.617 of the normal values is clipped.
      expect(data.reduce((a, b) => a + b) / data.length).toBeCloseTo(0.5, 1);
      const ends = data.filter((v) => v === 0 || v === 1).length / data.length;
      expect(ends).toBeCloseTo(kind === 'uniform' ? 0 : 0.617, 1);
    }
  });

  it.each([
    ['noise:pink', "must be noise:uniform or noise:gaussian, got 'pink'"],
    ['noise:uniform', 'must say the shape and number of its rows, got none'],
    ['noise:uniform#size=3', "must have the settings shape=28x28x1 and rows=1000, got 'size=3'"],
  ])('error: %s', async (spec, message) => {
    expect(await failureOf(loadDataset(spec))).toContain(message);
  });
});
