import * as tf from '@tensorflow/tfjs';
import type { Scalar, Tensor, Tensor1D, Variable } from '@tensorflow/tfjs';
import { runRowProgram } from '../ops/rowProgram.js';
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
  private readonly uploaded = new Map<number, Tensor1D>();

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

  private upload(value: number): Tensor1D {
    const scalar = this.uploaded.get(value) ?? tf.tensor1d([value]);
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
    given: Readonly<Record<'weight' | 'gradient', Tensor>> &
      Readonly<Record<'first' | 'second', Variable>>,
    shrink: number,
  ): Tensor {
    const { weight, first, second } = given;
    const program = fusedProgram(this.betas, this.epsilon);
    // A single number is a row of one, a vector one row.
    const d = weight.rank === 0 ? 1 : weight.shape[weight.rank - 1];
    const n = weight.size === 0 ? 0 : weight.size / d;
    const scalars: Readonly<Record<string, number>> = {
      meanScale: -this.rate / (1 - this.powers[0]),
      squareScale: 1 / (1 - this.powers[1]),
      shrink,
    };
    const [moved, mean, square] = runRowProgram(
      program,
      program.rows.map((name) => shaped(given[name as keyof typeof given], [n, d])),
      program.scalars.map((name) => this.upload(scalars[name])),
      n,
      d,
    );
    first.assign(shaped(mean, weight.shape));
    second.assign(shaped(square, weight.shape));
    return shaped(moved, weight.shape);
  }
}

/** tfjs's reshape to the shape that a tensor has costs as much as one to another. */
function shaped(tensor: Tensor, shape: readonly number[]): Tensor {
  const isSame = tensor.rank === shape.length && tensor.shape.every((side, i) => side === shape[i]);
  return isSame ? tensor : tensor.reshape([...shape]);
}
