import * as tf from '@tensorflow/tfjs';
import type { Scalar, Tensor, Variable } from '@tensorflow/tfjs';
import { applyRows } from '../ops/applyRows.js';
import { fusedPasses } from '../specs/fusedPasses.js';
import type { RowProgram } from '../specs/rowProgram/graph.js';
import { programOf } from '../specs/rowProgram/programOf.js';
import { Moments, TrainOptimizer } from './trainOptimizer.js';
import type { OptimizerGroup } from './trainOptimizer.js';

export interface AdamOptions {
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
  /** Decoupled: w <- (1 - rate weightDecay) w before the step. */
  readonly weightDecay: number;
  /** A step in one pass. Default: where the backend at hand is made for it. */
  readonly fused?: boolean;
}

/** Weights and moments after a step, in one pass: programs by their constants. */
const programs = new Map<string, () => RowProgram>();

function fusedProgram([beta1, beta2]: readonly [number, number], epsilon: number): RowProgram {
  const key = `${beta1} ${beta2} ${epsilon}`;
  const program =
    programs.get(key) ??
    programOf((g) => {
      const [first, second, gradient] = [g.row('first'), g.row('second'), g.row('gradient')];
      const mean = g.add(g.mul(first, beta1), g.mul(gradient, 1 - beta1));
      const square = g.add(g.mul(second, beta2), g.mul(g.square(gradient), 1 - beta2));
      const root = g.unary('sqrt', g.mul(square, g.scalar('squareScale')));
      const step = g.div(g.mul(mean, g.scalar('meanScale')), g.add(root, epsilon));
      return [g.add(g.mul(g.row('weight'), g.scalar('shrink')), step), mean, square];
    });
  programs.set(key, program);
  return program();
}

/**
 * Adam, and AdamW with a weight decay: see OptimizerSpec. The operations and their order are those of
 * tfjs's Adam, so that weights are the same to the bit; tfjs's keeps its state to itself, and leaves the
 * powers of beta out of what it saves.
 */
export class Adam extends TrainOptimizer {
  protected readonly kinds: readonly [Moments, Moments];
  protected powers: readonly number[];
  private readonly betas: readonly [number, number];
  private readonly epsilon: number;
  private readonly weightDecay: number;
  private readonly fused: boolean;
  /** 1 - beta^t of the step under way. */
  private corrections: readonly Scalar[] = [];
  /** Numbers of the fused step under way, as tensors: one upload for all variables. */
  private readonly uploaded = new Map<number, Scalar>();

  constructor(
    group: OptimizerGroup,
    {
      beta1 = 0.9,
      beta2 = 0.999,
      epsilon = 1e-7,
      weightDecay,
      fused = fusedPasses.payOn(tf.getBackend()),
    }: AdamOptions,
  ) {
    super(group);
    this.betas = [beta1, beta2];
    this.epsilon = epsilon;
    this.weightDecay = weightDecay;
    this.fused = fused;
    this.powers = [Math.fround(beta1), Math.fround(beta2)];
    this.kinds = [new Moments(group), new Moments(group)];
  }

  protected beginStep(): void {
    // Tensors of the step before ended with it.
    this.uploaded.clear();
    this.corrections = this.fused ? [] : this.powers.map((power) => tf.scalar(1 - power));
  }

  /** In float32, as if the powers were tensors. */
  protected endStep(): void {
    this.powers = this.powers.map((power, i) => Math.fround(power * Math.fround(this.betas[i])));
  }

  private upload(value: number): Scalar {
    const scalar = this.uploaded.get(value) ?? tf.scalar(value);
    this.uploaded.set(value, scalar);
    return scalar;
  }

  protected step(variable: Variable, gradient: Tensor, i: number, decays: boolean): Tensor {
    const [beta1, beta2] = this.betas;
    const [first, second] = this.kinds.map((kind) => kind.at(i));
    const shrink = decays ? 1 - this.rate * this.weightDecay : 1;
    if (this.fused) return this.fusedStep({ weight: variable, first, second, gradient }, shrink);
    const mean = tf.add(tf.mul(first, beta1), tf.mul(gradient, 1 - beta1));
    const square = tf.add(tf.mul(second, beta2), tf.mul(tf.square(gradient), 1 - beta2));
    const [unbiasedMean, unbiasedSquare] = [
      tf.div(mean, this.corrections[0]),
      tf.div(square, this.corrections[1]),
    ];
    first.assign(mean);
    second.assign(square);
    const direction = tf.div(unbiasedMean, tf.add(tf.sqrt(unbiasedSquare), this.epsilon));
    const start = shrink === 1 ? variable : tf.mul(variable, shrink);
    return tf.add(tf.mul(direction, -this.rate), start);
  }

  private fusedStep(
    rows: Readonly<Record<'weight' | 'gradient', Tensor>> &
      Readonly<Record<'first' | 'second', Variable>>,
    shrink: number,
  ): Tensor {
    const { weight, first, second, gradient } = rows;
    // A single number is a row of one.
    const shape = weight.rank === 0 ? [1] : weight.shape;
    const [moved, mean, square] = applyRows('train', fusedProgram(this.betas, this.epsilon), {
      rows: {
        weight: weight.reshape(shape),
        first: first.reshape(shape),
        second: second.reshape(shape),
        gradient: gradient.reshape(shape),
      },
      scalars: {
        meanScale: this.upload(-this.rate / (1 - this.powers[0])),
        squareScale: this.upload(1 / (1 - this.powers[1])),
        shrink: this.upload(shrink),
      },
    });
    first.assign(mean.reshape(weight.shape));
    second.assign(square.reshape(weight.shape));
    return moved.reshape(weight.shape);
  }
}
