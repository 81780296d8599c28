import type { TensorInfo } from '@tensorflow/tfjs';
import type { WebGPUBackend, WebGPUProgram } from '@tensorflow/tfjs-backend-webgpu';
import { rowDistanceSpec } from '../../specs/rowDistance.js';
import type { RowDistanceAttrs } from '../../specs/rowDistance.js';
import { defineKernel } from '../../specs/spec.js';
import type { KernelCall } from '../../specs/spec.js';
import { checkBinding } from './limits.js';
import { pairRule } from './pairRule.js';
import type { PairRule } from './pairRule.js';
import { copyRows, rowRanges } from './rowSlices.js';
import { blockLanes, programSubgroups } from './subgroups.js';
import type { Subgroups } from './subgroups.js';
import { unitRows, unitWidth } from './unitRows.js';
import { WORKGROUP_NUMBER, workgroupFolds } from './wgsl/workgroup.js';

const { op } = rowDistanceSpec;
const THREADS = 64;
/** Features after which a partial sum is added to the total: see the numerics note. */
const SUM_BLOCK = 64;
/** From this many features on a workgroup shares a row; below, each of its threads has its own. */
const SHARED_FEATURES = 128;

/** Distances of rows of x to the rows of y beside them, [1, n, d] each; writes [n] from firstRow on. */
class RowDistanceProgram implements WebGPUProgram {
  readonly variableNames: string[];
  readonly uniforms = 'rows : i32, features : i32, firstRow : i32,';
  readonly workgroupSize: [number, number, number] = [THREADS, 1, 1];
  readonly dispatchLayout = { x: [0] };
  dispatch: [number, number, number];
  shaderKey: string;

  constructor(
    readonly outputShape: number[],
    rows: number,
    private readonly rule: PairRule,
    private readonly shared: boolean,
    private readonly block: number,
  ) {
    this.dispatch = [shared ? rows : Math.ceil(rows / THREADS), 1, 1];
    this.variableNames = rule.aux > 0 ? ['xRows', 'yRows', 'xAux', 'yAux'] : ['xRows', 'yRows'];
    this.shaderKey = `latentRowDistance_${rule.key}_${shared}_${shared ? block : 0}`;
  }

  getUserCode(): string {
    const { rule, shared } = this;
    const scalars = (name: 'x' | 'y'): string =>
      `vec4<f32>(${[0, 1, 2, 3]
        .map((c) => (c < rule.aux ? `${name}Aux[row * ${rule.aux} + ${c}]` : '0.0'))
        .join(', ')})`;
    const terms = rule.terms === 2 ? [0, 1] : [0];
    const join = (a: string, b: string): string =>
      rule.reduce === 'max' ? `max(${a}, ${b})` : `${a} + ${b}`;
    const fold = rule.reduce === 'max' ? 'workgroupMax' : 'workgroupSum';
    const [lane, step] = shared ? ['i32(localIndex)', THREADS] : ['0', 1];
    return `
  ${WORKGROUP_NUMBER}
  ${shared ? workgroupFolds(THREADS, this.block) : ''}
  ${rule.code}

  fn main(index : i32) {
    let d = uniforms.features;
    let wanted = ${shared ? 'workgroupNumber()' : `workgroupNumber() * ${THREADS} + i32(localIndex)`};
    // Threads without a row repeat the last one: all of them may have to meet at barriers.
    let row = min(wanted, uniforms.rows - 1);
    let start = row * d;
    ${terms.map((t) => `var s${t} = 0.0;`).join(' ')}
    for (var first = ${lane}; first < d; first = first + ${SUM_BLOCK * step}) {
      ${terms.map((t) => `var sum${t} = 0.0;`).join(' ')}
      for (var f = first; f < min(first + ${SUM_BLOCK * step}, d); f = f + ${step}) {
        let x = xRows[start + f];
        let y = yRows[start + f];
        ${terms.map((t) => `sum${t} = ${join(`sum${t}`, `formTerm${t}(x, y)`)};`).join('\n')}
      }
      ${terms.map((t) => `s${t} = ${join(`s${t}`, `sum${t}`)};`).join('\n')}
    }
    ${shared ? terms.map((t) => `s${t} = ${fold}(s${t});`).join('\n') : ''}
    if (wanted < uniforms.rows${shared ? ' && localIndex == 0u' : ''}) {
      result[uniforms.firstRow + row] =
        pairDistance(s0, ${rule.terms === 2 ? 's1' : '0.0'}, ${scalars('x')}, ${scalars('y')}, f32(d));
    }
  }
`;
  }
}

type Call = KernelCall<'x' | 'y', RowDistanceAttrs, WebGPUBackend, 'xAux' | 'yAux'>;

/**
 * The kernel within a given limit.
 * @param limit Bytes of one storage binding; inputs above it are copied in parts.
 * @param subgroups Undefined for the programs that do without.
 * @throws UnsupportedError when the output, or one row, does not fit a binding.
 */
export function rowDistanceWithin(
  { inputs, attrs, backend, outputs }: Call,
  limit: number,
  subgroups: Subgroups | undefined = programSubgroups(backend),
): TensorInfo[] {
  const { form } = attrs;
  const [n, d] = inputs.x.shape;
  const [{ shape }] = outputs;
  const cosine = form.family === 'cosine';
  if (n === 0 || (d === 0 && form.family !== 'expression')) {
    return [backend.makeTensorInfo(shape, 'float32', new Float32Array(n).fill(cosine ? 1 : 0))];
  }
  checkBinding(backend, op, 'the result', shape);
  const rule = pairRule(form);
  const out = backend.makeTensorInfo(shape, 'float32');
  const features = cosine ? unitWidth(d) : d;
  const ranges = rowRanges(op, 'x', n, features, limit);
  for (const range of ranges) {
    const temporary: TensorInfo[] = [];
    const keep = (made: TensorInfo): TensorInfo => {
      temporary.push(made);
      return made;
    };
    const part = ({ dataId, dtype, shape: [, width] }: TensorInfo): TensorInfo => {
      // Nothing empty can be bound: one number that is never read stands in.
      if (width === 0)
        return keep(backend.makeTensorInfo([1, 1, 1], 'float32', new Float32Array(1)));
      const rows = { dataId, dtype, shape: [1, n, width] };
      return ranges.length === 1 ? rows : keep(copyRows(backend, rows, 0, range));
    };
    let sides = [part(inputs.x), part(inputs.y)];
    if (cosine) {
      sides = sides.map((rows, set) => keep(unitRows(backend, rows, set === 0 ? 0 : 1, subgroups)));
    }
    if (inputs.xAux !== undefined && inputs.yAux !== undefined) {
      sides.push(part(inputs.xAux), part(inputs.yAux));
    }
    const shared = features >= SHARED_FEATURES;
    const block = blockLanes(subgroups, THREADS);
    const program = new RowDistanceProgram(shape, range.count, rule, shared, block);
    const uniforms = [range.count, features, range.first].map((value) => ({
      type: 'int32',
      data: [value],
    }));
    backend.runWebGPUProgram(program, sides, 'float32', uniforms, out);
    for (const { dataId } of temporary) backend.disposeData(dataId);
  }
  return [out];
}

export const rowDistanceWebgpu = defineKernel(rowDistanceSpec, 'webgpu', (call: Call) =>
  rowDistanceWithin(call, call.backend.device.limits.maxStorageBufferBindingSize),
);
