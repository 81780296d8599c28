import * as tf from '@tensorflow/tfjs';
import { Rng } from '../util/rng.js';
import type { BatchInputs, MakeInputs } from './types.js';

interface Prepared {
  readonly batch: number;
  readonly inputs: BatchInputs | Promise<BatchInputs>;
}

/**
 * Makes the tensors of the batches of one epoch, one batch ahead. What is drawn for a batch depends on
 * the seed and the number of its step only.
 */
export class Feeder {
  private ahead: Prepared | undefined;

  /** @param order Rows in the order of the epoch. @param firstStep Steps before the epoch. */
  constructor(
    private readonly make: MakeInputs | undefined,
    private readonly order: Int32Array,
    private readonly batchSize: number,
    private readonly seed: number,
    private readonly firstStep: number,
  ) {}

  get batches(): number {
    return Math.ceil(this.order.length / this.batchSize);
  }

  indices(batch: number): Int32Array {
    return this.order.subarray(batch * this.batchSize, (batch + 1) * this.batchSize);
  }

  /** The tensors of a batch, now or soon. The caller disposes of them. */
  take(batch: number): BatchInputs | Promise<BatchInputs> {
    const { ahead } = this;
    if (ahead?.batch !== batch) return this.made(batch);
    this.ahead = undefined;
    return ahead.inputs;
  }

  /** Begin to make the tensors of a batch that will be taken next, if there is one. */
  prepare(batch: number): void {
    if (this.make === undefined || batch >= this.batches) return;
    const inputs = this.made(batch);
    // An error is thrown where the batch is taken; until then it must not end the process.
    if (inputs instanceof Promise) inputs.catch(() => undefined);
    this.ahead = { batch, inputs };
  }

  /** Free what was made ahead. */
  async dispose(): Promise<void> {
    const { ahead } = this;
    this.ahead = undefined;
    if (ahead === undefined) return;
    try {
      tf.dispose(await ahead.inputs);
    } catch {
      // Nothing was made; training has ended for another reason.
    }
  }

  private made(batch: number): BatchInputs | Promise<BatchInputs> {
    if (this.make === undefined) return {};
    return this.make(this.indices(batch), streamOf(this.seed, this.firstStep + batch));
  }
}

/** An independent generator for every step. */
function streamOf(seed: number, step: number): Rng {
  return new Rng(seed ^ Math.imul(step + 1, 0x9e3779b1)).fork(2);
}
