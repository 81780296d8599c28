import * as tf from '@tensorflow/tfjs';
import type { Scalar, Tensor } from '@tensorflow/tfjs';
import type { BatchLoss, LossMeans } from './records.js';

/** Columns of the total loss and of the length of the gradients; no part of a loss has such a name. */
const [TOTAL, GRADIENT] = ['\0total', '\0gradients'] as const;

interface Pending {
  /** Total and parts of the loss, kept. */
  readonly losses: Tensor;
  readonly names: readonly string[];
  readonly length?: Tensor;
  readonly rate: number;
}

/** Values of one step, by names. */
interface StepValues {
  readonly values: Readonly<Record<string, number>>;
  readonly rate: number;
}

/** Sums of an epoch so far; plain JSON. */
export interface LedgerState {
  readonly sums: Readonly<Record<string, number>>;
  readonly count: number;
}

export interface ReadStep extends LossMeans {
  readonly learningRate: number;
  readonly gradientNorm?: number;
}

/** Called for a value that is not finite. */
type Fail = (what: string, value: number, stepsAgo: number) => never;

/** Losses of the steps since the last read (on the device) and their sums over the epoch. */
export class LossLedger {
  private readonly pending: Pending[] = [];
  private sums: Record<string, number> = {};
  private count = 0;

  constructor(private readonly fail: Fail) {}

  get waiting(): number {
    return this.pending.length;
  }

  startEpoch(from?: LedgerState): void {
    this.sums = { ...from?.sums };
    this.count = from?.count ?? 0;
  }

  get state(): LedgerState {
    return { sums: { ...this.sums }, count: this.count };
  }

  /** Losses of a step: called inside tfjs's gradient scope, which frees what is not kept. */
  add({ total, parts }: BatchLoss, rate: number): void {
    this.pending.push({
      losses: tf.keep(tf.stack([total, ...Object.values(parts)])),
      names: [TOTAL, ...Object.keys(parts)],
      rate,
    });
  }

  /** Length of the gradients of the step that was added last. */
  addLength(length: Scalar): void {
    const last = this.pending.pop();
    if (last !== undefined) this.pending.push({ ...last, length: tf.keep(length) });
  }

  /** Read what waits; gives its steps in order. */
  async read(): Promise<ReadStep[]> {
    const pending = this.pending.splice(0);
    if (pending.length === 0) return [];
    const rows = tf.tidy(() =>
      tf.concat(
        pending.flatMap(({ losses, length }) =>
          length === undefined ? [losses] : [losses, length.reshape([1])],
        ),
      ),
    );
    for (const { losses, length } of pending) tf.dispose([losses, ...(length ? [length] : [])]);
    const flat = await rows.data();
    rows.dispose();
    let at = 0;
    const steps = pending.map(({ names, length, rate }): StepValues => {
      const columns = length === undefined ? names : [...names, GRADIENT];
      const values = Object.fromEntries(columns.map((name, i) => [name, flat[at + i]]));
      at += columns.length;
      return { values, rate };
    });
    return steps.map((step, i) => this.take(step, steps.length - 1 - i));
  }

  private take({ values, rate }: StepValues, stepsAgo: number): ReadStep {
    const { [TOTAL]: total, ...others } = values;
    // The total is looked at last: a part that went wrong says more.
    for (const [name, value] of [...Object.entries(others), [TOTAL, total] as const]) {
      if (!Number.isFinite(value)) this.fail(describe(name), value, stepsAgo);
      this.sums[name] = (this.sums[name] ?? 0) + value;
    }
    this.count++;
    return { ...meansOf(values), learningRate: rate };
  }

  means(): LossMeans & { readonly gradientNorm?: number } {
    return meansOf(
      Object.fromEntries(Object.entries(this.sums).map(([name, sum]) => [name, sum / this.count])),
    );
  }

  dispose(): void {
    for (const { losses, length } of this.pending.splice(0)) {
      tf.dispose([losses, ...(length ? [length] : [])]);
    }
  }
}

function describe(name: string): string {
  if (name === GRADIENT) return 'the length of the gradients';
  return `loss part '${name === TOTAL ? 'total' : name}'`;
}

function meansOf({
  [TOTAL]: loss,
  [GRADIENT]: gradientNorm,
  ...parts
}: Readonly<Record<string, number>>): LossMeans & { readonly gradientNorm?: number } {
  const length = gradientNorm as number | undefined;
  return { loss, parts, ...(length !== undefined && { gradientNorm: length }) };
}
