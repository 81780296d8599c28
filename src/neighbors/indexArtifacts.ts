import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import { DataError } from '../errors.js';
import type { CustomMetric } from '../ops/customMetric.js';
import { prepareMetric } from '../ops/metricRows.js';
import type { PreparedMetric } from '../ops/metricRows.js';
import { MODES } from '../specs/metricForm.js';
import type { MetricForm } from '../specs/metricForm.js';
import { METRICS, resolveMetric } from '../specs/metric.js';
import { checkFormat } from '../util/artifacts.js';
import type { Artifacts, Json, SavedArray } from '../util/artifacts.js';
import { formatShape, sizeOf } from '../util/shape.js';
import type { SearchOptions } from './options.js';
import type { Side } from './sides.js';

/** Name and format version of a saved index. */
const [MODEL, FORMAT] = ['knnIndex', 1] as const;

const OP = 'KnnIndex.load';

export interface LoadIndexOptions {
  /** The custom metric that the index was made with. */
  readonly metric?: CustomMetric;
}

/** What an index is made of. */
export interface IndexState {
  readonly options: SearchOptions;
  readonly origin: readonly number[] | undefined;
  readonly form: MetricForm;
  readonly features: number;
  readonly nextId: number;
  readonly side: Side | undefined;
  readonly ids: Int32Array;
}

export interface SavedIndex {
  readonly options: SearchOptions;
  readonly origin: readonly number[] | undefined;
  readonly metric: PreparedMetric;
  readonly features: number;
  readonly nextId: number;
  readonly ids: Int32Array;
  /** Put the rows on the device. */
  readonly makeSide: () => Side;
}

const numbers = z.array(z.number());
const configSchema = z.object({
  metric: z.union([z.object({ name: z.enum(METRICS) }), z.object({ custom: z.string() })]),
  form: z.string(),
  mode: z.enum(MODES),
  // JSON has no infinity.
  p: z.union([z.number(), z.literal('Infinity')]).optional(),
  c: z.number().optional(),
  VI: z.array(numbers).optional(),
  V: numbers.optional(),
  origin: numbers.optional(),
  features: z.number().int().min(0),
  nextId: z.number().int().min(0),
});
type Config = z.infer<typeof configSchema>;

/** Rows as features of the metric, so that loading computes nothing anew. */
export async function indexToArtifacts(state: IndexState): Promise<Artifacts> {
  const { options, origin, form, features, nextId, side, ids } = state;
  const { metric = 'euclidean', mode = 'exact', p, c, VI, V } = options;
  const config: { [key: string]: Json } = {
    metric:
      typeof metric === 'object' ? { custom: metric.name } : { name: resolveMetric(OP, metric) },
    form: form.key,
    mode,
    features,
    nextId,
    ...(p === undefined ? {} : { p: p === Infinity ? 'Infinity' : p }),
    ...(c === undefined ? {} : { c }),
    ...(VI === undefined ? {} : { VI: VI.map((row) => [...row]) }),
    ...(V === undefined ? {} : { V: Array.from(V) }),
    ...(origin === undefined ? {} : { origin: [...origin] }),
  };
  const arrays: { [name: string]: SavedArray } = {
    'bank/ids': { dtype: 'int32', shape: [ids.length], data: ids },
  };
  if (side !== undefined) {
    arrays['bank/rows'] = await saved(side.rows);
    if (side.aux !== undefined) arrays['bank/aux'] = await saved(side.aux);
  }
  return { model: MODEL, formatVersion: FORMAT, config, arrays };
}

async function saved(tensor: tf.Tensor): Promise<SavedArray> {
  const data = Float32Array.from(await tensor.data<'float32'>());
  return { dtype: 'float32', shape: tensor.shape.slice(1), data };
}

/** @throws DataError naming what does not fit. */
export function readIndexArtifacts(artifacts: Artifacts, given: LoadIndexOptions): SavedIndex {
  const config = readConfig(artifacts);
  const options = optionsOf(config, given);
  const metric = prepareMetric(OP, options, config.features);
  if (metric.form.key !== config.form) {
    const got = 'another one';
    throw new DataError({ op: OP, arg: 'metric', expected: 'be the one that was saved', got });
  }
  const { arrays } = artifacts;
  const ids = Int32Array.from(arrayOf(arrays, 'bank/ids', 'int32', [-1]).data);
  const isAscending = ids.every((id, i) => id >= 0 && (i === 0 || id > ids[i - 1]));
  if (!isAscending) {
    const arg = "array 'bank/ids'";
    throw new DataError({ op: OP, arg, expected: 'be ascending', got: 'ids out of order' });
  }
  const n = ids.length;
  const rows = n === 0 ? undefined : arrayOf(arrays, 'bank/rows', 'float32', [n, -1]);
  const aux = metric.form.family === 'expression' ? metric.form.aux : 0;
  const scalars =
    n === 0 || aux === 0 ? undefined : arrayOf(arrays, 'bank/aux', 'float32', [n, aux]);
  const tensor = ({ data, shape }: SavedArray): tf.Tensor3D =>
    tf.tensor3d(Float32Array.from(data), [1, shape[0], shape[1]]);
  return {
    options,
    origin: config.origin,
    metric,
    features: config.features,
    nextId: config.nextId,
    ids,
    makeSide: () => ({
      rows: rows === undefined ? tf.zeros([1, 0, config.features]) : tensor(rows),
      aux: scalars === undefined ? undefined : tensor(scalars),
    }),
  };
}

function readConfig(artifacts: Artifacts): Config {
  checkFormat(OP, artifacts, MODEL, FORMAT, 'build the index again');
  const parsed = configSchema.safeParse(artifacts.config);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0];
  const arg = ['config', ...path].join('.');
  throw new DataError({ op: OP, arg, expected: 'be as KnnIndex.save wrote it', got: message });
}

function optionsOf(config: Config, given: LoadIndexOptions): SearchOptions {
  const { mode, p, c, VI, V, origin } = config;
  return {
    metric: metricOf(config, given),
    mode,
    ...(p === undefined ? {} : { p: p === 'Infinity' ? Infinity : p }),
    ...(c === undefined ? {} : { c }),
    ...(VI === undefined ? {} : { VI }),
    ...(V === undefined ? {} : { V }),
    ...(origin === undefined ? {} : { origin }),
  };
}

function metricOf(
  { metric }: Config,
  given: LoadIndexOptions,
): NonNullable<SearchOptions['metric']> {
  if ('name' in metric) return metric.name;
  if (given.metric !== undefined) return given.metric;
  throw new DataError({
    op: OP,
    arg: 'metric',
    expected: `be given: the index was made with the custom metric '${metric.custom}'`,
    got: 'undefined',
  });
}

function arrayOf(
  arrays: Artifacts['arrays'],
  name: string,
  dtype: SavedArray['dtype'],
  shape: readonly number[],
): SavedArray {
  const arg = `array '${name}'`;
  const array = Object.hasOwn(arrays, name) ? arrays[name] : undefined;
  if (array === undefined) {
    throw new DataError({ op: OP, arg, expected: 'be there', got: 'none' });
  }
  const fits =
    array.shape.length === shape.length &&
    shape.every((size, axis) => size === -1 || size === array.shape[axis]) &&
    array.data.length === sizeOf(array.shape);
  if (array.dtype !== dtype || !fits) {
    const expected = `be ${dtype} of shape ${formatShape(shape)}`;
    const got = `${array.dtype} of shape ${formatShape(array.shape)}`;
    throw new DataError({ op: OP, arg, expected, got });
  }
  return array;
}
