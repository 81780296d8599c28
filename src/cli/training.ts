import type { Sample } from '../data/index.js';
import type { Artifacts, Json } from '../util/artifacts.js';
import type { Dataset } from '../util/rows.js';
import type { CommandContext } from './context.js';
import type { SharedFitOptions } from './fitting.js';
import type { HistoryRow, ReportData } from './report/data.js';

/** What a trained model does on the rows that were held out. */
export interface HeldOutResult {
  /** The figure that is printed. */
  readonly measure: string;
  readonly shown: string;
  readonly metrics: { readonly [key: string]: Json };
  readonly report: Pick<ReportData, 'sets' | 'latent' | 'kept' | 'keptLabel' | 'autoencoder'>;
}

/** One model under `train`: what differs between kinds of models. */
export interface Training {
  /** Every setting, with defaults filled in. */
  readonly settings: { readonly [key: string]: Json };
  readonly seed: number;
  /** How a file's integers are meant as targets. */
  readonly task: 'auto' | 'classification' | 'regression';
  /** Whether rows may lack their target. Default false. */
  readonly mayLackTargets?: boolean;
  /** Share of the rows that is held out. */
  readonly heldOut: number;
  /** Rows with what the model takes as targets. @throws DataError, DomainError for bad targets. */
  sampleOf(spec: string, dataset: Dataset): Sample;
  fit(fit: Sample, held: Sample, options: SharedFitOptions): Promise<unknown>;
  evaluate(
    held: Sample,
    history: readonly HistoryRow[],
    context: CommandContext,
  ): Promise<HeldOutResult>;
  toArtifacts(): Promise<Artifacts>;
  dispose(): void;
}
