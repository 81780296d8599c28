import type { EpochRecord, Sage, TrainProgress } from '../models/index.js';
import type { Resumed, RunCheckpoint } from './checkpoint.js';
import type { CommandContext } from './context.js';
import type { HistoryRow } from './report/data.js';
import type { Labelled } from './steps.js';

/** Where a run keeps its checkpoint, and what it goes on with. */
export interface KeptRun {
  readonly checkpoint: RunCheckpoint;
  readonly everySeconds: number;
  readonly resumed: Resumed | undefined;
}

/** Fit with a progress bar; returns the history of the run, one row per epoch. */
export async function fitForCommand(
  model: Sage,
  fit: Labelled,
  calibration: Labelled,
  { terminal, signal }: CommandContext,
  kept?: KeptRun,
): Promise<HistoryRow[]> {
  const history: HistoryRow[] = [...(kept?.resumed?.history ?? [])];
  const step = terminal.step('train', 'steps');
  const onProgress = ({ epoch, epochs, loss, ...at }: TrainProgress): void => {
    step.update(at.step, at.steps, `| epoch ${epoch}/${epochs}, loss ${loss.toPrecision(3)}`);
  };
  const onEpochEnd = ({ epoch, stage, loss, parts, validation }: EpochRecord): void => {
    history.push({
      epoch,
      stage,
      loss,
      ...lossColumns(parts),
      ...(validation && { validationLoss: validation.loss }),
    });
  };
  try {
    await model.fit(fit.x, fit.targets, {
      calibration,
      signal,
      onProgress,
      onEpochEnd,
      resume: kept?.resumed?.snapshot,
      checkpoint: kept && {
        everySeconds: kept.everySeconds,
        save: (snapshot) => kept.checkpoint.save(snapshot, history),
      },
    });
    step.end(`${history.length} epochs of ${fit.x.count} rows`);
    return history;
  } catch (error) {
    step.cancel();
    throw error;
  }
}

/** Parts of the loss as columns of the history: `task` becomes `taskLoss`. */
function lossColumns(parts: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(parts).map(([name, value]) => [`${name}Loss`, value]));
}
