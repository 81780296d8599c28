import type { TensorInfo } from '@tensorflow/tfjs';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import type { MetricForm, Mode } from '../../specs/metricForm.js';
import { pairwiseDistanceSpec } from '../../specs/pairwiseDistance.js';
import type { PairwiseDistanceAttrs } from '../../specs/pairwiseDistance.js';
import { defineKernel } from '../../specs/spec.js';
import type { KernelCall } from '../../specs/spec.js';
import { sizeOf } from '../../util/shape.js';
import { checkBinding } from './limits.js';
import { expandedRule, pairRule } from './pairRule.js';
import type { PairRule } from './pairRule.js';
import { PairwiseProgram, pieceUniforms, tileOf } from './pairwiseProgram.js';
import type { OutputPiece } from './pairwiseProgram.js';
import { meanRow, paddedRows, paddedWidth, shiftedRows, squaredLengths } from './preparedRows.js';
import { copyRows, rowRanges } from './rowSlices.js';
import { unitRows, unitWidth } from './unitRows.js';

const { op } = pairwiseDistanceSpec;

/** Rows of one side, and their scalars where the form has them. */
interface Side {
  readonly rows: TensorInfo;
  readonly aux: TensorInfo | undefined;
}

interface Problem {
  readonly backend: WebGPUBackend;
  readonly form: MetricForm;
  readonly mode: Mode;
  /** Bytes of one storage binding. */
  readonly limit: number;
}

/** Rows as the pairwise program reads them; `temporary` goes when it has run. */
interface PreparedSides {
  readonly rule: PairRule;
  readonly x: Side;
  readonly y: Side;
  readonly temporary: readonly TensorInfo[];
}

/** Rows of x from which moving all rows to the mean is little beside the products. */
const EXPANDED_ROWS = 64;

const isCosine = (form: MetricForm): boolean => form.family === 'cosine';

function prepare({ backend, form, mode }: Problem, x: Side, y: Side): PreparedSides {
  const temporary: TensorInfo[] = [];
  const keep = (made: TensorInfo): TensorInfo => {
    temporary.push(made);
    return made;
  };
  if (isCosine(form)) {
    const units = ([x, y] as const).map(({ rows }, set) =>
      keep(unitRows(backend, rows, set === 0 ? 0 : 1)),
    );
    const [xRows, yRows] = units;
    const aux = undefined;
    return { rule: pairRule(form), x: { rows: xRows, aux }, y: { rows: yRows, aux }, temporary };
  }
  if (form.family === 'squares' && mode === 'fast' && x.rows.shape[1] >= EXPANDED_ROWS) {
    const mean = keep(meanRow(backend, y.rows));
    const shifted = ({ rows }: Side): Side => {
      const moved = keep(shiftedRows(backend, rows, mean));
      return { rows: moved, aux: keep(squaredLengths(backend, moved)) };
    };
    return { rule: expandedRule(form.root), x: shifted(x), y: shifted(y), temporary };
  }
  const padded = (side: Side): Side =>
    side.rows.shape[2] % 4 === 0
      ? side
      : { rows: keep(paddedRows(backend, side.rows)), aux: side.aux };
  return { rule: pairRule(form), x: padded(x), y: padded(y), temporary };
}

/** Where a part of the output begins. */
type Corner = Pick<OutputPiece, 'firstBatch' | 'firstRow' | 'firstColumn'>;

const START: Corner = { firstBatch: 0, firstRow: 0, firstColumn: 0 };

/** Compute the distances of all rows given into the output, from a corner on. */
function runPiece(problem: Problem, x: Side, y: Side, out: TensorInfo, corner: Corner): void {
  const { backend } = problem;
  const prepared = prepare(problem, x, y);
  const [batch, rows, d] = x.rows.shape;
  runProgram(backend, prepared, out, {
    batch,
    rows,
    columns: y.rows.shape[1],
    // Unit rows have markers behind the features.
    features: isCosine(problem.form) ? unitWidth(d) : d,
    ...corner,
  });
}

function runProgram(
  backend: WebGPUBackend,
  { rule, x, y, temporary }: PreparedSides,
  out: TensorInfo,
  piece: OutputPiece,
): void {
  const tile = tileOf(rule, piece.rows, piece.columns);
  const program = new PairwiseProgram(out.shape, piece, rule, tile);
  const inputs = [x.rows, y.rows];
  if (x.aux !== undefined && y.aux !== undefined) inputs.push(x.aux, y.aux);
  backend.runWebGPUProgram(program, inputs, 'float32', pieceUniforms(piece), out);
  for (const { dataId } of temporary) backend.disposeData(dataId);
}

/** Ranks of scalars alone. Nothing empty can be bound, so rows that are never read stand in. */
function runWithoutFeatures(problem: Problem, x: Side, y: Side, out: TensorInfo): void {
  const { backend, form } = problem;
  const [batch, rows, columns] = out.shape;
  const standIn = (count: number): TensorInfo =>
    backend.makeTensorInfo([batch, count, 4], 'float32', new Float32Array(batch * count * 4));
  const [xRows, yRows] = [standIn(rows), standIn(columns)];
  const prepared = {
    rule: pairRule(form),
    x: { rows: xRows, aux: x.aux },
    y: { rows: yRows, aux: y.aux },
    temporary: [xRows, yRows],
  };
  runProgram(backend, prepared, out, { batch, rows, columns, features: 0, ...START });
}

/** Both sides in parts that fit a binding, copied one after the other. */
function runSlices(problem: Problem, x: Side, y: Side, out: TensorInfo, width: number): void {
  const { backend, limit } = problem;
  const slice = (
    { rows, aux }: Side,
    batch: number,
    range: { readonly first: number; readonly count: number },
  ): Side => ({
    rows: copyRows(backend, rows, batch, range),
    aux: aux && copyRows(backend, aux, batch, range),
  });
  const release = ({ rows, aux }: Side): void => {
    backend.disposeData(rows.dataId);
    if (aux !== undefined) backend.disposeData(aux.dataId);
  };
  const xRanges = rowRanges(op, 'x', x.rows.shape[1], width, limit);
  const yRanges = rowRanges(op, 'y', y.rows.shape[1], width, limit);
  // The mean of a part is not that of all rows: two parts would not be moved by the same.
  const parts: Problem = { ...problem, mode: 'direct' };
  for (let firstBatch = 0; firstBatch < x.rows.shape[0]; firstBatch++) {
    for (const yRange of yRanges) {
      const ySide = slice(y, firstBatch, yRange);
      for (const xRange of xRanges) {
        const xSide = slice(x, firstBatch, xRange);
        const corner = { firstBatch, firstRow: xRange.first, firstColumn: yRange.first };
        runPiece(parts, xSide, ySide, out, corner);
        release(xSide);
      }
      release(ySide);
    }
  }
}

/**
 * The kernel within a given limit.
 * @param limit Bytes of one storage binding; inputs above it are copied in parts.
 * @throws UnsupportedError when the output, or one row, does not fit a binding.
 */
export function pairwiseWithin(
  call: KernelCall<'x' | 'y', PairwiseDistanceAttrs, WebGPUBackend, 'xAux' | 'yAux'>,
  limit: number,
): TensorInfo[] {
  const { inputs, attrs, backend, outputs } = call;
  const { form, mode } = attrs;
  const [{ shape }] = outputs;
  const d = inputs.x.shape[2];
  if (sizeOf(shape) === 0 || (d === 0 && form.family !== 'expression')) {
    // Nothing to bind. Without features a sum is 0, and the angle of zero vectors is defined as 1.
    const values = new Float32Array(sizeOf(shape)).fill(isCosine(form) ? 1 : 0);
    return [backend.makeTensorInfo(shape, 'float32', values)];
  }
  checkBinding(backend, op, 'the result', shape);
  const problem = { backend, form, mode, limit };
  const x = { rows: inputs.x, aux: inputs.xAux };
  const y = { rows: inputs.y, aux: inputs.yAux };
  const out = backend.makeTensorInfo(shape, 'float32');
  const width = isCosine(form) ? unitWidth(d) : Math.max(4, paddedWidth(d));
  const most = Math.floor(limit / (4 * width));
  const [batch, n, m] = shape;
  if (d === 0) runWithoutFeatures(problem, x, y, out);
  else if (batch * Math.max(n, m) <= most) runPiece(problem, x, y, out, START);
  else runSlices(problem, x, y, out, width);
  return [out];
}

export const pairwiseDistanceWebgpu = defineKernel(
  pairwiseDistanceSpec,
  'webgpu',
  (call: KernelCall<'x' | 'y', PairwiseDistanceAttrs, WebGPUBackend, 'xAux' | 'yAux'>) =>
    pairwiseWithin(call, call.backend.device.limits.maxStorageBufferBindingSize),
);
