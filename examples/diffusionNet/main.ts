/** The angle along a helix from diffusion coordinates, for rows seen and unseen, and rows off the helix. */
import { DiffusionMap, DiffusionNet, auroc, circularCorrelation } from 'tfjs-latent';
import type { Rows } from 'tfjs-latent';
import { startBackend } from 'tfjs-latent/backends';
import { sampleShape } from 'tfjs-latent/data';

await startBackend();

const angles = ({ data, count }: Rows): number[] =>
  Array.from({ length: count }, (_, i) => Math.atan2(data[2 * i + 1], data[2 * i]));
const agreement = (latents: Rows, truth: Rows): string =>
  Math.abs(circularCorrelation(angles(latents), truth.data)).toFixed(3);

const [train, test] = [sampleShape('helix', 300), sampleShape('helix', 100, { seed: 2 })];
const map = new DiffusionMap().fit(train.x);
console.log('map, fitted rows:', agreement(map.coordinates(), train.parameters));
console.log('map, other rows:', agreement(map.transform(test.x), test.parameters));

const settings = { hidden: [48, 48], epochs: 250, batchSize: 300, learningRate: 0.01 };
const net = await new DiffusionNet(settings).fit(train.x);
console.log('net, other rows:', agreement(await net.encode(test.x), test.parameters));

// The helix keeps within 0.3 of the plane.
const lifted = test.x.data.map((value, at) => (at % 3 === 2 ? value + 1 : value));
const off = { ...test.x, data: lifted };
const [near, far] = [await net.outliers(test.x), await net.outliers(off)];
console.log('AUROC of rows off the helix:', auroc(far.score, near.score).toFixed(3));
