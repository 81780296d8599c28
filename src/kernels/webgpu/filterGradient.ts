import * as tf from '@tensorflow/tfjs';
import type { KernelConfig, TensorInfo } from '@tensorflow/tfjs';
import type { WebGPUBackend, WebGPUProgram } from '@tensorflow/tfjs-backend-webgpu';
import { infoOf } from '../shared/convolution.js';
import type { ConvInfo, FilterAttrs } from '../shared/convolution.js';
import { overrideKernel, SideChoice } from '../shared/override.js';
import type { ProgramUniforms } from './limits.js';
import { WORKGROUP_NUMBER } from './wgsl/workgroup.js';

// Plan: the gradient of a filter is the product of the patches of x, [filter height x width x channels,
// positions], with dy, [positions, filters]. It has few elements and long sums, so a thread per element (as
// in tfjs) leaves a GPU idle. Tiles of it are computed by workgroups, each over a part of the positions, and
// the parts are added up in order: the result has the same bits every time.

/** Side of a tile, in elements of the result and in positions. */
const TILE = 16;
/** Workgroups that a device should have. */
const WORKGROUPS = 512;
/** Positions of a part at least, in tiles. */
const MIN_STEPS = 4;
const SUM_THREADS = 64;

interface RawCall {
  readonly inputs: { readonly x: TensorInfo; readonly dy: TensorInfo };
  readonly attrs: FilterAttrs;
  readonly backend: WebGPUBackend;
}

/** Parts of the positions, and tiles of positions in each. */
interface Split {
  readonly parts: number;
  readonly steps: number;
}

function splitOf(rows: number, filters: number, positions: number): Split {
  const tiles = Math.ceil(rows / TILE) * Math.ceil(filters / TILE);
  const depth = Math.ceil(positions / TILE);
  const wanted = Math.ceil(WORKGROUPS / tiles);
  const steps = Math.max(Math.min(MIN_STEPS, depth), Math.ceil(depth / wanted));
  return { parts: Math.ceil(depth / steps), steps };
}

/** Products of one part of the positions each: [parts, rows, filters]. */
class PatchProductProgram implements WebGPUProgram {
  readonly variableNames = ['x', 'dy'];
  readonly workgroupSize: [number, number, number] = [TILE, TILE, 1];
  readonly dispatchLayout = { x: [0, 1, 2] };
  readonly shaderKey = 'latentPatchProduct';
  readonly uniforms =
    'taps : vec2<i32>, pads : vec2<i32>, strides : vec2<i32>, inSize : vec2<i32>, ' +
    'outSize : vec2<i32>, channels : i32, filters : i32, positions : i32, steps : i32, parts : i32,';
  dispatch: [number, number, number];

  constructor(
    readonly outputShape: [number, number, number],
    { parts }: Split,
  ) {
    const [, rows, filters] = outputShape;
    this.dispatch = [parts * Math.ceil(rows / TILE) * Math.ceil(filters / TILE), 1, 1];
  }

  getUserCode(): string {
    return `
  ${WORKGROUP_NUMBER}
  var<workgroup> patches : array<array<f32, ${TILE + 1}>, ${TILE}>;
  var<workgroup> slopes : array<array<f32, ${TILE + 1}>, ${TILE}>;

  // What stands before, past or between the images counts as 0.
  fn patchValue(position : i32, row : i32) -> f32 {
    let rows = uniforms.taps.x * uniforms.taps.y * uniforms.channels;
    if (position >= uniforms.positions || row >= rows) { return 0.0; }
    let tap = row / uniforms.channels;
    let column = position % uniforms.outSize.y;
    let line = (position / uniforms.outSize.y) % uniforms.outSize.x;
    let image = position / (uniforms.outSize.x * uniforms.outSize.y);
    let at = vec2<i32>(line, column) * uniforms.strides - uniforms.pads
      + vec2<i32>(tap / uniforms.taps.y, tap % uniforms.taps.y);
    if (any(at < vec2<i32>(0)) || any(at >= uniforms.inSize)) { return 0.0; }
    let pixel = (image * uniforms.inSize.x + at.x) * uniforms.inSize.y + at.y;
    return x[pixel * uniforms.channels + row % uniforms.channels];
  }

  fn main(index : i32) {
    let rows = uniforms.taps.x * uniforms.taps.y * uniforms.channels;
    let rowTiles = (rows + ${TILE - 1}) / ${TILE};
    let filterTiles = (uniforms.filters + ${TILE - 1}) / ${TILE};
    let group = workgroupNumber();
    let part = group / (rowTiles * filterTiles);
    let firstRow = (group / filterTiles) % rowTiles * ${TILE};
    let firstFilter = group % filterTiles * ${TILE};
    let own = vec2<i32>(i32(localId.x), i32(localId.y));
    let filterColumn = firstFilter + own.x;
    var total = 0.0;
    for (var step = 0; step < uniforms.steps; step = step + 1) {
      let position = (part * uniforms.steps + step) * ${TILE} + own.y;
      let isInside = position < uniforms.positions && filterColumn < uniforms.filters;
      patches[own.y][own.x] = patchValue(position, firstRow + own.x);
      slopes[own.y][own.x] = 0.0;
      if (isInside) { slopes[own.y][own.x] = dy[position * uniforms.filters + filterColumn]; }
      workgroupBarrier();
      var sum = 0.0;
      for (var k = 0; k < ${TILE}; k = k + 1) {
        sum = sum + patches[k][own.y] * slopes[k][own.x];
      }
      total = total + sum;
      workgroupBarrier();
    }
    let row = firstRow + own.y;
    if (part < uniforms.parts && row < rows && filterColumn < uniforms.filters) {
      setOutputAtIndex((part * rows + row) * uniforms.filters + filterColumn, total);
    }
  }
`;
  }
}

/** The sum of the parts, in their order. */
class PartSumProgram implements WebGPUProgram {
  readonly variableNames = ['products'];
  readonly workgroupSize: [number, number, number] = [SUM_THREADS, 1, 1];
  readonly dispatchLayout = { x: [0, 1, 2, 3] };
  readonly shaderKey = 'latentPartSum';
  readonly uniforms = 'parts : i32,';
  readonly size = true;
  dispatch: [number, number, number];

  constructor(readonly outputShape: number[]) {
    this.dispatch = [Math.ceil(tf.util.sizeFromShape(outputShape) / SUM_THREADS), 1, 1];
  }

  getUserCode(): string {
    return `
  fn main(index : i32) {
    if (index < uniforms.size) {
      var total = 0.0;
      for (var part = 0; part < uniforms.parts; part = part + 1) {
        total = total + products[part * uniforms.size + index];
      }
      setOutputAtIndex(index, total);
    }
  }
`;
  }
}

const int = (...data: number[]): ProgramUniforms[number] => ({ type: 'int32', data });

function uniformsOf(info: ConvInfo, positions: number, { steps, parts }: Split): ProgramUniforms {
  return [
    int(info.filterHeight, info.filterWidth),
    int(info.padInfo.top, info.padInfo.left),
    int(info.strideHeight, info.strideWidth),
    int(info.inHeight, info.inWidth),
    int(info.outHeight, info.outWidth),
    int(info.inChannels),
    int(info.outChannels),
    int(positions),
    int(steps),
    int(parts),
  ];
}

function filterGradient({ inputs, attrs, backend }: RawCall, info: ConvInfo): TensorInfo {
  const rows = info.filterHeight * info.filterWidth * info.inChannels;
  const positions = info.batchSize * info.outHeight * info.outWidth;
  const split = splitOf(rows, info.outChannels, positions);
  const product = new PatchProductProgram([split.parts, rows, info.outChannels], split);
  const { x, dy } = inputs;
  const uniforms = uniformsOf(info, positions, split);
  const products = backend.runWebGPUProgram(product, [x, dy], 'float32', uniforms);
  const sum = new PartSumProgram(attrs.filterShape);
  const total = backend.runWebGPUProgram(sum, [products], 'float32', [int(split.parts)]);
  backend.disposeData(products.dataId);
  return total;
}

/** Which of the two implementations runs, for benches and tests. */
export const filterGradientSide = new SideChoice();

function override(theirs: KernelConfig): KernelConfig['kernelFunc'] {
  return (raw) => {
    const call = raw as unknown as RawCall;
    const { dataFormat, filterShape } = call.attrs;
    const { x } = call.inputs;
    if (filterGradientSide.forced === 'theirs' || dataFormat !== 'NHWC' || x.dtype !== 'float32') {
      return theirs.kernelFunc(raw);
    }
    const info = infoOf(x.shape, filterShape, call.attrs);
    const size = tf.util.sizeFromShape(filterShape);
    // Nothing empty can be bound.
    if (size === 0 || tf.util.sizeFromShape(info.outShape) === 0) {
      return call.backend.makeTensorInfo(filterShape, 'float32', new Float32Array(size));
    }
    return filterGradient(call, info);
  };
}

/** Put our gradient of a convolution's filter over tfjs's. */
export function overrideFilterGradient(): void {
  overrideKernel('webgpu', 'Conv2DBackpropFilter', override);
}
