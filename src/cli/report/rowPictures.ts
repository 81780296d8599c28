import type { Rows } from '../../util/rows.js';
import { rowSize } from '../../util/rows.js';
import { escapeText } from './charts.js';
import { encodePng } from './png.js';

/** A grid of rows to draw, all of one shape: `cells[r][c]`, each one or more rows over each other. */
export interface RowGrid {
  readonly cells: readonly (readonly (readonly GridRow[])[])[];
  /** Text before each line of the grid. */
  readonly labels: readonly string[];
  readonly rowShape: readonly number[];
  /** Smallest and largest value: black and white of images, bottom and top of lines. */
  readonly range: readonly [number, number];
}

export interface GridRow {
  readonly values: ArrayLike<number>;
  /** Of a line chart. */
  readonly colour: string;
}

/** Room for a label before a line of the grid, and between cells, in units of the drawing. */
const [LABEL, GAP] = [110, 4];
/** Sides of a panel with a line chart. */
const [PANEL_WIDTH, PANEL_HEIGHT] = [96, 64];
/** Images are enlarged to about this height. */
const IMAGE_HEIGHT = 56;

/** Height, width and channels of rows that are images; undefined for others. */
export function imageShape(
  rowShape: readonly number[],
): { readonly height: number; readonly width: number; readonly channels: 1 | 3 } | undefined {
  const [height, width, channels = 1] = rowShape;
  const isImage = rowShape.length === 2 || rowShape.length === 3;
  if (!isImage || (channels !== 1 && channels !== 3)) return undefined;
  return { height, width, channels };
}

/** Smallest and largest value of some rows; never an empty range. */
export function rangeOf(rows: readonly Rows[]): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const { data } of rows) {
    for (const value of data) [low, high] = [Math.min(low, value), Math.max(high, value)];
  }
  return high > low ? [low, high] : [low, low + 1];
}

/** Row i of some rows, as a view. */
export function rowOf(rows: Rows, i: number): Float32Array {
  const size = rowSize(rows);
  return rows.data.subarray(i * size, (i + 1) * size);
}

/** A grid as an inline drawing: images where the rows are images, else small line charts. */
export function drawGrid(grid: RowGrid, title: string): string {
  const image = imageShape(grid.rowShape);
  return image === undefined ? drawLines(grid, title) : drawImages(grid, image, title);
}

/** All images of a grid as one PNG. Values beyond the range are black or white. */
function drawImages(
  { cells, labels, range: [low, high] }: RowGrid,
  { height, width, channels }: NonNullable<ReturnType<typeof imageShape>>,
  title: string,
): string {
  const scale = Math.max(1, Math.round(IMAGE_HEIGHT / height));
  // One pixel of white between images.
  const [lineHeight, cellWidth] = [height + 1, width + 1];
  const full = {
    width: Math.max(...cells.map((line) => line.length)) * cellWidth,
    height: cells.length * lineHeight,
  };
  const pixels = new Uint8Array(full.width * full.height * channels).fill(255);
  cells.forEach((line, r) =>
    line.forEach(([{ values }], c) => {
      for (let i = 0; i < values.length; i++) {
        const [y, x] = [Math.floor(i / (width * channels)), i % (width * channels)];
        const at = ((r * lineHeight + y) * full.width + c * cellWidth) * channels + x;
        const part = (values[i] - low) / (high - low);
        pixels[at] = Math.round(255 * Math.min(1, Math.max(0, part)));
      }
    }),
  );
  const png = Buffer.from(encodePng(pixels, full.width, full.height, channels)).toString('base64');
  const [w, h] = [full.width * scale, full.height * scale];
  const image = `<image x="${LABEL}" y="0" width="${w}" height="${h}" style="image-rendering: pixelated" href="data:image/png;base64,${png}"/>`;
  const texts = labels.map((label, r) => textAt(label, (r + 0.5) * lineHeight * scale));
  return wrap(title, LABEL + w, h, [image, ...texts]);
}

/** A small line chart for every cell; values against their place in the row. */
function drawLines({ cells, labels, range: [low, high] }: RowGrid, title: string): string {
  const parts = cells.flatMap((line, r) =>
    line.flatMap((rows, c) => {
      const [left, top] = [LABEL + c * (PANEL_WIDTH + GAP), r * (PANEL_HEIGHT + GAP)];
      const frame = `<rect x="${left}" y="${top}" width="${PANEL_WIDTH}" height="${PANEL_HEIGHT}" fill="none" stroke="#ccc"/>`;
      const lines = rows.map(({ values, colour }) => {
        const points = Array.from(values, (value, i) => {
          // A row of one value is a point in the middle.
          const along = values.length === 1 ? 0.5 : i / (values.length - 1);
          const up = Math.min(1, Math.max(0, (value - low) / (high - low)));
          const x = left + along * PANEL_WIDTH;
          return `${x.toFixed(1)},${(top + (1 - up) * PANEL_HEIGHT).toFixed(1)}`;
        });
        const ends = values.length === 1 ? [...points, ...points] : points;
        return `<polyline points="${ends.join(' ')}" fill="none" stroke="${colour}" stroke-width="1.5" stroke-linecap="round"/>`;
      });
      return [frame, ...lines];
    }),
  );
  const texts = labels.map((label, r) =>
    textAt(label, r * (PANEL_HEIGHT + GAP) + PANEL_HEIGHT / 2),
  );
  const columns = Math.max(...cells.map((line) => line.length));
  const width = LABEL + columns * (PANEL_WIDTH + GAP);
  return wrap(title, width, cells.length * (PANEL_HEIGHT + GAP), [...parts, ...texts]);
}

function textAt(text: string, y: number): string {
  return `<text x="0" y="${y}" dominant-baseline="middle" font-family="system-ui, sans-serif" font-size="12">${escapeText(text)}</text>`;
}

function wrap(title: string, width: number, height: number, parts: readonly string[]): string {
  return `<svg role="img" aria-label="${escapeText(title)}" xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">
${parts.join('\n')}
</svg>`;
}
