import type { TensorInfo } from '@tensorflow/tfjs';
import type { WebGPUBackend, WebGPUProgram } from '@tensorflow/tfjs-backend-webgpu';
import type { MetricForm } from '../../specs/metricForm.js';
import { cityblockForm } from '../../specs/metricForms.js';
import { pairwiseDistanceSpec } from '../../specs/pairwiseDistance.js';
import type { PairwiseDistanceAttrs } from '../../specs/pairwiseDistance.js';
import { defineKernel } from '../../specs/spec.js';
import type { KernelCall } from '../../specs/spec.js';
import { sizeOf } from '../../util/shape.js';
import { checkBinding } from './limits.js';
import { MARKERS, unitRows, ZERO_ROW_BOUND } from './unitRows.js';
import { IS_FINITE } from './wgsl/numbers.js';
import { WORKGROUP_NUMBER } from './wgsl/workgroup.js';

// Plan: a workgroup of 16 x 16 threads computes a tile of (16 r) x (16 r) distances, each thread an
// r x r block with strides of 16. Features pass through workgroup memory 16 at a time.

const SIDE = 16;
const DEPTH = 16;
/** Steps of DEPTH features after which a partial sum is added to the total: see the numerics note. */
const STEPS_PER_BLOCK = 4;

/** Distances per thread and direction: large tiles reuse more, small problems need more workgroups. */
function blockOf(n: number, m: number): 1 | 4 {
  return n > 2 * SIDE && m > 2 * SIDE ? 4 : 1;
}

type Metric = 'euclidean' | 'sqeuclidean' | 'manhattan' | 'cosine';

function metricOf(form: MetricForm): Metric | undefined {
  if (form.family === 'squares') return form.root ? 'euclidean' : 'sqeuclidean';
  if (form.family === 'cosine') return 'cosine';
  if (form.key === cityblockForm.key) return 'manhattan';
  return undefined;
}

/** What one feature adds to the sum, of the difference of two values. */
const TERM: Readonly<Record<Metric, string>> = {
  euclidean: 'difference * difference',
  sqeuclidean: 'difference * difference',
  manhattan: 'abs(difference)',
  cosine: 'difference * difference',
};

/** The distance, of the sum over all features (finite and above 0). */
const FINISH: Readonly<Record<Metric, string>> = {
  euclidean: 'return sqrt(sum);',
  sqeuclidean: 'return sum;',
  manhattan: 'return sum;',
  // Of unit rows, see unitRows. Rounding may carry opposite vectors past 2.
  cosine: `
    if (sum > ${ZERO_ROW_BOUND}) { return 1.0; }
    return min(0.5 * sum, 2.0);`,
};

class PairwiseDistanceProgram implements WebGPUProgram {
  readonly variableNames = ['xRows', 'yRows'];
  readonly workgroupSize: [number, number, number] = [SIDE, SIDE, 1];
  readonly dispatchLayout = { x: [0, 1, 2] };
  dispatch: [number, number, number];
  shaderKey: string;

  constructor(
    readonly outputShape: number[],
    private readonly metric: Metric,
    private readonly block: number,
  ) {
    const [batch, n, m] = outputShape;
    const tile = SIDE * block;
    this.dispatch = [batch * Math.ceil(n / tile) * Math.ceil(m / tile), 1, 1];
    this.shaderKey = `latentPairwiseDistance_${metric}_${block}`;
  }

  getUserCode(): string {
    const r = this.block;
    return `
  ${IS_FINITE}
  ${WORKGROUP_NUMBER}

  const TILE = ${SIDE * r};
  // One more than the tile: rows of workgroup memory then start in different banks.
  var<workgroup> xTile : array<array<f32, ${SIDE * r + 1}>, ${DEPTH}>;
  var<workgroup> yTile : array<array<f32, ${SIDE * r + 1}>, ${DEPTH}>;

  fn finish(sum : f32) -> f32 {
    // NaN and infinity pass as they are, and a square root of 0 is 0 on every GPU.
    if (!isFinite(sum) || ${this.metric === 'cosine' ? 'false' : 'sum == 0.0'}) { return sum; }
    ${FINISH[this.metric]}
  }

  fn main(index : i32) {
    let n = uniforms.xRowsShape.y;
    let m = uniforms.yRowsShape.y;
    let d = uniforms.xRowsShape.z;
    let tilesX = (n + TILE - 1) / TILE;
    let tilesY = (m + TILE - 1) / TILE;
    let tile = workgroupNumber();
    let batch = tile / (tilesX * tilesY);
    let live = batch < uniforms.outShape.x;
    let xStart = ((tile / tilesY) % tilesX) * TILE;
    let yStart = (tile % tilesY) * TILE;
    let tx = i32(localId.x);
    let ty = i32(localId.y);

    var total : array<f32, ${r * r}>;
    var partial : array<f32, ${r * r}>;
    var steps = 0;
    // No thread may leave early: all of them meet at the barriers.
    for (var first = 0; first < d; first = first + ${DEPTH}) {
      for (var e = i32(localIndex); e < TILE * ${DEPTH}; e = e + ${SIDE * SIDE}) {
        let f = e % ${DEPTH};
        let row = e / ${DEPTH};
        let inside = live && first + f < d;
        var xValue = 0.0;
        var yValue = 0.0;
        if (inside && xStart + row < n) {
          xValue = xRows[(batch * n + xStart + row) * d + first + f];
        }
        if (inside && yStart + row < m) {
          yValue = yRows[(batch * m + yStart + row) * d + first + f];
        }
        xTile[f][row] = xValue;
        yTile[f][row] = yValue;
      }
      workgroupBarrier();
      for (var f = 0; f < ${DEPTH}; f = f + 1) {
        var yBlock : array<f32, ${r}>;
        for (var j = 0; j < ${r}; j = j + 1) { yBlock[j] = yTile[f][tx + ${SIDE} * j]; }
        for (var i = 0; i < ${r}; i = i + 1) {
          let xValue = xTile[f][ty + ${SIDE} * i];
          for (var j = 0; j < ${r}; j = j + 1) {
            let difference = xValue - yBlock[j];
            partial[i * ${r} + j] = partial[i * ${r} + j] + ${TERM[this.metric]};
          }
        }
      }
      workgroupBarrier();
      steps = steps + 1;
      if (steps == ${STEPS_PER_BLOCK}) {
        steps = 0;
        for (var e = 0; e < ${r * r}; e = e + 1) {
          total[e] = total[e] + partial[e];
          partial[e] = 0.0;
        }
      }
    }
    for (var i = 0; i < ${r}; i = i + 1) {
      for (var j = 0; j < ${r}; j = j + 1) {
        let row = xStart + ty + ${SIDE} * i;
        let column = yStart + tx + ${SIDE} * j;
        if (live && row < n && column < m) {
          result[(batch * n + row) * m + column] = finish(total[i * ${r} + j] + partial[i * ${r} + j]);
        }
      }
    }
  }
`;
  }
}

function compute(call: KernelCall<'x' | 'y', PairwiseDistanceAttrs, WebGPUBackend>): TensorInfo[] {
  const { inputs, backend, outputs } = call;
  const metric = metricOf(call.attrs.form);
  if (metric === undefined) throw new Error(`no shader for ${call.attrs.form.key}`);
  const [{ shape }] = outputs;
  const d = inputs.x.shape[2];
  if (sizeOf(shape) === 0 || d === 0) {
    // Nothing to bind. Without features a sum is 0, and the angle of zero vectors is defined as 1.
    const values = new Float32Array(sizeOf(shape)).fill(metric === 'cosine' ? 1 : 0);
    return [backend.makeTensorInfo(shape, 'float32', values)];
  }
  const widened = metric === 'cosine' ? d + MARKERS : d;
  for (const arg of ['x', 'y'] as const) {
    const [batch, rows] = inputs[arg].shape;
    checkBinding(backend, pairwiseDistanceSpec.op, arg, [batch, rows, widened]);
  }
  checkBinding(backend, pairwiseDistanceSpec.op, 'the result', shape);

  const program = new PairwiseDistanceProgram(shape, metric, blockOf(shape[1], shape[2]));
  if (metric !== 'cosine') {
    return [backend.runWebGPUProgram(program, [inputs.x, inputs.y], 'float32')];
  }
  const units = [unitRows(backend, inputs.x, 0), unitRows(backend, inputs.y, 1)];
  const result = backend.runWebGPUProgram(program, units, 'float32');
  for (const { dataId } of units) backend.disposeData(dataId);
  return [result];
}

export const pairwiseDistanceWebgpu = defineKernel(
  pairwiseDistanceSpec,
  'webgpu',
  compute,
  ({ form }) => metricOf(form) !== undefined,
);
