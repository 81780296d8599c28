import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';
import { rowMapSpec } from '../specs/rowMap.js';
import type { RowMapAttrs, RowMapInput } from '../specs/rowMap.js';
import { gradientProgram } from '../specs/rowProgram/gradient.js';
import type { Level, RowProgram } from '../specs/rowProgram/graph.js';
import { dispatch } from './dispatch.js';
import { rowMapComposed } from './rowMapComposed.js';

/**
 * Run a row program: rows [n, d] and scalars [n] in its order, float32; an input of one row or scalar
 * stands for all rows. Returns its outputs, [n, d] or [n]. Differentiable to any order: gradients are
 * row programs too.
 *
 * Callers have checked shapes and types: this is the engine under public maps, not one of them.
 */
export function runRowProgram(
  program: RowProgram,
  rows: readonly Tensor[],
  scalars: readonly Tensor[],
  n: number,
  d: number,
): Tensor[] {
  const inputs = [...rows, ...scalars];
  const attrs = { program, n, d };
  // Without a tape there is nothing to differentiate, and no outputs to pack.
  if (tf.engine().state.gradientDepth === 0) return tf.tidy(() => run(attrs, inputs));
  return tf.tidy(() => differentiable(attrs, inputs));
}

function run(attrs: RowMapAttrs, inputs: readonly Tensor[]): Tensor[] {
  const { program, n, d } = attrs;
  if (n === 0) return program.outputs.map(({ level }) => tf.zeros(shapeOf(level, n, d)));
  // Kernels bind rows to the device, which can't be done with none.
  if (d === 0) return rowMapComposed(attrs, inputs);
  const count = program.rows.length;
  const named: Partial<Record<RowMapInput, Tensor>> = {};
  inputs.forEach((tensor, i) => {
    const name: RowMapInput = i < count ? `row${i}` : `scalar${i - count}`;
    named[name] = tensor;
  });
  return dispatch(rowMapSpec, named, attrs, () => rowMapComposed(attrs, inputs));
}

const shapeOf = (level: Level, n: number, d: number): number[] => (level === 'row' ? [n, d] : [n]);

/** Several outputs become one tensor and are cut out of it: tfjs differentiates one output at a time. */
function differentiable(attrs: RowMapAttrs, inputs: readonly Tensor[]): Tensor[] {
  const { program, n, d } = attrs;
  const sizes = program.outputs.map(({ level }) => (level === 'row' ? n * d : n));
  const single = sizes.length === 1;
  const op = tf.customGrad<Tensor>((...args) => {
    const tensors = args.slice(0, -1) as Tensor[];
    const save = args[args.length - 1] as tf.GradSaveFunc;
    save(tensors);
    const outputs = run(attrs, tensors);
    const value = single ? outputs[0] : tf.concat(outputs.map((out) => out.reshape([-1])));
    return {
      value,
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const parts = single ? [dy] : cut(dy, attrs, sizes);
        return gradients(attrs, saved, parts);
      },
    };
  });
  const packed = op(...inputs);
  return single ? [packed] : cut(packed, attrs, sizes);
}

function cut(packed: Tensor, { program, n, d }: RowMapAttrs, sizes: readonly number[]): Tensor[] {
  let from = 0;
  return sizes.map((size, i) => {
    const part = packed.slice([from], [size]).reshape(shapeOf(program.outputs[i].level, n, d));
    from += size;
    return part;
  });
}

function gradients(
  { program, n, d }: RowMapAttrs,
  inputs: readonly Tensor[],
  dOutputs: readonly Tensor[],
): Tensor[] {
  const gradient = gradientProgram(program);
  const count = program.rows.length;
  const given = (level: Level): Tensor[] => {
    const own = level === 'row' ? inputs.slice(0, count) : inputs.slice(count);
    const extra = dOutputs.filter((_, i) => program.outputs[i].level === level);
    return [...own, ...extra];
  };
  const results = runRowProgram(gradient, given('row'), given('scalar'), n, d);
  // One row or scalar that stood for all gets the sum.
  return results.map((result, i) => (inputs[i].shape[0] === n ? result : tf.sum(result, 0, true)));
}
