import type { TensorInfo } from '@tensorflow/tfjs';
import type { MetricForm, ProductForm } from '../../specs/metricForm.js';
import { pairwiseDistanceSpec } from '../../specs/pairwiseDistance.js';
import type { PairwiseDistanceAttrs } from '../../specs/pairwiseDistance.js';
import { defineKernel } from '../../specs/spec.js';
import type { KernelCall } from '../../specs/spec.js';
import { finishRanks, rankPairs } from './measure.js';
import type { Side } from './measure.js';
import { withOps } from './ops.js';
import type { Handle, Ops, TensorflowBackend } from './ops.js';
import { pairRanks, rowsOf } from './pairs.js';
import { allFinite, centreOf, productRanks, productSide, rankErrors } from './products.js';
import type { ProductSide } from './products.js';
import { matrixSides } from './sides.js';

/** Relative error that a rank may have before it is measured again: float32 results do not show it. */
const RANK_ERROR = 2 ** -30;

/**
 * float64 throughout. Product families: a matrix product, and differences for those pairs that
 * cancellation leaves without enough digits; other forms: differences.
 */
function compute(
  call: KernelCall<'x' | 'y', PairwiseDistanceAttrs, TensorflowBackend, 'xAux' | 'yAux'>,
): TensorInfo[] {
  const { inputs, attrs, backend, outputs } = call;
  const [batch, n] = inputs.x.shape;
  const m = inputs.y.shape[1];
  return withOps(pairwiseDistanceSpec.op, backend, (ops) => {
    if (batch * n * m === 0)
      return [ops.output(ops.floats(new Float32Array(0), [0]), outputs[0].shape)];
    const x = { rows: ops.input(inputs.x), aux: inputs.xAux && ops.input(inputs.xAux) };
    const y = { rows: ops.input(inputs.y), aux: inputs.yAux && ops.input(inputs.yAux) };
    const all = Array.from({ length: batch }, (_, b) =>
      matrix(ops, attrs, matrixSides(ops, x, b), matrixSides(ops, y, b)),
    );
    return [ops.output(ops.concat(all, 0), outputs[0].shape)];
  });
}

/** Distances [n, m] of one matrix, float32. */
function matrix(ops: Ops, { form, mode }: PairwiseDistanceAttrs, x: Side, y: Side): Handle {
  const [n] = x.rows.shape;
  const [m] = y.rows.shape;
  const [distances] = ops.step((inner) => {
    const products = isProduct(form) && allFinite(inner, x.rows) && allFinite(inner, y.rows);
    const centre = products ? centreOf(inner, form, y.rows) : undefined;
    const moved = products ? productSide(inner, y.rows, centre) : undefined;
    const rows = Math.max(1, Math.min(n, Math.floor(ops.slab / m)));
    const slabs: Handle[] = [];
    for (let i = 0; i < n; i += rows) {
      const [slab] = inner.step((step) => {
        const some = rowsOf(step, x, i, Math.min(rows, n - i));
        const ranks =
          isProduct(form) && moved !== undefined
            ? accurateRanks(step, form, some, y, centre, moved, mode === 'fast')
            : pairRanks(step, form, some, y);
        return [step.cast(finishRanks(step, form, ranks), 'float32')];
      });
      slabs.push(slab);
    }
    return [inner.concat(slabs, 0)];
  });
  return distances;
}

const isProduct = (form: MetricForm): form is ProductForm => form.family !== 'expression';

/** Ranks by products; pairs that lost digits by differences, except in mode 'fast'. */
function accurateRanks(
  ops: Ops,
  form: ProductForm,
  x: Side,
  y: Side,
  centre: Handle | undefined,
  moved: ProductSide,
  isFast: boolean,
): Handle {
  const side = productSide(ops, x.rows, centre);
  const ranks = productRanks(ops, form, side, moved);
  // A sum of products is no smaller than its rounding; nothing is gained by another order.
  if (form.family === 'innerProduct' || isFast) return ranks;
  const [n, m] = ranks.shape;
  const ySizes = ops.reshape(moved.sizes, [1, m]);
  const errors = rankErrors(ops, form, side, ySizes);
  const least = ops.binary('Mul', errors, ops.scalar(1 / RANK_ERROR));
  const isClose = ops.reshape(ops.binary('Less', ranks, least), [n * m]);
  const found = ops.unary('Where', isClose);
  const count = found.shape[0];
  if (count === 0) return ranks;
  const places = ops.cast(found, 'int32');
  const width = ops.integers(Int32Array.of(m), []);
  const step = Math.max(1, Math.floor(ops.slab / Math.max(1, x.rows.shape[1])));
  const parts: Handle[] = [];
  for (let first = 0; first < count; first += step) {
    const [part] = ops.step((inner) => {
      const some = inner.reshape(inner.rows(places, first, Math.min(step, count - first)), [-1]);
      const pick = (rows: Handle, at: Handle): Side => ({
        rows: inner.gather(rows, at, 0),
        aux: undefined,
      });
      const own = pick(x.rows, inner.binary('FloorDiv', some, width));
      const other = pick(y.rows, inner.binary('FloorMod', some, width));
      return [rankPairs(inner, form, own, other)];
    });
    parts.push(part);
  }
  const again = ops.concat(parts, 0);
  return ops.reshape(ops.replace(ops.reshape(ranks, [n * m]), places, again), [n, m]);
}

export const pairwiseDistanceTensorflow = defineKernel(pairwiseDistanceSpec, 'tensorflow', compute);
