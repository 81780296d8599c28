import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';
import type { PairGradient, PairSide } from './pairs.js';

type Sides = readonly [PairSide, PairSide];

/**
 * A tensor computed from two sides, with its gradient stated: rows, and scalars per row where the form
 * has them, are the differentiable inputs.
 * @param keep Tensors that `backward` needs besides.
 */
export function withForm(
  [x, y]: Sides,
  forward: (sides: Sides) => Tensor,
  backward: (
    dy: Tensor,
    sides: Sides,
    kept: readonly Tensor[],
  ) => readonly [PairGradient, PairGradient],
  keep: readonly Tensor[] = [],
): Tensor {
  const hasAux = x.aux !== undefined && y.aux !== undefined;
  const sidesOf = (tensors: readonly Tensor[]): Sides => [
    { rows: tensors[0], aux: hasAux ? tensors[2] : undefined },
    { rows: tensors[1], aux: hasAux ? tensors[3] : undefined },
  ];
  const inputs = hasAux ? [x.rows, y.rows, x.aux, y.aux] : [x.rows, y.rows];
  const op = tf.customGrad<Tensor>((...args) => {
    const save = args[args.length - 1] as tf.GradSaveFunc;
    const given = args.slice(0, -1) as Tensor[];
    save([...given, ...keep]);
    return {
      value: forward(sidesOf(given)),
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [a, b] = backward(dy, sidesOf(saved), saved.slice(given.length));
        return a.aux === undefined || b.aux === undefined
          ? [a.rows, b.rows]
          : [a.rows, b.rows, a.aux, b.aux];
      },
    };
  });
  return op(...inputs);
}
