import { inflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { encodePng } from '../../src/cli/report/png.js';
import { drawGrid, imageShape, rangeOf } from '../../src/cli/report/rowPictures.js';
import type { RowGrid } from '../../src/cli/report/rowPictures.js';

/** Chunks of a PNG by type. */
function chunksOf(png: Uint8Array): Map<string, Buffer> {
  const bytes = Buffer.from(png);
  const chunks = new Map<string, Buffer>();
  for (let at = 8; at < bytes.length;) {
    const length = bytes.readUInt32BE(at);
    chunks.set(bytes.toString('latin1', at + 4, at + 8), bytes.subarray(at + 8, at + 8 + length));
    at += 12 + length;
  }
  return chunks;
}

/** The lines of a PNG's pixels, without the filter byte in front of each, which is 0. */
function pixelsOf(png: Uint8Array): number[][] {
  const chunks = chunksOf(png);
  const header = chunks.get('IHDR') ?? Buffer.alloc(13);
  const stride = 1 + header.readUInt32BE(0) * (header[9] === 2 ? 3 : 1);
  const raw = inflateSync(chunks.get('IDAT') ?? Buffer.alloc(0));
  return Array.from({ length: header.readUInt32BE(4) }, (_, row) => {
    const line = [...raw.subarray(row * stride, (row + 1) * stride)];
    expect(line[0]).toBe(0);
    return line.slice(1);
  });
}

describe('encodePng', () => {
  it('is a PNG whose pixels come back', () => {
    const png = encodePng(Uint8Array.of(0, 50, 100, 150, 200, 250), 3, 2, 1);
    expect([...png.subarray(0, 8)]).toEqual([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
    expect([...chunksOf(png).keys()]).toEqual(['IHDR', 'IDAT', 'IEND']);
    expect(pixelsOf(png)).toEqual([
      [0, 50, 100],
      [150, 200, 250],
    ]);
    // The CRC-32 of an empty IEND is known.
    expect(Buffer.from(png).toString('hex').slice(-8)).toBe('ae426082');
  });

  it('takes colours', () => {
    const png = encodePng(Uint8Array.of(1, 2, 3, 4, 5, 6), 2, 1, 3);
    expect(chunksOf(png).get('IHDR')?.[9]).toBe(2);
    expect(pixelsOf(png)).toEqual([[1, 2, 3, 4, 5, 6]]);
  });
});

const row = (...values: number[]) => [{ values, colour: '#000' }];

describe('drawGrid', () => {
  it('puts images side by side with a white line between, clipped to the range', () => {
    const grid: RowGrid = {
      cells: [
        [row(0, 1, 2, 3), row(-5, 9, 0, 0)],
        [row(3, 3, 3, 3), row(0, 0, 0, 0)],
      ],
      labels: ['a <b>', 'c'],
      rowShape: [2, 2, 1],
      range: [0, 3],
    };
    const svg = drawGrid(grid, 'T');
    expect(svg).toContain('>a &lt;b&gt;</text>');
    const base64 = /base64,([^"]+)"/.exec(svg)?.[1] ?? '';
    expect(pixelsOf(Buffer.from(base64, 'base64'))).toEqual([
      [0, 85, 255, 0, 255, 255],
      [170, 255, 255, 0, 0, 255],
      [255, 255, 255, 255, 255, 255],
      [255, 255, 255, 0, 0, 255],
      [255, 255, 255, 0, 0, 255],
      [255, 255, 255, 255, 255, 255],
    ]);
  });

  it('draws other rows as lines within their panel', () => {
    const grid: RowGrid = {
      cells: [[row(0, 10, 5), row(7)]],
      labels: ['v'],
      rowShape: [3],
      range: [0, 10],
    };
    const svg = drawGrid(grid, 'T');
    expect(svg).not.toContain('<image');
    const [, first] = /points="([^"]+)"/.exec(svg) ?? [];
    const ys = first.split(' ').map((point) => Number(point.split(',')[1]));
    expect(ys).toEqual([64, 0, 32]);
    expect(svg.match(/<polyline/g)).toHaveLength(2);
  });
});

describe('imageShape and rangeOf', () => {
  it('tell images of one or three channels from other rows', () => {
    expect(imageShape([28, 28])).toEqual({ height: 28, width: 28, channels: 1 });
    expect(imageShape([4, 5, 3])).toEqual({ height: 4, width: 5, channels: 3 });
    for (const shape of [[7], [4, 5, 2], [2, 2, 2, 1]]) expect(imageShape(shape)).toBeUndefined();
  });

  it('never give an empty range', () => {
    const rows = { data: Float32Array.of(2, 2), count: 1, rowShape: [2] };
    expect(rangeOf([rows])).toEqual([2, 3]);
    const others = { data: Float32Array.of(-1, 5), count: 1, rowShape: [2] };
    expect(rangeOf([rows, others])).toEqual([-1, 5]);
  });
});
