import { DataError, DomainError } from '../errors.js';
import { addMissingGradients } from '../ops/missingGradients.js';
import { Rng } from '../util/rng.js';
import { checkCount, checkNumber } from './checks.js';
import { Clock } from './clock.js';
import { checkOptimizer } from './optimizer.js';
import { checkSchedule } from './schedule.js';
import { StageRun } from './stageRun.js';
import type { LoopState } from './stageRun.js';
import { checkStopping } from './stopping.js';
import { assignSaved } from './trainOptimizer.js';
import type { TrainLoopOptions, TrainResult, TrainStage } from './types.js';

const OP = 'train';

/**
 * Minimise the losses of the stages, one after the other: every epoch visits all rows in a new seeded
 * order. The same seed, data and backend give bit-identical variables, also when training goes on from
 * any of its checkpoints.
 *
 * Losses stay on the device and are read with `await data()` about every 20 steps. The caller owns the
 * variables; optimisers and all temporaries are gone when the promise settles, also by an error.
 *
 * A stage with `stopping` ends with the variables of its best epoch, also when it fails because a loss is
 * not finite; without it a failed or aborted run leaves the variables as its last step left them. Checkpoints
 * are made of steps whose losses have been read, and of finite variables only, so the last one is good.
 *
 * @returns The epochs. @throws The reason of `signal` when it aborts. DomainError for an option out of
 * range, DataError for a checkpoint of other variables, both before a variable is changed. DivergenceError
 * (a DomainError) naming stage, step, part and the last checkpoint when a loss or a weight is NaN or
 * infinite.
 */
export async function trainLoop(options: TrainLoopOptions): Promise<TrainResult> {
  checkOptions(options);
  // Losses may use them.
  addMissingGradients();
  const { resume } = options;
  const rng = new Rng(options.seed);
  // Forked up front: the order of rows must not depend on how much randomness the steps use.
  const [shuffle, noise] = [rng.fork(0), rng.fork(1)];
  const all = new Set(
    options.stages.flatMap(({ groups }) => groups.flatMap(({ variables }) => variables)),
  );
  const state: LoopState = {
    shuffle,
    noise,
    clock: new Clock(options),
    variables: [...all, ...(options.moved ?? [])],
    history: [...(resume?.history ?? [])],
    saved: performance.now(),
    savedStep: resume?.steps,
    stopped: false,
  };
  if (resume !== undefined) {
    assignSaved('variables', state.variables, resume.variables);
    shuffle.restore(resume.shuffle);
    noise.restore(resume.noise);
    state.clock.resume(resume);
  }
  let best: TrainResult['best'];
  for (let position = resume?.stage ?? 0; position < options.stages.length; position++) {
    if (state.stopped) break;
    const run = new StageRun(position, options, state);
    await run.run();
    const { bestEpoch } = run.stopper;
    if (bestEpoch !== undefined) best = { epoch: bestEpoch.epoch, value: bestEpoch.value };
  }
  const { history, stopped, clock } = state;
  return { history, steps: clock.steps, stopped, ...(best && { best }) };
}

function checkOptions({ rows, batchSize, stages, stepsPerRead, ...rest }: TrainLoopOptions): void {
  checkCount(OP, 'rows', rows);
  checkCount(OP, 'batchSize', batchSize);
  if (stepsPerRead !== undefined) checkCount(OP, 'stepsPerRead', stepsPerRead);
  const { everySteps, everySeconds = 0 } = rest.checkpoint ?? {};
  if (everySteps !== undefined) checkCount(OP, 'checkpoint.everySteps', everySteps);
  if (!(everySeconds >= 0)) {
    const got = String(everySeconds);
    const expected = 'be a number >= 0, or Infinity';
    throw new DomainError({ op: OP, arg: 'checkpoint.everySeconds', expected, got });
  }
  stages.forEach((stage, i) => checkStage(`stages[${i}]`, stage));
  checkResume(stages, Math.ceil(rows / batchSize), rest.resume);
}

function checkStage(arg: string, stage: TrainStage): void {
  const { decay, optimizer, clip, validation, stopping } = stage;
  checkSchedule(OP, `${arg}.decay`, decay);
  if (optimizer !== undefined) checkOptimizer(OP, `${arg}.optimizer`, optimizer);
  const { norm = 1, value = 1 } = clip ?? {};
  checkNumber(OP, `${arg}.clip.norm`, norm, norm > 0, 'be a finite number > 0');
  checkNumber(OP, `${arg}.clip.value`, value, value > 0, 'be a finite number > 0');
  if (validation !== undefined) {
    checkCount(OP, `${arg}.validation.rows`, validation.rows);
    checkCount(OP, `${arg}.validation.batchSize`, validation.batchSize ?? 1);
  }
  const hasValidation = validation !== undefined;
  if (stopping !== undefined) checkStopping(OP, `${arg}.stopping`, stopping, hasValidation);
}

/** @throws DataError when the place in the training that a checkpoint stands at does not exist. */
function checkResume(
  stages: readonly TrainStage[],
  stepsPerEpoch: number,
  resume: TrainLoopOptions['resume'],
): void {
  if (resume === undefined) return;
  const { stage, epoch, within, optimizers } = resume;
  const here = stages[stage] as TrainStage | undefined;
  const isPlace =
    here !== undefined &&
    epoch <= here.epochs &&
    (within?.batches ?? 0) < stepsPerEpoch &&
    optimizers.length === here.groups.length;
  if (isPlace) return;
  throw new DataError({
    op: OP,
    arg: 'the checkpoint',
    expected: 'be of the same stages, groups, epochs and number of steps in an epoch',
    got: `stage ${stage}, epoch ${epoch}, step ${within?.batches ?? 0} of it, ${optimizers.length} groups`,
  });
}
