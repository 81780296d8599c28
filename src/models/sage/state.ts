import { disposeParameters } from '../layers/parameters.js';
import type { Parameters } from '../layers/layer.js';
import type { LatentBank } from './latentBank.js';
import type { SageNetwork } from './network.js';
import type { ResidualScale } from './residualScale.js';
import type { Scaler } from '../layers/scaler.js';

/** What the head learnt to predict. */
export type SageTask =
  | { readonly kind: 'classification'; readonly classes: number }
  | {
      readonly kind: 'regression';
      /** The head predicts (target - mean) / deviation. */
      readonly mean: number;
      readonly deviation: number;
    };

/** A network with its weights, and how rows enter it. */
export interface SageCore {
  readonly rowShape: readonly number[];
  readonly task: SageTask;
  readonly network: SageNetwork;
  readonly parameters: Parameters;
  /** Undefined when rows enter as they are. */
  readonly scaler: Scaler | undefined;
}

/** What is kept of the training rows to compare new ones with. */
export interface SageBank {
  /** Shape [n, latentDim]. */
  readonly latents: LatentBank;
  /** Targets of the same rows in their own unit; regression only. */
  readonly targets: Float64Array | undefined;
  /** Undefined where the reconstruction value is the mean squared error itself. */
  readonly residuals: ResidualScale | undefined;
}

/** Raw values of the reference rows, ascending: what probabilities are read from. */
export interface SageReference {
  readonly distance: Float64Array;
  readonly reconstruction: Float64Array;
  readonly task: Float64Array;
}

/** Everything that `fit` makes. */
export interface SageState extends SageCore {
  readonly bank: SageBank;
  readonly temperature: number;
  readonly reference: SageReference;
}

/** Numbers that the head puts out per row. */
export function outputsOf(task: SageTask): number {
  return task.kind === 'classification' ? task.classes : 1;
}

/** Free all tensors of a state. */
export function disposeState(state: SageState): void {
  disposeParameters(state.parameters);
  state.bank.latents.dispose();
}
