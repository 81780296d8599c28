import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { Lorentz, PoincareBall, Sphere, Stereographic } from '../../src/manifolds/index.js';
import type { Manifold } from '../../src/manifolds/index.js';
import { Rng } from '../../src/util/rng.js';
import { describeMaps, hostValues } from '../support/mapBackends.js';

describeMaps('long walks', ({ run, backend, isSlow }) => {
  const steps = backend === 'cpu' ? 1000 : isSlow ? 5 : 50;
  const walks: [string, Manifold][] = [
    ['PoincareBall', new PoincareBall()],
    ['Lorentz', new Lorentz()],
    ['Stereographic', new Stereographic(-1)],
    ['Sphere', new Sphere()],
  ];

  it.each(walks)(
    'property: %s: random steps stay finite, on the manifold, no longer than asked',
    async (_, manifold) => {
      const rng = new Rng(1);
      let x = run(() => manifold.randomPoint([8, 3], rng, 0.1));
      const start = x.clone();
      for (let i = 0; i < steps; i++) {
        const next = run(() =>
          tf.tidy(() => {
            const noise = tf.tensor2d(
              Array.from({ length: 24 }, () => rng.normal()),
              [8, 3],
            );
            const tangent = manifold.projectTangent(x, noise);
            const length = tf.expandDims(manifold.norm(x, tangent), -1);
            return manifold.project(manifold.expMap(x, tf.mul(tf.div(tangent, length), 0.02)));
          }),
        );
        x.dispose();
        x = next;
      }
      const far = await hostValues(run(() => manifold.dist(start, x)));
      for (const d of far) {
        expect(d).toBeGreaterThan(0);
        expect(d).toBeLessThanOrEqual(0.02 * steps * 1.001);
      }
      const again = await hostValues(run(() => manifold.project(x)));
      const values = await x.data();
      again.forEach((v, i) => expect(Math.abs(v - values[i])).toBeLessThanOrEqual(1e-6));
      tf.dispose([x, start]);
    },
  );
});
