import * as tf from '@tensorflow/tfjs';
import type { Scalar, Tensor, Tensor2D } from '@tensorflow/tfjs';
import { z } from 'zod';
import { DomainError } from '../../errors.js';
import type { Artifacts } from '../../util/artifacts.js';
import type { Rows, Targets } from '../../util/rows.js';
import {
  Autoencoder,
  autoencoderFields,
  checkShared,
  hiddenLayers,
  planAutoencoder,
  savedConfig,
} from '../autoencoder/index.js';
import type { AutoencoderCore, AutoencoderDefinition, PassOptions } from '../autoencoder/index.js';
import { flag, parseConfig, real, widths } from '../fields.js';
import type { DeepReadonly } from '../fields.js';
import { collectRows } from '../layers/batches.js';
import { runLayers } from '../layers/layer.js';
import type { Layer } from '../layers/layer.js';
import { trainingPass, weightedLoss } from './pass.js';

const OP = 'SupervisedAutoencoder';

const schema = z.strictObject({
  ...autoencoderFields,
  headHidden: widths().default([]),
  taskWeight: real(0).default(1),
  reconstructionWeight: real(0).default(1),
  semiSupervised: flag().default(false),
});

/**
 * Every setting of a {@link SupervisedAutoencoder}: those of all autoencoders (docs/autoencoders.md), and
 *
 * - `headHidden` ([]) units between latents and prediction;
 * - `taskWeight` (1), `reconstructionWeight` (1);
 * - `semiSupervised` (false): rows may come without a target, class -1 or value NaN; they count for
 *   reconstruction only.
 */
export type SupervisedConfig = DeepReadonly<z.output<typeof schema>>;
export type SupervisedConfigInput = DeepReadonly<z.input<typeof schema>>;

/** What the head predicts: classes, or (value - mean) / deviation. */
interface SupervisedFacts {
  readonly [fact: string]: string | number;
  readonly kind: 'class' | 'real';
  readonly outputs: number;
  readonly mean: number;
  readonly deviation: number;
}

const factsSchema = z.object({
  kind: z.enum(['class', 'real']),
  outputs: z.number().int().min(1),
  mean: z.number(),
  deviation: z.number().positive(),
});

type Core = AutoencoderCore<SupervisedConfig, SupervisedFacts>;

const definition: AutoencoderDefinition<SupervisedConfig, SupervisedFacts> = {
  model: 'supervised',
  formatVersion: 1,
  op: OP,
  parse: (value) => {
    const config = checkShared(OP, parseConfig(OP, schema, value));
    if (config.taskWeight + config.reconstructionWeight > 0) return config;
    const expected = 'be above 0 when taskWeight is 0';
    throw new DomainError({ op: OP, arg: 'config.reconstructionWeight', expected, got: '0' });
  },
  targets: 'required',
  facts: (op, config, { targets }) => {
    if (targets === undefined) throw new Error('checked by the base');
    return measureTargets(op, targets, config.semiSupervised);
  },
  readFacts: (value) => factsSchema.parse(value),
  plan: (op, config, rowShape, { outputs }) => {
    const sizes = [config.latentDim, ...config.headHidden];
    const top: Layer = { kind: 'dense', in: sizes[sizes.length - 1], out: outputs, then: 'linear' };
    const head = [...hiddenLayers(config, sizes), top];
    return planAutoencoder(op, config, rowShape, {}, { head });
  },
  loss: (core, batch) => {
    const { taskWeight, reconstructionWeight } = core.config;
    const { latents, reconstruction } = trainingPass(definition, core, batch);
    const { targets } = batch;
    return weightedLoss({
      task: [targets === undefined ? 0 : taskWeight, () => taskLoss(core, latents, targets)],
      reconstruction: [reconstructionWeight, () => reconstruction],
    });
  },
};

/** @throws DomainError for a target out of range, or none at all. */
function measureTargets(op: string, targets: Targets, semiSupervised: boolean): SupervisedFacts {
  const { kind, values } = targets;
  const classes = kind === 'class' ? targets.classes : 0;
  const known = Array.from(values).filter((value, i) => {
    if (semiSupervised && (kind === 'class' ? value === -1 : Number.isNaN(value))) return false;
    const good =
      kind === 'class'
        ? Number.isInteger(value) && value >= 0 && value < classes
        : Number.isFinite(value);
    if (good) return true;
    const rule = kind === 'class' ? `be classes 0 to ${classes - 1}` : 'be finite';
    const expected = semiSupervised
      ? `${rule}, or ${kind === 'class' ? '-1' : 'NaN'} where unknown`
      : rule;
    const isLacking = Number.isNaN(value) || (kind === 'class' && value === -1);
    const fix = isLacking ? 'Set semiSupervised for rows without a target.' : undefined;
    const got = `${value} at row ${i}`;
    const arg = 'options.targets';
    throw new DomainError({ op, arg, expected, got, ...(fix !== undefined && { fix }) });
  });
  if (known.length === 0) {
    const expected = 'have at least one known target';
    throw new DomainError({ op, arg: 'options.targets', expected, got: 'none' });
  }
  if (kind === 'class') return { kind, outputs: classes, mean: 0, deviation: 1 };
  const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
  const squares = known.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { kind, outputs: 1, mean, deviation: Math.sqrt(squares / known.length) || 1 };
}

/** Mean over the rows with a target of cross-entropy or squared error; 0 for a batch without any. */
function taskLoss(core: Core, latents: Tensor2D, targets: Targets | undefined): Scalar {
  if (targets === undefined) return tf.scalar(0);
  const { kind, outputs, mean, deviation } = core.facts;
  const count = targets.values.length;
  const wanted = new Float32Array(count * outputs);
  const known = new Float32Array(count);
  targets.values.forEach((value: number, i: number) => {
    if (Number.isNaN(value) || (kind === 'class' && value < 0)) return;
    known[i] = 1;
    if (kind === 'class') wanted[i * outputs + value] = 1;
    else wanted[i] = (value - mean) / deviation;
  });
  const output = headBatch(core, latents);
  const truth = tf.tensor2d(wanted, [count, outputs]);
  const perRow =
    kind === 'class'
      ? tf.sub(tf.logSumExp(output, 1), tf.sum(tf.mul(output, truth), 1))
      : tf.sum(tf.squaredDifference(output, truth), 1);
  const labelled = Math.max(
    1,
    known.reduce((sum, value) => sum + value, 0),
  );
  return tf.div(tf.sum(tf.mul(perRow, tf.tensor1d(known))), labelled).asScalar();
}

function headBatch(core: Core, latents: Tensor): Tensor {
  return runLayers('head', core.network.chains.head, core.parameters, latents);
}

/**
 * Supervised autoencoder: a head predicts targets from the latents while the decoder reconstructs the rows from
 * them.
 *
 * loss = taskWeight * (cross-entropy or squared error of scaled values) + reconstructionWeight * reconstruction.
 * With `semiSupervised` the first term is the mean over the rows that have a target, so that many rows without
 * one shape the latents and few with one name them. For scores of novelty see `Sage`.
 *
 * Reference: Le, Patterson, White, Supervised autoencoders: improving generalization performance with
 * unsupervised regularizers, 2018, eq. 2; semi-supervised: Rasmus et al., Semi-supervised learning with ladder
 * networks, 2015, without its noise.
 * @example
 * const model = new SupervisedAutoencoder({ semiSupervised: true });
 * await model.fit(x, { targets: { kind: 'class', values: labels, classes: 10 } }); // -1 = unknown
 * await model.predict(test);
 */
export class SupervisedAutoencoder extends Autoencoder<SupervisedConfig, SupervisedFacts> {
  constructor(config: SupervisedConfigInput = {}) {
    super(definition, config);
  }

  /**
   * Predicted class or value of every row.
   * @throws NotFittedError; ShapeError, DomainError for bad rows. The reason of `signal`.
   */
  async predict(x: Rows, options: PassOptions = {}): Promise<Int32Array | Float32Array> {
    const latents = await this.encode(x, options);
    const core = this.core('predict');
    const { kind, outputs, mean, deviation } = core.facts;
    const entry = { rowShape: latents.rowShape, scaler: undefined };
    const { signal } = options;
    const values = await collectRows(entry, latents, outputs, { signal }, (batch) =>
      headBatch(core, batch),
    );
    if (kind === 'real') return values.map((value) => value * deviation + mean);
    return Int32Array.from({ length: x.count }, (_, i) => {
      const row = values.subarray(i * outputs, (i + 1) * outputs);
      return row.indexOf(Math.max(...row));
    });
  }

  /** A fitted model from `toArtifacts`, the same to the bit. @throws DataError */
  static fromArtifacts(artifacts: Artifacts): SupervisedAutoencoder {
    return new SupervisedAutoencoder(savedConfig(definition, artifacts)).restore(artifacts);
  }
}
