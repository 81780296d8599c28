import { expect, it } from 'vitest';
import { DomainError } from '../../src/errors.js';
import { dist } from '../../src/ops/logPolar.js';
import { distance, haversine } from '../reference/hyperbolicModels.js';
import { expectClose } from '../support/compare.js';
import { describeMaps, hostValues, mapGradients } from '../support/mapBackends.js';
import { TOLERANCES } from '../support/tolerances.js';

const RADII = [0, 1e-6, 1e-3, 0.1, 1, 4, 12, 39, 41, 60, 100, 500, 1000];
const ANGLES = [0, 1e-4, 1e-2, 1, Math.PI / 2, Math.PI];

const at = (r: number, angle: number): number[] =>
  [r * Math.cos(angle), r * Math.sin(angle)].map(Math.fround);

const GRID = RADII.flatMap((p) =>
  RADII.flatMap((q) => ANGLES.map((angle) => [at(p, 0), at(q, angle)] as const)),
);
const WANT = new Map([1, 0.25].map((c) => [c, GRID.map(([p, q]) => haversine(p, q, c))]));

describeMaps('logPolar', ({ run, tolerance, isSlow }) => {
  const isExact = tolerance === TOLERANCES.mapExact;
  const [x, y] = [GRID.map(([row]) => row), GRID.map(([, row]) => row)];

  it('reference: 120 digits at all radii to 1000 and all angles', async () => {
    for (const c of isSlow ? [1] : [1, 0.25]) {
      const got = await hostValues(run(() => dist(x, y, c)));
      let worst = 0;
      GRID.forEach(([p, q], i) => {
        const want = WANT.get(c)?.[i] ?? NaN;
        // In float32 a direction is known to an ulp: near points that far out are no nearer.
        const size = Math.max(Math.hypot(...p), Math.hypot(...q));
        const slack = isExact
          ? tolerance.relative * want + 1e-9
          : tolerance.relative * (want + size) + 1e-9 + directionError(p, q, want, c);
        worst = Math.max(worst, Math.abs(got[i] - want) / slack);
      });
      expect(worst).toBeLessThanOrEqual(1);
    }
  });

  it('property: exactly 0 for equal rows, the same both ways, never over the way by the origin', async () => {
    const [there, back] = await Promise.all([
      hostValues(run(() => dist(x, y))),
      hostValues(run(() => dist(y, x))),
    ]);
    expect(there).toEqual(back);
    const own = await hostValues(run(() => dist(x, x)));
    expect(own.every((d) => d === 0)).toBe(true);
    GRID.forEach(([p, q], i) => {
      expect(there[i]).toBeLessThanOrEqual((Math.hypot(...p) + Math.hypot(...q)) * (1 + 1e-5));
      expect(there[i]).toBeGreaterThanOrEqual(0);
    });
  });

  it('gradient: of length 1 along the radius, right at the origin, finite everywhere', async () => {
    const all = await run(() => mapGradients((a, b, c) => dist(a, b, c), [x, y, 1]));
    for (const value of all.flat()) expect(value).toSatisfy(Number.isFinite);
    // On one ray the distance is the difference of the radii; from the origin it is the radius.
    const near: [number[], number[]][] = [
      [
        [3, 0],
        [1, 0],
      ],
      [
        [500, 0],
        [400, 0],
      ],
      [
        [0, 0],
        [0, 2],
      ],
      [
        [0, 0],
        [0, 900],
      ],
    ];
    const wants = [
      [1, 0],
      [1, 0],
      [0, -1],
      [0, -1],
    ];
    for (const [i, [p, q]] of near.entries()) {
      const [gradient] = await run(() => mapGradients((a, b) => dist(a, b), [[p], [q]]));
      expectClose(
        gradient,
        wants[i].map((v) => v * Math.cos(1)),
        { relative: 1e-5, absolute: 1e-5, reason: 'closed form in float32' },
      );
    }
  });

  it('gradient: central differences of 120 digits', async () => {
    const pairs: [number[], number[]][] = [
      [
        [0.5, 0.25],
        [-1, 0.5],
      ],
      [
        [3, 1],
        [2, 2],
      ],
      [
        [30, 4],
        [20, -25],
      ],
      [
        [60, 1],
        [50, 2],
      ],
    ];
    for (const [p, q] of pairs.slice(0, isSlow ? 2 : 4)) {
      const [dx, , dc] = await run(() => mapGradients((a, b, c) => dist(a, b, c), [[p], [q], 0.5]));
      const h = 1e-4;
      const slope = (f: (by: number) => number): number => ((f(h) - f(-h)) / (2 * h)) * Math.cos(1);
      const want = p.map((_, i) =>
        slope((by) =>
          distance(
            'logPolar',
            p.map((v, j) => (i === j ? v + by : v)),
            q,
            0.5,
          ),
        ),
      );
      const wantC = slope((by) => distance('logPolar', p, q, 0.5 + by));
      const loose = { relative: 2e-3, absolute: 2e-3, reason: 'as gradient' };
      expectClose(dx, want, loose);
      expectClose(dc, [wantC], loose);
    }
  });

  it('error: a curvature that is not above 0', () => {
    expect(() => dist([[1]], [[2]], 0)).toThrow(DomainError);
  });
});

/** What an error of 2^-22 in the chord |u - v| changes in the distance. */
function directionError(p: number[], q: number[], d: number, c: number): number {
  const s = Math.sqrt(c);
  const [r, t] = [Math.hypot(...p) * s, Math.hypot(...q) * s];
  const chord = Math.hypot(...p.map((v, i) => v / Math.hypot(...p) - q[i] / Math.hypot(...q)));
  if (!Number.isFinite(chord)) return 0;
  if (chord > 0) return Math.min(d, 1 + Math.max(r, t)) * Math.min(1, 2 ** -21 / chord) * 4;
  return 0;
}
