import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';
import type { RowMapAttrs } from '../specs/rowMap.js';
import { lowerToBase } from '../specs/rowProgram/functions.js';
import type {
  BaseFunction,
  BinaryFunction,
  Reduction,
  RowNode,
} from '../specs/rowProgram/graph.js';
import { gapOfRows } from './compensated.js';
import { selectTensors, TENSOR_COMPARE, TENSOR_UNARY } from './expressionTensors.js';

const BINARY: Readonly<Record<BinaryFunction, (left: Tensor, right: Tensor) => Tensor>> = {
  add: (left, right) => tf.add(left, right),
  sub: (left, right) => tf.sub(left, right),
  mul: (left, right) => tf.mul(left, right),
  div: (left, right) => tf.div(left, right),
  min: (left, right) => tf.minimum(left, right),
  max: (left, right) => tf.maximum(left, right),
};

const REDUCE: Readonly<Record<Reduction, (args: readonly Tensor[]) => Tensor>> = {
  sum: ([x]) => tf.sum(x, -1, true),
  norm: ([x]) => {
    // Divided by the largest, squares neither overflow nor vanish.
    const size = tf.max(tf.abs(x), -1, true);
    const scaled = tf.div(x, tf.where(tf.greater(size, 0), size, tf.onesLike(size)));
    return tf.mul(size, tf.sqrt(tf.sum(tf.square(scaled), -1, true)));
  },
  gap: ([c, x]) => gapOfRows(x, c),
};

/** A row program in tfjs ops: rows are [n, d], scalars [n, 1]; one row stands for all as [1, d]. */
export function rowMapComposed(
  { program, n, d }: RowMapAttrs,
  inputs: readonly Tensor[],
): Tensor[] {
  const lowered = lowerToBase(program);
  const rowCount = lowered.rows.length;
  const values: Tensor[] = [];
  const inputOf = (name: string, level: RowNode['level']): Tensor =>
    level === 'row'
      ? inputs[lowered.rows.indexOf(name)]
      : inputs[rowCount + lowered.scalars.indexOf(name)].reshape([-1, 1]);
  const compute = (node: RowNode): Tensor => {
    // Not every backend broadcasts to tensors without values.
    if (d === 0 && node.level === 'row') return tf.zeros([n, 0]);
    const args = node.args.map((arg) => values[arg]);
    switch (node.kind) {
      case 'input':
        return inputOf(node.name, node.level);
      case 'constant':
        return tf.tensor2d([[node.value]], undefined, 'float32');
      case 'features':
        return tf.tensor2d([[d]], undefined, 'float32');
      case 'unary':
        return TENSOR_UNARY[node.op as BaseFunction](args[0]);
      case 'binary':
        return BINARY[node.op](args[0], args[1]);
      case 'where':
        return selectTensors(TENSOR_COMPARE[node.op](args[0], args[1]), args[2], args[3]);
      case 'reduce':
        return d === 0 ? emptyReduction(node.op, n) : REDUCE[node.op](args);
    }
  };
  for (const node of lowered.nodes) values.push(compute(node));
  return lowered.outputs.map(({ node, level }) =>
    level === 'row'
      ? d === 0
        ? tf.zeros([n, 0])
        : values[node].broadcastTo([n, d])
      : values[node].broadcastTo([n, 1]).reshape([n]),
  );
}

const emptyReduction = (op: Reduction, n: number): Tensor =>
  op === 'gap' ? tf.ones([n, 1]) : tf.zeros([n, 1]);
