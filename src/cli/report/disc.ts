import { escapeText } from './charts.js';
import type { Chart } from './charts.js';
import type { DiscPoint, HyperbolicDisc } from './data.js';

/** Decimals of coordinates in the unit disc: a ten-thousandth of the drawing. */
const DECIMALS = 5;
/** |p x q| below which two points lie on a diameter, for drawing. */
const ON_DIAMETER = 1e-4;

const number = (value: number): string => String(Number(value.toFixed(DECIMALS)));

/** The Poincaré disc as an inline drawing: a name shows where the pointer rests on its point. */
export function drawDisc({ points, links, note }: HyperbolicDisc): Chart {
  const title = 'Poincaré disc';
  const lines = links.map(([from, to]) => `<path d="${geodesic(points[from], points[to])}"/>`);
  const dots = points.map(
    ({ name, x, y }) =>
      `<circle cx="${number(x)}" cy="${number(-y)}" r=".006"><title>${escapeText(name)}</title></circle>`,
  );
  const svg = `<svg role="img" aria-label="${title}" xmlns="http://www.w3.org/2000/svg" width="800" height="800" viewBox="-1.02 -1.02 2.04 2.04">
<circle r="1" fill="none" stroke="#888" stroke-width=".004"/>
<g fill="none" stroke="#999" stroke-width=".0015" stroke-opacity=".6">
${lines.join('\n')}
</g>
<g fill="#0072B2" fill-opacity=".75">
${dots.join('\n')}
</g>
</svg>`;
  return { title, caption: note, svg };
}

/**
 * Path of the geodesic between two points of the unit disc: a part of a diameter, or of the circle through
 * both that meets the unit circle at right angles, 2 c.p = |p|^2 + 1, 2 c.q = |q|^2 + 1. The vertical axis
 * of the drawing points down.
 */
export function geodesic(from: DiscPoint, to: DiscPoint): string {
  const [px, py, qx, qy] = [from.x, -from.y, to.x, -to.y];
  const start = `M${number(px)} ${number(py)}`;
  const end = `${number(qx)} ${number(qy)}`;
  const cross = px * qy - py * qx;
  if (Math.abs(cross) < ON_DIAMETER) return `${start}L${end}`;
  const [p, q] = [px * px + py * py + 1, qx * qx + qy * qy + 1];
  const cx = (p * qy - q * py) / (2 * cross);
  const cy = (q * px - p * qx) / (2 * cross);
  const radius = Math.sqrt(Math.max(0, cx * cx + cy * cy - 1));
  const turn = (px - cx) * (qy - cy) - (py - cy) * (qx - cx);
  return `${start}A${number(radius)} ${number(radius)} 0 0 ${turn > 0 ? 1 : 0} ${end}`;
}
