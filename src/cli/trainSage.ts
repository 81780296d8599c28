import type { Sample } from '../data/index.js';
import type { Sage } from '../models/index.js';
import type { Json } from '../util/artifacts.js';
import { sliceRows } from '../util/rows.js';
import type { CommandContext } from './context.js';
import { compareSets, formatResult, keptJson, targetResult } from './evaluation.js';
import { drawLatents, LATENT_POINTS } from './latentSample.js';
import { requireTargets } from './steps.js';
import type { Labelled } from './steps.js';
import type { HeldOutResult, Training } from './training.js';

/** SAGE under `train`; the rows held out calibrate its scores. */
export function sageTraining(model: Sage): Training {
  const { config } = model;
  return {
    settings: config as unknown as { readonly [key: string]: Json },
    seed: config.seed,
    task: config.task,
    heldOut: config.calibrationFraction,
    sampleOf: (spec, dataset) => {
      const { x, targets } = requireTargets('train', spec, dataset);
      return { x, y: targets };
    },
    fit: (fit, held, options) => {
      const { x, targets } = labelled(fit);
      return model.fit(x, targets, { calibration: labelled(held), ...options });
    },
    evaluate: (held, _, context) => evaluateHeldOut(model, labelled(held), context),
    toArtifacts: () => model.toArtifacts(),
    dispose: () => model.dispose(),
  };
}

/** `sampleOf` gave every row a target. */
function labelled({ x, y }: Sample): Labelled {
  if (y === undefined) throw new Error('the split lost the targets');
  return { x, targets: y };
}

/** Accuracy or error on the held-out rows, all of them and those kept by score, and their figures. */
async function evaluateHeldOut(
  model: Sage,
  { x, targets }: Labelled,
  { signal }: CommandContext,
): Promise<HeldOutResult> {
  const scores = await model.score(x, { signal, targets });
  const latents = await model.encode(sliceRows(x, 0, LATENT_POINTS.reference));
  const result = targetResult(scores, targets);
  const { measure, overall, curve } = result;
  const isClass = targets.kind === 'class';
  const set = 'held-out rows';
  return {
    measure,
    shown: formatResult(measure, overall),
    metrics: {
      [isClass ? 'testAccuracy' : 'testRmse']: overall,
      heldOutRows: x.count,
      auroc: {},
      kept: keptJson(result),
    },
    report: {
      sets: compareSets([{ name: set, scores }]),
      latent: drawLatents([{ set, latents, ...(isClass ? { labels: targets.values } : {}) }]),
      kept: curve,
      keptLabel: measure,
    },
  };
}
