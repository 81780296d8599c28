/** Train a model and score every set with it: the part of the SAGE examples that takes time. */
import { auroc } from '../../src/metrics/index.js';
import { startBackend } from '../../src/backends/index.js';
import { Sage } from '../../src/models/index.js';
import type { SageConfigInput, SageScores } from '../../src/models/index.js';
import type { Rows, Targets } from '../../src/util/rows.js';

export interface Labelled {
  readonly x: Rows;
  readonly targets: Targets;
}

/** What a set is for: performance is measured on all that have targets, AUROC against 'test'. */
export type SetKind = 'train' | 'test' | 'deformed' | 'strange';

export interface StudySet {
  readonly name: string;
  readonly kind: SetKind;
  readonly x: Rows;
  readonly targets?: Targets;
}

/** Rows to train on and sets to score; a cross-validation has several. */
export interface Fold {
  readonly train: Labelled;
  readonly sets: readonly StudySet[];
}

/** A model without scores, whose error is looked at beside SAGE's own head. */
export interface PlainModel {
  readonly name: string;
  fit(train: Labelled): (x: Rows) => ArrayLike<number>;
}

export interface StudyModel {
  readonly name: string;
  readonly config: SageConfigInput;
  /** Only so many of the training rows. */
  readonly trainRows?: number;
  /** What its training runs on; default: what scores. */
  readonly trainBackend?: string | undefined;
}

export const SCORES = ['ensemble', 'distance', 'reconstruction', 'task'] as const;
export type ScoreName = (typeof SCORES)[number];
export type PerScore = Readonly<Record<ScoreName, number>>;

/** The scores of a set, all folds one after the other. */
export interface ScoredSet {
  readonly name: string;
  readonly kind: SetKind;
  readonly values: Readonly<Record<ScoreName, ArrayLike<number>>>;
  readonly ranking: ArrayLike<number>;
  /** Predictions by the name of the predictor, for sets with targets. */
  readonly predictions: Readonly<Record<string, ArrayLike<number>>>;
  readonly targets?: ArrayLike<number>;
  /** Mean over folds; absent for training and test rows. */
  readonly auroc?: PerScore;
}

export interface ModelResult {
  readonly name: string;
  readonly config: SageConfigInput;
  readonly epochs: number;
  readonly trainRows: number;
  readonly backend: string;
  readonly sets: readonly ScoredSet[];
}

export const HEAD = "SAGE's head";

type Say = (line: string) => void;

/** Train a model on every fold and score its sets. */
export async function scoreModel(
  model: StudyModel,
  folds: readonly Fold[],
  plain: PlainModel | undefined,
  options: { readonly backend: string; readonly say: Say },
): Promise<ModelResult> {
  const perFold: FoldSet[][] = [];
  let epochs = 0;
  let trainRows = 0;
  for (const [i, fold] of folds.entries()) {
    const train = limit(fold.train, model.trainRows);
    trainRows = train.x.count;
    const where = folds.length > 1 ? ` (fold ${i + 1} of ${folds.length})` : '';
    options.say(`${model.name}${where}: training on ${trainRows} rows`);
    const trained = await fitAndMove(model, train, options, (n) => (epochs = n));
    const predict = plain?.fit(train);
    const scored: FoldSet[] = [];
    for (const set of fold.sets) {
      const scores = await trained.score(set.x, set.targets && { targets: set.targets });
      const own = { [HEAD]: scores.prediction as ArrayLike<number> };
      const other = plain && predict ? { [plain.name]: predict(set.x) } : {};
      const test = scored.find(({ kind }) => kind === 'test');
      scored.push(toSet(set, scores, { ...other, ...own }, test));
      options.say(`${model.name}${where}: scored ${set.x.count} rows of ${set.name}`);
    }
    trained.dispose();
    perFold.push(scored);
  }
  const sets = perFold[0].map((_, s) => joinSets(perFold.map((fold) => fold[s])));
  const { name, config } = model;
  return { name, config, epochs, trainRows, backend: options.backend, sets };
}

/** Train on one backend and score on another: some train what others only run. */
async function fitAndMove(
  { config, trainBackend }: StudyModel,
  train: Labelled,
  { backend, say }: { readonly backend: string; readonly say: Say },
  onEpochs: (epochs: number) => void,
): Promise<Sage> {
  const isMoved = trainBackend !== undefined && trainBackend !== backend;
  if (isMoved) await startBackend({ prefer: trainBackend });
  const sage = new Sage(config);
  let last = performance.now();
  await sage.fit(train.x, train.targets, {
    onProgress: ({ epoch, epochs, loss }) => {
      onEpochs(epochs);
      if (performance.now() - last < 20_000) return;
      last = performance.now();
      say(`  epoch ${epoch} of ${epochs}, loss ${loss.toPrecision(3)}`);
    },
  });
  if (!isMoved) return sage;
  const artifacts = await sage.toArtifacts();
  sage.dispose();
  await startBackend({ prefer: backend });
  return Sage.fromArtifacts(artifacts);
}

function limit({ x, targets }: Labelled, rows: number | undefined): Labelled {
  if (rows === undefined || rows >= x.count) return { x, targets };
  const size = x.data.length / x.count;
  return {
    x: { ...x, data: x.data.subarray(0, rows * size), count: rows },
    targets:
      targets.kind === 'class'
        ? { ...targets, values: targets.values.subarray(0, rows) }
        : { ...targets, values: targets.values.subarray(0, rows) },
  };
}

function toSet(
  { name, kind, targets }: StudySet,
  scores: SageScores,
  predictions: Readonly<Record<string, ArrayLike<number>>>,
  test: FoldSet | undefined,
): FoldSet {
  const { score, distance, reconstruction, task, ranking } = scores;
  const order = orderOf(scores);
  const base = kind === 'train' || kind === 'test' ? undefined : test?.order;
  return {
    name,
    kind,
    values: { ensemble: score, distance, reconstruction, task },
    ranking,
    predictions,
    order,
    ...(targets === undefined ? {} : { targets: targets.values }),
    ...(base === undefined ? {} : { auroc: perScore((s) => auroc(base[s], order[s])) }),
  };
}

type Order = Readonly<Record<ScoreName, ArrayLike<number>>>;

/** A set of one fold, with what its scores order rows by. */
interface FoldSet extends ScoredSet {
  readonly order: Order;
}

/** What each score orders rows by; raw values, since probabilities end at 1 / (n + 1). */
function orderOf({ ranking, raw }: SageScores): Order {
  const negated = (values: ArrayLike<number>): Float64Array => Float64Array.from(values, (v) => -v);
  return {
    ensemble: ranking,
    distance: negated(raw.distance),
    reconstruction: negated(raw.reconstruction),
    task: negated(raw.task),
  };
}

export function perScore(value: (name: ScoreName) => number): PerScore {
  return {
    ensemble: value('ensemble'),
    distance: value('distance'),
    reconstruction: value('reconstruction'),
    task: value('task'),
  };
}

/** One set of all folds: rows one after the other, areas averaged. */
function joinSets(parts: readonly ScoredSet[]): ScoredSet {
  const [first] = parts;
  const join = (pick: (set: ScoredSet) => ArrayLike<number>): Float64Array =>
    Float64Array.from(parts.flatMap((set) => Array.from(pick(set))));
  const areas = parts.flatMap(({ auroc: area }) => (area === undefined ? [] : [area]));
  const mean = (name: ScoreName): number =>
    areas.reduce((sum, area) => sum + area[name], 0) / areas.length;
  const { name, kind } = first;
  return {
    name,
    kind,
    values: {
      ensemble: join(({ values }) => values.ensemble),
      distance: join(({ values }) => values.distance),
      reconstruction: join(({ values }) => values.reconstruction),
      task: join(({ values }) => values.task),
    },
    ranking: join(({ ranking }) => ranking),
    predictions: Object.fromEntries(
      Object.keys(first.predictions).map((key) => [key, join((set) => set.predictions[key])]),
    ),
    ...(first.targets === undefined ? {} : { targets: join(({ targets }) => targets ?? []) }),
    ...(areas.length === 0 ? {} : { auroc: perScore(mean) }),
  };
}
