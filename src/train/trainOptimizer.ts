import * as tf from '@tensorflow/tfjs';
import type { Tensor, Variable } from '@tensorflow/tfjs';
import { DataError } from '../errors.js';
import type { SavedArray } from '../util/artifacts.js';
import { formatShape } from '../util/shape.js';
import { savedVariable } from './savedVariable.js';

/** The variables that one optimiser moves. */
export interface OptimizerGroup {
  readonly variables: readonly Variable[];
  readonly learningRate: number;
  /** Those whose weights decay. Default: the variables of rank 2 and more, so no biases. */
  readonly decayed?: readonly Variable[] | undefined;
}

/** What the next update of an optimiser follows from, on the host. */
export interface SavedOptimizer {
  /** Powers of the decays of its means (Adam: beta1^t and beta2^t). */
  readonly powers: readonly number[];
  /** One tensor per variable of each kind of state, kind after kind. */
  readonly moments: readonly SavedArray[];
}

/** State of one kind (a moment), one variable per variable of the group. */
export class Moments {
  private readonly all: Variable[];

  constructor({ variables }: OptimizerGroup) {
    this.all = variables.map((of) => tf.tidy(() => tf.variable(tf.zerosLike(of), false)));
  }

  at(i: number): Variable {
    return this.all[i];
  }

  get count(): number {
    return this.all.length;
  }

  async save(): Promise<SavedArray[]> {
    return await Promise.all(this.all.map(savedVariable));
  }

  /** @throws DataError when the saved ones have other shapes. */
  restore(saved: readonly SavedArray[]): void {
    assignSaved('optimisers', this.all, saved);
  }

  dispose(): void {
    tf.dispose(this.all);
  }
}

/** Moves the variables of a group by their gradients; its state can be saved. */
export abstract class TrainOptimizer {
  /** Learning rate of the next step. */
  protected rate: number;
  private readonly decays: readonly boolean[];

  constructor(private readonly group: OptimizerGroup) {
    this.rate = group.learningRate;
    this.decays = group.variables.map(
      (variable) => group.decayed?.includes(variable) ?? variable.rank >= 2,
    );
  }

  /** Kinds of state, in the order in which they are saved. */
  protected abstract readonly kinds: readonly Moments[];
  /** The variable after a step. Runs inside a tidy; moments are assigned to. */
  protected abstract step(variable: Variable, gradient: Tensor, i: number, decays: boolean): Tensor;
  /** Called before the first variable of a step, and after the last. */
  protected abstract beginStep(): void;
  protected abstract endStep(): void;
  protected abstract powers: readonly number[];

  get learningRate(): number {
    return this.rate;
  }

  /** Set the rate to `factor` times the group's. */
  scaleRate(factor: number): void {
    this.rate = this.group.learningRate * factor;
  }

  /** One step. @param gradients By names of variables; one that is missing leaves its variable alone. */
  apply(gradients: Readonly<Record<string, Tensor>>): void {
    tf.tidy(() => {
      this.beginStep();
      this.group.variables.forEach((variable, i) => {
        if (!Object.hasOwn(gradients, variable.name)) return;
        variable.assign(this.step(variable, gradients[variable.name], i, this.decays[i]));
      });
      this.endStep();
    });
  }

  async save(): Promise<SavedOptimizer> {
    const moments = await Promise.all(this.kinds.map((kind) => kind.save()));
    return { powers: [...this.powers], moments: moments.flat() };
  }

  /**
   * Go on from a saved state, in place of that of a new optimiser.
   * @throws DataError when it is that of another optimiser or of other variables.
   */
  restore({ powers, moments }: SavedOptimizer): void {
    const count = this.group.variables.length;
    const wanted = `${this.powers.length} powers and ${count * this.kinds.length} moments`;
    const got = `${powers.length} powers and ${moments.length} moments`;
    if (got !== wanted) throw foreign(`hold ${wanted} of an optimiser`, got);
    this.kinds.forEach((kind, i) => kind.restore(moments.slice(i * count, (i + 1) * count)));
    this.powers = powers;
  }

  dispose(): void {
    for (const kind of this.kinds) kind.dispose();
  }
}

function foreign(expected: string, got: string): DataError {
  return new DataError({ op: 'train', arg: 'the checkpoint', expected, got });
}

/** @throws DataError when there are other variables than those that were saved. */
export function assignSaved(
  what: string,
  variables: readonly Variable[],
  saved: readonly SavedArray[],
): void {
  const shapes = (all: readonly { readonly shape: readonly number[] }[]): string =>
    all.map(({ shape }) => formatShape(shape)).join(' ');
  if (shapes(variables) !== shapes(saved)) {
    throw foreign(`hold ${what} of shapes ${shapes(variables)}`, shapes(saved));
  }
  variables.forEach((variable, i) => {
    const { shape, data } = saved[i];
    tf.tidy(() => variable.assign(tf.tensor(data, [...shape], 'float32')));
  });
}
