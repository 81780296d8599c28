import { Rng } from '../../../src/util/rng.js';

/** Joints of a planar arm, and the length of each link: the arm is 1 long. */
export const JOINTS = 5;
const LINK = 1 / JOINTS;

/** Damping of the least squares, in squared lengths: motions stay bounded where the arm is stretched. */
const DAMPING = 0.05;

/** Where the hand is. */
export function handAt(angles: readonly number[]): [number, number] {
  let [sum, x, y] = [0, 0, 0];
  for (const angle of angles) {
    sum += angle;
    x += LINK * Math.cos(sum);
    y += LINK * Math.sin(sum);
  }
  return [x, y];
}

/** Velocities of the joints that move the hand by (vx, vy): J^T (J J^T + damping I)^-1 v. */
export function motionOf(angles: readonly number[], [vx, vy]: readonly number[]): number[] {
  const [tipX, tipY] = handAt(angles);
  // A joint turns all that stands behind it.
  const bases = angles.map((_, k) => handAt(angles.slice(0, k)));
  const jacobian = bases.map(([x, y]) => [y - tipY, tipX - x]);
  let [xx, xy, yy] = [DAMPING, 0, DAMPING];
  for (const [jx, jy] of jacobian) {
    xx += jx * jx;
    xy += jx * jy;
    yy += jy * jy;
  }
  const determinant = xx * yy - xy * xy;
  const [a, b] = [(yy * vx - xy * vy) / determinant, (xx * vy - xy * vx) / determinant];
  return jacobian.map(([jx, jy]) => jx * a + jy * b);
}

/** Bent poses, and the motions of joints for random motions of the hand in them. */
export function armMotions(
  count: number,
  seed: number,
): { readonly poses: number[][]; readonly motions: number[][] } {
  const rng = new Rng(seed);
  const poses = Array.from({ length: count }, () =>
    Array.from({ length: JOINTS }, () => 0.8 + 1.2 * (2 * rng.uniform() - 1)),
  );
  const motions = poses.map((pose) => motionOf(pose, [0.2 * rng.normal(), 0.2 * rng.normal()]));
  return { poses, motions };
}
