import type {
  EpochRecord,
  TrainCheckpoint,
  TrainProgress,
  TrainSnapshot,
} from '../models/index.js';
import type { Resumed, RunCheckpoint } from './checkpoint.js';
import type { CommandContext } from './context.js';
import type { HistoryRow } from './report/data.js';

/** Where a run keeps its checkpoint, and what it goes on with. */
export interface KeptRun {
  readonly checkpoint: RunCheckpoint;
  readonly everySeconds: number;
  readonly resumed: Resumed | undefined;
}

/** Options that the fit of every model takes. */
export interface SharedFitOptions {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: TrainProgress) => void;
  readonly onEpochEnd: (epoch: EpochRecord) => void;
  readonly resume: TrainSnapshot | undefined;
  readonly checkpoint: TrainCheckpoint | undefined;
}

/** Parts of progress that count something and are no losses: their columns have their own names. */
const MEASURES: ReadonlySet<string> = new Set(['live', 'effectiveRank']);

/**
 * Fit with a progress bar; returns the history of the run, one row per epoch.
 * @param fit Fits a model with the options given. @param count Number of its training rows.
 */
export async function fitForCommand(
  fit: (options: SharedFitOptions) => Promise<unknown>,
  count: number,
  { terminal, signal }: CommandContext,
  kept?: KeptRun,
): Promise<HistoryRow[]> {
  const history: HistoryRow[] = [...(kept?.resumed?.history ?? [])];
  const step = terminal.step('train', 'steps');
  const onProgress = ({ epoch, epochs, loss, parts, ...at }: TrainProgress): void => {
    const measures = Object.entries(parts).filter(([name]) => MEASURES.has(name));
    const shown = measures.map(([name, value]) => `, ${value.toFixed(1)} ${name}`).join('');
    const note = `| epoch ${epoch}/${epochs}, loss ${loss.toPrecision(3)}${shown}`;
    step.update(at.step, at.steps, note);
  };
  const onEpochEnd = ({ epoch, stage, loss, parts, validation }: EpochRecord): void => {
    history.push({
      epoch,
      stage,
      loss,
      ...partColumns(parts),
      ...(validation && { validationLoss: validation.loss }),
    });
  };
  try {
    await fit({
      signal,
      onProgress,
      onEpochEnd,
      resume: kept?.resumed?.snapshot,
      checkpoint: kept && {
        everySeconds: kept.everySeconds,
        save: (snapshot) => kept.checkpoint.save(snapshot, history),
      },
    });
    step.end(`${history.length} epochs of ${count} rows`);
    return history;
  } catch (error) {
    step.cancel();
    throw error;
  }
}

/** Parts of the loss as columns of the history: `task` becomes `taskLoss`. */
function partColumns(parts: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(parts).map(([name, value]) => [
      MEASURES.has(name) ? name : `${name}Loss`,
      value,
    ]),
  );
}
