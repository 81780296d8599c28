import type { TensorInfo } from '@tensorflow/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { evaluatorOf } from '../../specs/evaluate.js';
import type { MetricForm, ProductForm } from '../../specs/metricForm.js';
import { rowDistanceSpec } from '../../specs/rowDistance.js';
import type { RowDistanceAttrs } from '../../specs/rowDistance.js';
import { defineKernel } from '../../specs/spec.js';
import type { KernelCall } from '../../specs/spec.js';
import { fillOutputs, float32View, optionalFloat32View } from './heap.js';

/**
 * One distance per pair of rows reads each value once: float64 loops over tfjs's own heap take about
 * as long as copying the rows into our memory would, and are rounded once.
 */
type RowFunction = (x: Float32Array, y: Float32Array, start: number, d: number) => number;

const squares: RowFunction = (x, y, start, d) => {
  let sum = 0;
  for (let f = start; f < start + d; f++) {
    const difference = x[f] - y[f];
    sum += difference * difference;
  }
  return sum;
};

const innerProduct: RowFunction = (x, y, start, d) => {
  let sum = 0;
  for (let f = start; f < start + d; f++) sum += x[f] * y[f];
  return sum;
};

const cosine: RowFunction = (x, y, start, d) => {
  let xy = 0;
  let xx = 0;
  let yy = 0;
  for (let f = start; f < start + d; f++) {
    xy += x[f] * y[f];
    xx += x[f] * x[f];
    yy += y[f] * y[f];
  }
  // A NaN row has no angle to anything, not even to the zero vector.
  if (Number.isNaN(xy)) return NaN;
  if (xx === 0 || yy === 0) return 1;
  // Equal rows have equal sums, whose product has the exact root; rounding may pass 1 by an ulp.
  return Math.max(0, 1 - xy / Math.sqrt(xx * yy));
};

const PRODUCTS = { squares, cosine, innerProduct } as const satisfies Readonly<
  Record<ProductForm['family'], RowFunction>
>;

interface Rows {
  readonly x: Float32Array;
  readonly y: Float32Array;
  readonly xAux: Float32Array | undefined;
  readonly yAux: Float32Array | undefined;
  readonly d: number;
}

/** Distance of the pair of rows with this number. */
function distanceOf(form: MetricForm, rows: Rows): (row: number) => number {
  const { x, y, xAux, yAux, d } = rows;
  if (form.family === 'expression') {
    const { rank, finish } = evaluatorOf(form);
    return (row) => {
      const aux = row * form.aux;
      return finish(rank(x, row * d, y, row * d, d, xAux, aux, yAux, aux));
    };
  }
  const product = PRODUCTS[form.family];
  return form.root
    ? (row) => Math.sqrt(product(x, y, row * d, d))
    : (row) => product(x, y, row * d, d);
}

function compute(
  call: KernelCall<'x' | 'y', RowDistanceAttrs, BackendWasm, 'xAux' | 'yAux'>,
): TensorInfo[] {
  const { inputs, attrs, backend, outputs } = call;
  const [n, d] = inputs.x.shape;
  const out = backend.makeOutput(outputs[0].shape, 'float32');
  return fillOutputs(backend, [out], () => {
    const values = float32View(backend, out);
    const distance = distanceOf(attrs.form, {
      x: float32View(backend, inputs.x),
      y: float32View(backend, inputs.y),
      xAux: optionalFloat32View(backend, inputs.xAux),
      yAux: optionalFloat32View(backend, inputs.yAux),
      d,
    });
    for (let row = 0; row < n; row++) values[row] = distance(row);
  });
}

export const rowDistanceWasm = defineKernel(rowDistanceSpec, 'wasm', compute);
