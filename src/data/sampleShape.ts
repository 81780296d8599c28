import { DomainError } from '../errors.js';
import { Rng } from '../util/rng.js';
import type { Rows } from '../util/rows.js';

/** Sets with a known topology, to try models on. */
export const SHAPES = ['circle', 'ring', 'sphere', 'hemisphere', 'torus', 'helix'] as const;

export type ShapeName = (typeof SHAPES)[number];

export interface SampleShapeOptions {
  /** Default 1. */
  readonly seed?: number;
  /** Standard deviation of normal noise added to every coordinate, >= 0. Default 0. */
  readonly noise?: number;
}

/** Points of a set with the parameters that they were made from. */
export interface ShapeSample {
  readonly x: Rows;
  /** One or two per point, radians; see {@link sampleShape}. */
  readonly parameters: Rows;
}

/** Radii of the torus, turns of the helix, its radius around the circle, radius and width of the ring. */
const [TORUS_LARGE, TORUS_SMALL, HELIX_TURNS, HELIX_SMALL, RING_WIDTH] = [2, 1, 8, 0.3, 0.2];

/**
 * Random points of a set in the plane or in space, uniform by length or area (helix: by t).
 *
 * - circle: (cos t, sin t), parameters [t];
 * - ring: the same with a radius in [0.8, 1.2], uniform by area, parameters [t, radius];
 * - sphere, hemisphere (z >= 0): unit radius, parameters [longitude, polar angle];
 * - torus: radii 2 and 1, parameters [angle around the axis, angle around the tube];
 * - helix: closed, eight turns of radius 0.3 around the unit circle in space, parameters [t]
 *   (Mishne et al., Diffusion nets, 2015, section 5.1).
 *
 * @param name One of {@link SHAPES}. @param count Points, >= 1. @param options Seed and noise.
 * @throws DomainError for an unknown name, a count or a noise out of range.
 * @example
 * const { x, parameters } = sampleShape('torus', 1000, { seed: 3 });
 */
export function sampleShape(
  name: ShapeName,
  count: number,
  { seed = 1, noise = 0 }: SampleShapeOptions = {},
): ShapeSample {
  const op = 'sampleShape';
  if (!SHAPES.includes(name)) {
    const expected = `be one of ${SHAPES.join(', ')}`;
    throw new DomainError({ op, arg: 'name', expected, got: JSON.stringify(name) });
  }
  if (!(Number.isInteger(count) && count >= 1)) {
    const expected = 'be an integer >= 1';
    throw new DomainError({ op, arg: 'count', expected, got: String(count) });
  }
  if (!(noise >= 0 && Number.isFinite(noise))) {
    const expected = 'be a finite number >= 0';
    throw new DomainError({ op, arg: 'noise', expected, got: String(noise) });
  }
  const rng = new Rng(seed);
  const drawn = Array.from({ length: count }, () => POINTS[name](rng));
  const rowsOf = (rows: readonly (readonly number[])[]): Rows => ({
    data: Float32Array.from(rows.flat()),
    count,
    rowShape: [rows[0].length],
  });
  const noisy = drawn.map(([point]) =>
    noise === 0 ? point : point.map((value) => value + noise * rng.normal()),
  );
  return { x: rowsOf(noisy), parameters: rowsOf(drawn.map(([, parameters]) => parameters)) };
}

type Drawn = readonly [point: readonly number[], parameters: readonly number[]];

const POINTS: Readonly<Record<ShapeName, (rng: Rng) => Drawn>> = {
  circle: (rng) => {
    const t = angle(rng);
    return [[Math.cos(t), Math.sin(t)], [t]];
  },
  ring: (rng) => {
    const t = angle(rng);
    const [inner, outer] = [(1 - RING_WIDTH) ** 2, (1 + RING_WIDTH) ** 2];
    const radius = Math.sqrt(inner + (outer - inner) * rng.uniform());
    return [
      [radius * Math.cos(t), radius * Math.sin(t)],
      [t, radius],
    ];
  },
  sphere: (rng) => onSphere(angle(rng), 2 * rng.uniform() - 1),
  hemisphere: (rng) => onSphere(angle(rng), rng.uniform()),
  torus: (rng) => {
    const around = angle(rng);
    // The area at an angle of the tube is proportional to the distance from the axis.
    for (;;) {
      const tube = angle(rng);
      const radius = TORUS_LARGE + TORUS_SMALL * Math.cos(tube);
      if (rng.uniform() * (TORUS_LARGE + TORUS_SMALL) > radius) continue;
      const point = [
        radius * Math.cos(around),
        radius * Math.sin(around),
        TORUS_SMALL * Math.sin(tube),
      ];
      return [point, [around, tube]];
    }
  },
  helix: (rng) => {
    const t = angle(rng);
    const radius = 1 + HELIX_SMALL * Math.cos(HELIX_TURNS * t);
    const point = [
      radius * Math.cos(t),
      radius * Math.sin(t),
      HELIX_SMALL * Math.sin(HELIX_TURNS * t),
    ];
    return [point, [t]];
  },
};

function angle(rng: Rng): number {
  return 2 * Math.PI * rng.uniform();
}

/** By Archimedes the height of a uniform point of the sphere is uniform. */
function onSphere(longitude: number, height: number): Drawn {
  const radius = Math.sqrt(1 - height * height);
  return [
    [radius * Math.cos(longitude), radius * Math.sin(longitude), height],
    [longitude, Math.acos(height)],
  ];
}
