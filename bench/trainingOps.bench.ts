import * as tf from '@tensorflow/tfjs';
import { convolutionSide } from '../src/kernels/wasm/convolution.js';
import { withTheirElementwise } from '../src/kernels/wasm/elementwise.js';
import { assertClose } from './check.js';
import { uniformRows } from './data.js';
import type { BenchCase, Place, PreparedCase, Subject } from './harness.js';

const IMAGES = 256;
const OURS = 'tfjs-latent';

/** Images of size x size x channels, filters of taps x taps, stride 2, "same". */
const SHAPES = [
  { size: 28, channels: 1, taps: 3, filters: 16 },
  { size: 14, channels: 16, taps: 3, filters: 32 },
  { size: 7, channels: 32, taps: 3, filters: 32 },
  { size: 32, channels: 8, taps: 3, filters: 3 },
] as const;
type Shape = (typeof SHAPES)[number];
const PARTS = ['forward', 'input', 'filter'] as const;
type Part = (typeof PARTS)[number];

const STRIDE = 2;

function values(shape: readonly number[], seed: number): tf.Tensor {
  const { data } = uniformRows(1, tf.util.sizeFromShape([...shape]), seed);
  return tf.tensor(data, [...shape]);
}

/** The two implementations of an op on the same tensors; `theirs` undefined where tfjs has none. */
function compare(
  inputs: readonly tf.Tensor[],
  ours: () => tf.Tensor,
  theirs: (() => tf.Tensor) | undefined,
  scale: number,
): PreparedCase {
  const read = async (body: () => tf.Tensor): Promise<ArrayLike<number>> => {
    const result = body();
    const got = await result.data();
    result.dispose();
    return got;
  };
  const subject = (name: string, body: () => tf.Tensor, check: Subject['check']): Subject => ({
    name,
    isOurs: name === OURS,
    mayShorten: false,
    isWhole: true,
    run: () => {
      // A kernel of the wasm backend is complete when the call returns.
      body().dispose();
      return Promise.resolve();
    },
    check,
  });
  const own = subject(OURS, ours, async () => {
    if (theirs !== undefined) assertClose(await read(ours), await read(theirs), 1e-4, scale);
  });
  const others = theirs === undefined ? [] : [subject('tfjs', theirs, () => Promise.resolve())];
  return { subjects: [own, ...others], dispose: () => tf.dispose([...inputs]) };
}

function prepareConvolution({ size, channels, taps, filters }: Shape, part: Part): PreparedCase {
  const out = Math.ceil(size / STRIDE);
  const x = values([IMAGES, size, size, channels], 1) as tf.Tensor4D;
  const filter = values([taps, taps, channels, filters], 2) as tf.Tensor4D;
  const dy = values([IMAGES, out, out, filters], 3) as tf.Tensor4D;
  const attrs = { strides: STRIDE, pad: 'same', dataFormat: 'NHWC', filterShape: filter.shape };
  const run = (): tf.Tensor => {
    if (part === 'forward') return tf.conv2d(x, filter, STRIDE, 'same');
    if (part === 'input') return tf.conv2dTranspose(dy, filter, x.shape, STRIDE, 'same');
    return tf.engine().runKernel('Conv2DBackpropFilter', { x, dy }, attrs);
  };
  const [ours, theirs] = (['ours', 'theirs'] as const).map(
    (side) => (): tf.Tensor => convolutionSide.during(side, run),
  );
  return compare([x, filter, dy], ours, part === 'filter' ? undefined : theirs, taps * channels);
}

const ROWS = IMAGES * 14 * 14;
const WIDTH = 16;

/** Work over the values of a layer of 14 x 14 x 16, once read and once written. */
const ELEMENTWISE: Readonly<Record<string, (x: tf.Tensor, bias: tf.Tensor) => tf.Tensor>> = {
  'add a bias': (x, bias) => tf.add(x, bias),
  'sum over rows': (x) => tf.sum(x, 0),
  leakyRelu: (x) => tf.leakyRelu(x, 0.01),
  'leakyRelu and its derivative': (x) =>
    tf.tidy(() => tf.grad((t: tf.Tensor) => tf.leakyRelu(t, 0.01))(x, x)),
  copy: (x) => tf.clone(x),
};

function prepareElementwise(name: string): PreparedCase {
  const [x, bias] = [values([ROWS, WIDTH], 4), values([WIDTH], 5)];
  const run = (): tf.Tensor => ELEMENTWISE[name](x, bias);
  return compare([x, bias], run, () => withTheirElementwise(run), ROWS);
}

const obstacle = ({ backend }: Place): string | undefined =>
  backend === 'wasm' ? undefined : 'our kernels replace those of tfjs on wasm only';

/** Convolutions with their gradients, and the rest of a step of training: ours and tfjs's kernels. */
export function trainingOpsCases(): BenchCase[] {
  const convolutions = SHAPES.flatMap((shape, i) =>
    PARTS.map((part): BenchCase => {
      const { size, channels, taps, filters } = shape;
      const out = Math.ceil(size / STRIDE);
      return {
        suite: 'trainingOps',
        name: `convolution ${part}: ${size}x${size}x${channels}, ${taps}x${taps} to ${filters}`,
        items: IMAGES,
        flops: 2 * out * out * taps * taps * channels * filters,
        bytes: 4 * IMAGES * (size * size * channels + out * out * filters),
        fast: i < 3,
        obstacle,
        prepare: () => prepareConvolution(shape, part),
      };
    }),
  );
  const others = Object.keys(ELEMENTWISE).map((name): BenchCase => ({
    suite: 'trainingOps',
    name: `${name}, ${ROWS} x ${WIDTH}`,
    items: ROWS,
    flops: WIDTH,
    bytes: 8 * ROWS * WIDTH,
    fast: true,
    obstacle,
    prepare: () => prepareElementwise(name),
  }));
  return [...convolutions, ...others];
}
