/** Distances and nearest neighbours of a few points, and the gradient through them. */
import * as tf from '@tensorflow/tfjs';
import { knn, pairwiseDistance } from 'tfjs-latent';
import { startBackend } from 'tfjs-latent/backends';

await startBackend();
const points = tf.tensor2d([[0, 0], [3, 4], [0, 1], [0, 2]]); // prettier-ignore

const all = pairwiseDistance(points, undefined, { metric: 'euclidean' });
console.log(
  'distances from the first point:',
  Array.from(await all.data())
    .slice(0, 4)
    .join(' '),
);

// excludeSelf leaves a point out of its own neighbours by index, so an equal twin would stay.
const near = knn(points, points, 2, { metric: 'manhattan', excludeSelf: true });
console.log('neighbours of the first point:', (await near.indices.data()).slice(0, 2).join(' '));

const meanDistance = (x: tf.Tensor): tf.Scalar => knn(x, points, 1).distances.mean().asScalar();
const slope = tf.grad(meanDistance)(tf.tensor2d([[3, 3]]));
console.log('slope of the nearest distance at (3, 3):', (await slope.data()).join(' '));
