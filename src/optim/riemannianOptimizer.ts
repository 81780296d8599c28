import * as tf from '@tensorflow/tfjs';
import type { NamedTensorMap, Tensor, Variable } from '@tensorflow/tfjs';
import { DataError, DomainError, ShapeError } from '../errors.js';
import { Euclidean } from '../manifolds/index.js';
import type { Manifold } from '../manifolds/index.js';
import { scatterRows } from '../ops/scatterRows.js';
import { formatShape } from '../util/shape.js';

/** A tensor and its name, as tfjs's optimisers take and give them. */
export interface NamedTensor {
  readonly name: string;
  readonly tensor: Tensor;
}

export interface RiemannianOptions {
  /** Default 0.01. */
  readonly learningRate?: number;
  /** Variables whose rows are points of a manifold. All others are Euclidean. */
  readonly manifolds?: Iterable<readonly [Variable, Manifold]>;
  /**
   * Steps between two projections of points onto the manifold and of moments onto its tangent spaces,
   * against the drift of rounding; 0: never. Default 1.
   */
  readonly stabilizeEvery?: number;
  /** Step with the manifold's retraction instead of its exponential map. Default false. */
  readonly retraction?: boolean;
}

/** What a step follows from besides the point: tensors with as many leading rows as the variable. */
export type OptimizerState = Readonly<Record<string, Tensor>>;

/** One variable's step. */
export interface StepInput {
  readonly manifold: Manifold;
  readonly point: Tensor;
  /** Euclidean gradient, as tf.grad gives it. */
  readonly gradient: Tensor;
  readonly state: OptimizerState;
  /** Number of the step, from 1. */
  readonly step: number;
}

const EUCLIDEAN = new Euclidean();

/**
 * What Riemannian optimisers share: which variable lies on which manifold, their state, steps on all
 * rows or on some, and saving. They are optimisers of tfjs: `minimize`, `applyGradients`, `getWeights`
 * and `setWeights` do what those of tf.train do.
 */
export abstract class RiemannianOptimizer extends tf.Optimizer {
  learningRate: number;
  private readonly stabilizeEvery: number;
  private readonly usesRetraction: boolean;
  private readonly manifoldOf = new Map<string, Manifold>();
  private readonly states = new Map<string, Record<string, Variable>>();

  /** Name in error texts. */
  protected abstract readonly op: string;
  /** State of a variable before its first step, by names. */
  protected abstract initialState(manifold: Manifold, point: Tensor): OptimizerState;
  /** Direction of a step (a tangent at the point, to be subtracted) and the state there. */
  protected abstract direction(input: StepInput): { direction: Tensor; state: OptimizerState };
  /** Names of the state that are tangents, which move with the point. */
  protected abstract readonly tangents: readonly string[];

  constructor(op: string, options: RiemannianOptions) {
    super();
    const { learningRate = 0.01, manifolds = [], stabilizeEvery = 1, retraction = false } = options;
    checkNumber(op, 'learningRate', learningRate, learningRate >= 0, 'be finite, >= 0');
    const isCount = Number.isInteger(stabilizeEvery) && stabilizeEvery >= 0;
    checkNumber(op, 'stabilizeEvery', stabilizeEvery, isCount, 'be an integer >= 0');
    this.learningRate = learningRate;
    this.stabilizeEvery = stabilizeEvery;
    this.usesRetraction = retraction;
    for (const [variable, manifold] of manifolds) this.place(variable, manifold);
  }

  /** Declare that the rows of a variable are points of a manifold. */
  place(variable: Variable, manifold: Manifold): void {
    this.manifoldOf.set(variable.name, manifold);
  }

  /**
   * One step of the variables by their Euclidean gradients, by name; null or missing: no step.
   * @throws DomainError for a name that is no variable.
   */
  override applyGradients(gradients: NamedTensorMap | NamedTensor[]): void {
    const entries = Array.isArray(gradients)
      ? gradients.map(({ name, tensor }) => [name, tensor] as const)
      : Object.entries(gradients);
    const step = this.iterations + 1;
    for (const [name, gradient] of entries as (readonly [string, Tensor | null | undefined])[]) {
      if (gradient == null) continue;
      const variable = this.variableNamed(name);
      const state = this.stateOf(variable);
      tf.tidy(() => {
        const next = this.move(variable, variable, gradient, state, step);
        variable.assign(next.point);
        for (const [key, value] of Object.entries(next.state)) state[key].assign(value);
      });
    }
    this.incrementIterations();
  }

  /**
   * One step of some rows of a variable; the others, and their state, stay to the bit. For embeddings of
   * which a batch uses few rows: the cost is that of these rows and a copy of the variable and its state.
   * Moments of rows that are left out do not decay, and all rows share the step count (as in "lazy"
   * Adam).
   * @param rows Indices, in range, none twice: sum gradients that belong together first.
   * @param gradient Euclidean gradient, [rows, ...rest of the variable's shape].
   * @throws DomainError for an index out of range or one that stands twice; ShapeError for a gradient of
   * another shape.
   */
  applyRowGradients(variable: Variable, rows: ArrayLike<number>, gradient: Tensor): void {
    const indices = this.checkRows(variable, rows);
    const wanted = [indices.length, ...variable.shape.slice(1)];
    if (formatShape(wanted) !== formatShape(gradient.shape)) {
      throw new ShapeError({
        op: `${this.op}.applyRowGradients`,
        arg: 'gradient',
        expected: `have shape ${formatShape(wanted)}`,
        got: formatShape(gradient.shape),
      });
    }
    const state = this.stateOf(variable);
    tf.tidy(() => {
      const at = tf.tensor1d(indices, 'int32');
      const gather = (tensor: Tensor): Tensor => tf.gather(tensor, at);
      const gathered = Object.fromEntries(
        Object.entries(state).map(([key, value]) => [key, gather(value)]),
      );
      const next = this.move(variable, gather(variable), gradient, gathered, this.iterations + 1);
      variable.assign(scatterRows(variable, at, next.point));
      for (const [key, value] of Object.entries(next.state)) {
        state[key].assign(scatterRows(state[key], at, value));
      }
    });
    this.incrementIterations();
  }

  private checkRows(variable: Variable, rows: ArrayLike<number>): Int32Array {
    const op = `${this.op}.applyRowGradients`;
    if (variable.rank === 0) {
      throw new ShapeError({ op, arg: 'variable', expected: 'have rows', got: 'a scalar' });
    }
    const [count] = variable.shape;
    const seen = new Set<number>();
    for (const row of Array.from(rows)) {
      const isIndex = Number.isInteger(row) && row >= 0 && row < count;
      if (isIndex && !seen.has(row)) {
        seen.add(row);
        continue;
      }
      throw new DomainError({
        op,
        arg: 'rows',
        expected: `be different integers in [0, ${count})`,
        got: isIndex ? `${row} twice` : String(row),
      });
    }
    return Int32Array.from(rows);
  }

  /** The point and the state after a step. */
  private move(
    variable: Variable,
    point: Tensor,
    gradient: Tensor,
    state: OptimizerState,
    step: number,
  ): { point: Tensor; state: OptimizerState } {
    const manifold = this.manifoldOf.get(variable.name) ?? EUCLIDEAN;
    const { direction, state: here } = this.direction({ manifold, point, gradient, state, step });
    const move = tf.mul(direction, -this.learningRate);
    const end = this.usesRetraction ? manifold.retract(point, move) : manifold.expMap(point, move);
    const isStable = this.stabilizeEvery === 0 || step % this.stabilizeEvery !== 0;
    const next = isStable ? end : manifold.project(end);
    const moved = Object.entries(here).map(([key, value]): [string, Tensor] => {
      if (!this.tangents.includes(key)) return [key, value];
      const there = manifold.transport(point, next, value);
      return [key, isStable ? there : manifold.projectTangent(next, there)];
    });
    return { point: next, state: Object.fromEntries(moved) };
  }

  private variableNamed(name: string): Variable {
    const variables: Readonly<Record<string, Variable>> = tf.engine().registeredVariables;
    if (Object.hasOwn(variables, name)) return variables[name];
    throw new DomainError({
      op: `${this.op}.applyGradients`,
      arg: 'gradients',
      expected: 'be named as the variables that they belong to',
      got: `'${name}'`,
    });
  }

  private stateOf(variable: Variable): Record<string, Variable> {
    let state = this.states.get(variable.name);
    if (state === undefined) {
      const manifold = this.manifoldOf.get(variable.name) ?? EUCLIDEAN;
      state = tf.tidy(() => asVariables(this.initialState(manifold, variable)));
      this.states.set(variable.name, state);
    }
    return state;
  }

  /** The step count, then the state of every variable that has one, named `<variable>/<part>`. */
  override async getWeights(): Promise<NamedTensor[]> {
    const parts = [...this.states].flatMap(([name, state]) =>
      Object.entries(state).map(([key, tensor]) => ({ name: `${name}/${key}`, tensor })),
    );
    return [await this.saveIterations(), ...parts];
  }

  /** Go on from {@link getWeights}. @throws DataError for a name that is not `<variable>/<part>`. */
  override async setWeights(weights: NamedTensor[]): Promise<void> {
    const parts = await this.extractIterations(weights);
    const restored = new Map<string, Record<string, Tensor>>();
    for (const { name, tensor } of parts) {
      const cut = name.lastIndexOf('/');
      if (cut < 1) {
        throw new DataError({
          op: `${this.op}.setWeights`,
          arg: 'weights',
          expected: 'be named <variable>/<part>',
          got: `'${name}'`,
        });
      }
      const owner = name.slice(0, cut);
      restored.set(owner, { ...restored.get(owner), [name.slice(cut + 1)]: tensor });
    }
    const copies = [...restored].map(
      ([owner, state]) => [owner, tf.tidy(() => asVariables(state))] as const,
    );
    this.disposeStates();
    for (const [owner, state] of copies) this.states.set(owner, state);
  }

  /** Numbers only: manifolds belong to variables and are given anew. */
  override getConfig(): tf.serialization.ConfigDict {
    return {
      learningRate: this.learningRate,
      stabilizeEvery: this.stabilizeEvery,
      retraction: this.usesRetraction,
    };
  }

  private disposeStates(): void {
    for (const state of this.states.values()) tf.dispose(state);
    this.states.clear();
  }

  override dispose(): void {
    this.disposeStates();
  }
}

/** Not trainable, so that no optimiser takes them for weights. */
function asVariables(tensors: OptimizerState): Record<string, Variable> {
  return Object.fromEntries(
    Object.entries(tensors).map(([key, tensor]) => [key, tf.variable(tensor, false)]),
  );
}

/** @throws DomainError unless it holds. */
export function checkNumber(
  op: string,
  arg: string,
  value: number,
  holds: boolean,
  expected: string,
): void {
  if (holds && Number.isFinite(value)) return;
  throw new DomainError({ op, arg, expected, got: String(value) });
}
