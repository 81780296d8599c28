/**
 * A stick of two axes for an arm of five joints: given the pose, two latents say how the joints move. The same push of
 * the stick moves them otherwise in another pose, and pushes in turn bring the hand to a target.
 */
import { ConditionalAutoencoder } from 'tfjs-latent';
import type { Rows } from 'tfjs-latent';
import { startBackend } from 'tfjs-latent/backends';

await startBackend();
const rows = (values: number[][]): Rows => ({
  data: Float32Array.from(values.flat()),
  count: values.length,
  rowShape: [values[0].length],
});

/** Where the end of a chain of links of 0.2 is. */
function handAt(angles: number[]): [number, number] {
  const links = angles.map((_, k) => angles.slice(0, k + 1).reduce((sum, angle) => sum + angle));
  const along = (f: (angle: number) => number): number => links.reduce((s, a) => s + f(a) / 5, 0);
  return [along(Math.cos), along(Math.sin)];
}

/** Demonstrations: velocities of the joints for a velocity of the hand, by damped least squares. */
function motionOf(pose: number[], [vx, vy]: number[]): number[] {
  const [tipX, tipY] = handAt(pose);
  const turns = pose.map((_, k) => handAt(pose.slice(0, k))).map(([x, y]) => [y - tipY, tipX - x]);
  const dot = (a: number, b: number): number => turns.reduce((sum, t) => sum + t[a] * t[b], 0);
  const [xx, xy, yy] = [dot(0, 0) + 0.05, dot(0, 1), dot(1, 1) + 0.05];
  const by = xx * yy - xy * xy;
  return turns.map(([x, y]) => (x * (yy * vx - xy * vy) + y * (xx * vy - xy * vx)) / by);
}

const poses = Array.from({ length: 800 }, (_, i) =>
  [0.881, 0.777, 0.684, 0.603, 0.532].map((step) => 2.4 * (((i + 1) * step) % 1) - 0.4),
);
const motions = poses.map((pose, i) =>
  motionOf(pose, [0.3 * Math.cos(i), 0.3 * Math.sin(1.7 * i)]),
);
const settings = { hidden: [24, 24], latentDim: 2, epochs: 60, batchSize: 100 };
const model = new ConditionalAutoencoder({ ...settings, learningRate: 0.015, activation: 'tanh' });
await model.fit(rows(motions), { condition: rows(poses) });

const pushes = Array.from({ length: 33 }, (_, i) => {
  const far = [0, 0.5, 2][Math.ceil(i / 16)];
  return [far * Math.cos((i * Math.PI) / 8), far * Math.sin((i * Math.PI) / 8)];
});
let pose = poses[0];
const target = handAt(poses[77]);
const left = (at: number[]): number => Math.hypot(...handAt(at).map((v, k) => v - target[k]));
console.log('to the target at first:', left(pose).toFixed(2));
for (let step = 0; step < 40; step++) {
  const made = await model.decode(rows(pushes), { condition: rows(pushes.map(() => pose)) });
  const next = pushes.map((_, i) => pose.map((angle, k) => angle + 0.3 * made.data[5 * i + k]));
  pose = next.reduce((best, one) => (left(one) < left(best) ? one : best));
}
console.log('after 40 pushes of two axes:', left(pose).toFixed(2));
const two = { condition: rows([poses[0], poses[77]]) };
const { data } = await model.decode(rows([pushes[20], pushes[20]]), two);
console.log('one push in two poses:', Array.from(data, (v) => v.toFixed(1)).join(' '));
