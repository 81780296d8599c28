import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { drawDisc, geodesic } from '../../src/cli/report/disc.js';
import { PROPERTY } from '../support/arbitraries.js';

interface Arc {
  readonly start: readonly [number, number];
  readonly end: readonly [number, number];
  readonly radius: number;
  readonly sweep: number;
}

function parseArc(path: string): Arc | undefined {
  const found = /^M(\S+) (\S+)A(\S+) \S+ 0 0 ([01]) (\S+) (\S+)$/.exec(path);
  if (found === null) return undefined;
  const [x1, y1, radius, sweep, x2, y2] = found.slice(1).map(Number);
  return { start: [x1, y1], end: [x2, y2], radius, sweep };
}

/** Centre of a small arc, by the rule of SVG: on the left of the chord for sweep 1 with y downwards. */
function centreOf({ start, end, radius, sweep }: Arc): [number, number] {
  const [dx, dy] = [end[0] - start[0], end[1] - start[1]];
  const half = Math.hypot(dx, dy) / 2;
  const height = Math.sqrt(Math.max(0, radius * radius - half * half));
  const side = sweep === 1 ? 1 : -1;
  const middle = [(start[0] + end[0]) / 2, (start[1] + end[1]) / 2];
  return [
    middle[0] - (side * dy * height) / (2 * half),
    middle[1] + (side * dx * height) / (2 * half),
  ];
}

const coordinate = fc.double({ min: -0.65, max: 0.65, noNaN: true });
const point = fc.record({ x: coordinate, y: coordinate });

describe('geodesic', () => {
  it('is a circle that meets the rim at right angles', () => {
    fc.assert(
      fc.property(point, point, (from, to) => {
        const arc = parseArc(geodesic(from, to));
        fc.pre(Math.hypot(from.x - to.x, from.y - to.y) > 0.2);
        // Nearly straight: no circle to measure.
        if (arc === undefined || arc.radius >= 20) return;
        const [cx, cy] = centreOf(arc);
        // |c|^2 = 1 + radius^2; coordinates have five decimals.
        const excess = cx * cx + cy * cy - arc.radius ** 2;
        expect(Math.abs(excess - 1)).toBeLessThan(2e-3 * (1 + arc.radius ** 2));
      }),
      PROPERTY,
    );
  });

  it('is straight through the centre', () => {
    expect(geodesic({ x: -0.5, y: 0.25 }, { x: 0.5, y: -0.25 })).toBe('M-0.5 -0.25L0.5 0.25');
    expect(geodesic({ x: 0, y: 0 }, { x: 0.3, y: 0.4 })).toMatch(/^M0 0L0\.3 -0\.4$/);
  });
});

describe('drawDisc', () => {
  it('draws every point with its name, escaped, and every link', () => {
    const { svg, caption } = drawDisc({
      points: [
        { name: 'animal', x: 0, y: 0 },
        { name: '<b>&', x: 0.5, y: 0.5 },
      ],
      links: [[1, 0]],
      note: 'a note',
    });
    expect(caption).toBe('a note');
    expect(svg).toContain('<title>animal</title>');
    expect(svg).toContain('<title>&lt;b&gt;&amp;</title>');
    expect(svg).not.toContain('<b>');
    expect(svg.match(/<path /g)).toHaveLength(1);
    expect(svg).toContain('cx="0.5" cy="-0.5"');
  });
});
