import * as tf from '@tensorflow/tfjs';
import type { Tensor, Variable } from '@tensorflow/tfjs';
import { DomainError } from '../errors.js';
import type { SavedArray } from '../util/artifacts.js';
import { checkNumber } from './checks.js';
import { savedVariable } from './savedVariable.js';
import { assignSaved } from './trainOptimizer.js';
import type { EpochRecord, LossMeans } from './records.js';

/** When a stage has gone on for long enough. */
export interface EarlyStopping {
  /** Epochs without a better value after which the stage ends; Infinity: never, but keep the best weights. */
  readonly patience: number;
  /** How much better a value must be to count. Default 0: any bit. */
  readonly minDelta?: number;
  /**
   * What is watched: 'loss' or the name of a part of it, of the training steps, or of the validation rows
   * as 'validation.loss' and 'validation.<part>'. Default: 'validation.loss' with validation, else 'loss'.
   */
  readonly quantity?: string;
  /** Which values are better. Default 'min'. */
  readonly mode?: 'min' | 'max';
}

/** Where the watched quantity was best; plain JSON. */
export interface BestEpoch {
  readonly value: number;
  /** 1-based, over all stages. */
  readonly epoch: number;
  /** Epochs since then. */
  readonly waited: number;
}

/** {@link BestEpoch} and the variables of then, on the host. */
export interface SavedBest extends BestEpoch {
  readonly variables: readonly SavedArray[];
}

const VALIDATION = 'validation.';

/** @throws DomainError for a field out of range, or a quantity that the stage will not have. */
export function checkStopping(
  op: string,
  arg: string,
  { patience, minDelta = 0, quantity }: EarlyStopping,
  hasValidation: boolean,
): void {
  const isPatience = patience === Infinity || (Number.isInteger(patience) && patience >= 1);
  if (!isPatience) {
    const got = String(patience);
    const expected = 'be an integer >= 1 or Infinity';
    throw new DomainError({ op, arg: `${arg}.patience`, expected, got });
  }
  checkNumber(op, `${arg}.minDelta`, minDelta, minDelta >= 0, 'be a finite number >= 0');
  if (quantity?.startsWith(VALIDATION) === true && !hasValidation) {
    const expected = 'be a training loss in a stage without validation';
    throw new DomainError({ op, arg: `${arg}.quantity`, expected, got: `'${quantity}'` });
  }
}

/** Watches a quantity of a stage and keeps the variables of its best epoch on the device. */
export class Stopper {
  private best: BestEpoch | undefined;
  private kept: Tensor[] = [];

  constructor(
    private readonly stage: string,
    private readonly options: EarlyStopping | undefined,
    private readonly variables: readonly Variable[],
  ) {}

  /** Whether the stage is to end. */
  get isOver(): boolean {
    const { best, options } = this;
    return best !== undefined && options !== undefined && best.waited >= options.patience;
  }

  get bestEpoch(): BestEpoch | undefined {
    return this.best;
  }

  /** Look at a finished epoch. @throws DomainError when it lacks the quantity. */
  see(record: EpochRecord): void {
    if (this.options === undefined) return;
    const value = this.valueOf(record);
    if (this.best !== undefined && !this.isBetter(value, this.best.value)) {
      this.best = { ...this.best, waited: this.best.waited + 1 };
      return;
    }
    this.best = { value, epoch: record.epoch, waited: 0 };
    tf.dispose(this.kept);
    this.kept = this.variables.map((variable) => tf.clone(variable));
  }

  /** Put the variables of the best epoch back. */
  restoreBest(): void {
    this.kept.forEach((tensor, i) => {
      tf.tidy(() => this.variables[i].assign(tensor.clone()));
    });
  }

  async save(): Promise<SavedBest | undefined> {
    if (this.best === undefined) return undefined;
    const variables = await Promise.all(this.kept.map(savedVariable));
    return { ...this.best, variables };
  }

  /** Go on from a saved state: the variables are moved to the saved ones and back. */
  restore({ variables, ...best }: SavedBest): void {
    const now = this.variables.map((variable) => tf.clone(variable));
    try {
      assignSaved('best variables', this.variables, variables);
      this.kept = this.variables.map((variable) => tf.clone(variable));
      this.best = best;
    } finally {
      now.forEach((tensor, i) => tf.tidy(() => this.variables[i].assign(tensor.clone())));
      tf.dispose(now);
    }
  }

  dispose(): void {
    tf.dispose(this.kept);
    this.kept = [];
  }

  private isBetter(value: number, best: number): boolean {
    const { minDelta = 0, mode = 'min' } = this.options ?? {};
    return mode === 'min' ? value < best - minDelta : value > best + minDelta;
  }

  private valueOf({ validation, ...training }: EpochRecord): number {
    const fallback = validation === undefined ? 'loss' : `${VALIDATION}loss`;
    const quantity = this.options?.quantity ?? fallback;
    const known = { ...named(training, ''), ...(validation && named(validation, VALIDATION)) };
    if (Object.hasOwn(known, quantity)) return known[quantity];
    throw new DomainError({
      op: 'train',
      arg: `stopping.quantity of stage '${this.stage}'`,
      expected: `be one of ${Object.keys(known).join(', ')}`,
      got: `'${quantity}'`,
    });
  }
}

function named({ loss, parts }: LossMeans, prefix: string): Record<string, number> {
  const entries = Object.entries({ ...parts, loss });
  return Object.fromEntries(entries.map(([name, value]) => [`${prefix}${name}`, value]));
}
