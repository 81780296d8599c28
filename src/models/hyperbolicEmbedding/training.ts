import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';
import { DataError, DomainError } from '../../errors.js';
import { relationSteps } from '../../ops/relationSteps.js';
import type { RelationStepsOptions } from '../../ops/relationSteps.js';
import { rateFactor } from '../../train/index.js';
import type { TrainCheckpoint, TrainProgress, TrainSnapshot } from '../../train/index.js';
import { aliasTable } from '../../util/aliasTable.js';
import type { Adjacency } from '../../util/graph.js';
import { Rng } from '../../util/rng.js';
import { formatShape } from '../../util/shape.js';
import type { HyperbolicEmbeddingConfig } from './config.js';

export interface EmbeddingFitOptions {
  /** Number of nodes. Default: one more than the largest that a relation names. */
  readonly nodes?: number;
  readonly signal?: AbortSignal | undefined;
  /** Called about three times a second, and at the end of every epoch. A step is a batch. */
  readonly onProgress?: ((progress: TrainProgress) => void) | undefined;
  readonly checkpoint?: TrainCheckpoint | undefined;
  /** Go on from there, as if nothing had happened. */
  readonly resume?: TrainSnapshot | undefined;
}

/** What is trained on: no loops; related says which pairs are relations. */
export interface Relations {
  readonly pairs: Int32Array;
  readonly related: Adjacency;
}

/** Milliseconds that a call of the op aims at: signals and timers are served between calls. */
const CALL_MILLISECONDS = 300;
/** Pairs of the first call, before its speed is known. */
const FIRST_PAIRS = 20_000;

/** The rows of the table after all epochs, [nodes, dim]. */
export async function trainEmbedding(
  config: HyperbolicEmbeddingConfig,
  relations: Relations,
  options: EmbeddingFitOptions,
): Promise<Float32Array> {
  const run = new Training(config, relations, options);
  try {
    return await run.train();
  } finally {
    run.dispose();
  }
}

class Training {
  private readonly shuffle: Rng;
  private readonly noise: Rng;
  private readonly kept: Tensor[] = [];
  private readonly related: { readonly offsets: Tensor; readonly neighbors: Tensor };
  private table: Tensor;
  private readonly stepsPerEpoch: number;
  private readonly begin = performance.now();
  private saved = performance.now();
  private savedStep = 0;
  private firstEpoch = 0;
  private millisecondsPerBatch: number | undefined;

  constructor(
    private readonly config: HyperbolicEmbeddingConfig,
    private readonly relations: Relations,
    private readonly options: EmbeddingFitOptions,
  ) {
    const { nodes, offsets, neighbors } = relations.related;
    const rng = new Rng(config.seed);
    const start = rng.fork(0);
    this.shuffle = rng.fork(1);
    this.noise = rng.fork(2);
    const shape: [number, number] = [nodes, config.dim];
    const { resume } = options;
    if (resume === undefined) {
      const rows = Float32Array.from({ length: nodes * config.dim }, () => {
        return config.initialScale * (2 * start.uniform() - 1);
      });
      this.table = tf.tensor2d(rows, shape);
    } else {
      this.table = resumedTable(resume, shape);
      this.shuffle.restore(resume.shuffle);
      this.firstEpoch = resume.epoch;
      this.savedStep = resume.steps;
    }
    this.related = {
      offsets: this.keep(tf.tensor1d(offsets, 'int32')),
      neighbors: this.keep(tf.tensor1d(neighbors, 'int32')),
    };
    this.stepsPerEpoch = Math.ceil(relations.pairs.length / 2 / config.batchSize);
  }

  async train(): Promise<Float32Array> {
    const { epochs, burnInEpochs } = this.config;
    const weights = this.firstEpoch < burnInEpochs ? this.weights() : undefined;
    for (let epoch = this.firstEpoch; epoch < epochs; epoch++) {
      await this.epoch(epoch, epoch < burnInEpochs ? weights : undefined);
      await this.saveWhenDue(epoch + 1);
    }
    this.options.signal?.throwIfAborted();
    return Float32Array.from(await this.table.data());
  }

  dispose(): void {
    tf.dispose([this.table, ...this.kept]);
  }

  private keep<T extends Tensor>(tensor: T): T {
    this.kept.push(tensor);
    return tensor;
  }

  /** Negatives of the burn-in: nodes that many others are related to come more often. */
  private weights(): RelationStepsOptions['weights'] {
    const { burnInPower } = this.config;
    const { nodes, neighbors } = this.relations.related;
    if (burnInPower === 0) return undefined;
    const counts = new Float64Array(nodes);
    for (const node of neighbors) counts[node]++;
    const { probability, alias } = aliasTable(counts.map((count) => count ** burnInPower));
    return {
      probability: this.keep(tf.tensor1d(probability)),
      alias: this.keep(tf.tensor1d(alias, 'int32')),
    };
  }

  private rate(epoch: number): number {
    const { learningRate, burnInFactor, burnInEpochs, epochs, learningRateDecay } = this.config;
    if (epoch < burnInEpochs) return learningRate * burnInFactor;
    return (
      learningRate * rateFactor(learningRateDecay, epoch - burnInEpochs, epochs - burnInEpochs)
    );
  }

  private async epoch(epoch: number, weights: RelationStepsOptions['weights']): Promise<void> {
    const { geometry, curvature, negatives, batchSize, seed } = this.config;
    const pairs = this.shuffled();
    const count = pairs.length / 2;
    let loss = 0;
    for (let first = 0; first < count;) {
      this.options.signal?.throwIfAborted();
      const size = Math.min(count - first, this.batchesPerCall() * batchSize);
      const start = performance.now();
      const losses = await this.call(pairs.subarray(2 * first, 2 * (first + size)), {
        geometry,
        curvature,
        learningRate: this.rate(epoch),
        negatives,
        batchSize,
        seed,
        pass: epoch,
        first,
        ...(weights && { weights }),
      });
      this.millisecondsPerBatch = (performance.now() - start) / losses.length;
      for (let batch = 0; batch < losses.length; batch++) {
        const rows = Math.min(batchSize, size - batch * batchSize);
        if (!Number.isFinite(losses[batch])) this.fail(losses[batch], epoch);
        loss += losses[batch] * rows;
      }
      first += size;
      this.report(epoch, Math.ceil(first / batchSize), loss / first);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }

  /** How many batches a call takes changes no bit of the result. */
  private batchesPerCall(): number {
    const { batchSize, negatives } = this.config;
    const wanted =
      this.millisecondsPerBatch === undefined
        ? FIRST_PAIRS / (batchSize * (negatives + 1))
        : CALL_MILLISECONDS / Math.max(1e-3, this.millisecondsPerBatch);
    return Math.max(1, Math.round(wanted));
  }

  private async call(pairs: Int32Array, options: RelationStepsOptions): Promise<ArrayLike<number>> {
    const relations = tf.tensor2d(pairs, [pairs.length / 2, 2], 'int32');
    try {
      const { table, losses } = relationSteps(this.table, relations, this.related, options);
      this.table.dispose();
      this.table = table;
      try {
        return await losses.data();
      } finally {
        losses.dispose();
      }
    } finally {
      relations.dispose();
    }
  }

  private shuffled(): Int32Array {
    const { pairs } = this.relations;
    const order = this.shuffle.permutation(pairs.length / 2);
    const out = new Int32Array(pairs.length);
    order.forEach((from, to) => {
      out[2 * to] = pairs[2 * from];
      out[2 * to + 1] = pairs[2 * from + 1];
    });
    return out;
  }

  private report(epoch: number, stepsOfEpoch: number, loss: number): void {
    const { epochs, burnInEpochs } = this.config;
    const step = epoch * this.stepsPerEpoch + stepsOfEpoch;
    const steps = epochs * this.stepsPerEpoch;
    const done = step - this.firstEpoch * this.stepsPerEpoch;
    const secondsElapsed = (performance.now() - this.begin) / 1000;
    this.options.onProgress?.({
      stage: epoch < burnInEpochs ? 'burn-in' : 'embedding',
      epoch: epoch + 1,
      epochs,
      step,
      steps,
      loss,
      parts: {},
      secondsElapsed,
      secondsLeft: (secondsElapsed * (steps - step)) / done,
    });
  }

  private async saveWhenDue(epoch: number): Promise<void> {
    const { checkpoint } = this.options;
    if (checkpoint === undefined) return;
    // Between two epochs only, also when steps are asked for.
    const steps = epoch * this.stepsPerEpoch;
    const isDue =
      performance.now() - this.saved >= 1000 * checkpoint.everySeconds ||
      steps - this.savedStep >= (checkpoint.everySteps ?? Infinity);
    if (!isDue) return;
    const data = Float32Array.from(await this.table.data());
    await checkpoint.save({
      stage: 0,
      epoch,
      steps,
      shuffle: this.shuffle.state,
      noise: this.noise.state,
      variables: [{ dtype: 'float32', shape: [...this.table.shape], data }],
      optimizers: [],
    });
    this.saved = performance.now();
    this.savedStep = steps;
  }

  private fail(loss: number, epoch: number): never {
    throw new DomainError({
      op: 'HyperbolicEmbedding.fit',
      arg: 'the loss',
      expected: 'stay finite',
      got: `${loss} in epoch ${epoch + 1}`,
      fix: 'Lower learningRate.',
    });
  }
}

function resumedTable({ variables }: TrainSnapshot, shape: [number, number]): Tensor {
  const [saved] = variables;
  const got = variables.map((array) => formatShape(array.shape)).join(' ') || 'none';
  if (got !== formatShape(shape) || saved.dtype !== 'float32') {
    throw new DataError({
      op: 'HyperbolicEmbedding.fit',
      arg: 'the checkpoint',
      expected: `hold a table of shape ${formatShape(shape)}`,
      got,
    });
  }
  return tf.tensor2d(Float32Array.from(saved.data), shape);
}
