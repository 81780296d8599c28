import { matMulSide } from '../src/kernels/wasm/matMul.js';
import { Sage } from '../src/models/index.js';
import type { Rows, Targets } from '../src/util/rows.js';
import { assertClose } from './check.js';
import { firstRows, uniformRows } from './data.js';
import type { BenchCase, Place, PreparedCase, Subject } from './harness.js';
import type { Peers } from './knnCase.js';
import { timePeer } from './sagePeer.js';

const FEATURES = 784;
const CLASSES = 10;
const BATCH = 128;
/** Widths of the default network, from the features to the latents. */
const WIDTHS = [FEATURES, 384, 128, 32] as const;
const OURS = 'tfjs-latent';

/** Multiplications and additions of one row through encoder and decoder. */
const FORWARD = 2 * WIDTHS.slice(1).reduce((sum, width, i) => sum + 2 * WIDTHS[i] * width, 0);

function labelled(rows: number): { readonly x: Rows; readonly y: Targets } {
  const { data } = uniformRows(rows, FEATURES, 1);
  const values = Int32Array.from({ length: rows }, (_, i) => i % CLASSES);
  // Classes that a network can tell apart: one block of features is brighter.
  values.forEach((label, i) => {
    for (let f = 0; f < 20; f++) data[i * FEATURES + label * 20 + f] += 1;
  });
  return {
    x: { data, count: rows, rowShape: [FEATURES] },
    y: { kind: 'class', values, classes: CLASSES },
  };
}

function firstOf(all: ReturnType<typeof labelled>, rows: number): ReturnType<typeof labelled> {
  const { data } = firstRows({ data: all.x.data, rows: all.x.count, d: FEATURES }, rows);
  const values = all.y.values.slice(0, rows) as Int32Array;
  return {
    x: { data, count: rows, rowShape: [FEATURES] },
    y: { kind: 'class', values, classes: CLASSES },
  };
}

const settings = { epochs: 1, batchSize: BATCH, seed: 1, k: 10 } as const;

/** On wasm our matrix product replaces tfjs's: both are timed. */
function bothProducts(
  { backend }: Place,
  run: (items: number) => Promise<void>,
  check: Subject['check'],
): Subject[] {
  const parts = { mayShorten: true, check };
  const ours = { ...parts, name: OURS, isOurs: true, run };
  if (backend !== 'wasm') return [ours];
  const theirs = (items: number): Promise<void> =>
    matMulSide.duringAsync('theirs', () => run(items));
  return [ours, { ...parts, name: "with tfjs's matrix products", isOurs: false, run: theirs }];
}

function prepareScoring(rows: number, bank: number, place: Place): PreparedCase {
  const all = labelled(Math.max(rows, bank));
  let fitted: Promise<Sage> | undefined;
  const model = (): Promise<Sage> => {
    const { x, y } = firstOf(all, bank);
    fitted ??= new Sage(settings).fit(x, y);
    return fitted;
  };
  const score = async (items: number): Promise<void> => {
    await (await model()).score(firstOf(all, items).x);
  };
  const check = async (): Promise<void> => {
    const sage = await model();
    const { x } = firstOf(all, 64);
    const together = await sage.score(x);
    const alone = await sage.score(x, { batchRows: 7 });
    // A score is a share of the calibration rows: rounding may move it past one of them.
    assertClose(together.score, alone.score, 0.02, 1);
  };
  return {
    subjects: bothProducts(place, score, check),
    dispose: () => void fitted?.then((sage) => sage.dispose()),
  };
}

/** The pipeline that the goals are set for: d = 784, latents of 16, a bank of 60,000, k = 25. */
const GOAL = { rows: 20_000, bank: 60_000, latentDim: 16, k: 25 } as const;

/**
 * A fitted model with a bank of the wanted size: its own latents again and again, each a little moved.
 * Training on so many rows would take minutes and change nothing of the work.
 */
async function withBank(metric: 'manhattan' | 'euclidean', bank: number): Promise<Sage> {
  const { x, y } = labelled(4096);
  const { latentDim, k } = GOAL;
  // The plain error as reconstruction test: the peer does not have the other ones.
  const plain = { ...settings, reconstructionTest: 'error' } as const;
  const small = await new Sage({ ...plain, epochs: 3, latentDim, k, metric }).fit(x, y);
  const artifacts = await small.toArtifacts();
  small.dispose();
  const own = artifacts.arrays['bank/latents'].data as Float32Array;
  const moves = uniformRows(bank, latentDim, 2).data;
  const spread = own.reduce((sum, value) => sum + Math.abs(value), 0) / own.length;
  const data = Float32Array.from({ length: bank * latentDim }, (_, i) => {
    return own[i % own.length] + (moves[i] - 0.5) * spread * 0.5;
  });
  const latents = { dtype: 'float32' as const, shape: [bank, latentDim], data };
  return Sage.fromArtifacts({
    ...artifacts,
    arrays: { ...artifacts.arrays, 'bank/latents': latents },
  });
}

function prepareGoal(
  { python }: Peers,
  metric: 'manhattan' | 'euclidean',
  place: Place,
): PreparedCase {
  const { x } = labelled(GOAL.rows);
  let made: Promise<Sage> | undefined;
  const model = (): Promise<Sage> => (made ??= withBank(metric, GOAL.bank));
  const first = (count: number): Rows => ({
    ...x,
    data: x.data.subarray(0, count * FEATURES),
    count,
  });
  const score = async (items: number): Promise<void> => {
    await (await model()).score(first(items), { batchRows: 4096 });
  };
  const check = async (): Promise<void> => {
    const sage = await model();
    const together = await sage.score(first(64));
    const alone = await sage.score(first(64), { batchRows: 7 });
    assertClose(together.score, alone.score, 0.02, 1);
  };
  return {
    subjects: [{ name: OURS, isOurs: true, mayShorten: true, run: score, check }],
    outside: async (budgetMs) => timePeer(python, place, await model(), x, budgetMs),
    dispose: () => void made?.then((sage) => sage.dispose()),
  };
}

function goalCases(peers: Peers): BenchCase[] {
  const widths = [FEATURES, 384, 128, GOAL.latentDim];
  const forward = 4 * widths.slice(1).reduce((sum, width, i) => sum + widths[i] * width, 0);
  return (['manhattan', 'euclidean'] as const).map((metric) => ({
    suite: 'score',
    name: `SAGE, d=${FEATURES} latent ${GOAL.latentDim} bank ${GOAL.bank} k=${GOAL.k}, ${metric}`,
    items: GOAL.rows,
    flops: forward + 2 * GOAL.bank * GOAL.latentDim,
    bytes: 4 * FEATURES * GOAL.rows,
    fast: false,
    prepare: (place) => prepareGoal(peers, metric, place),
  }));
}

/** Scores of rows against a bank of training rows. */
export function scoreCases(peers: Peers): BenchCase[] {
  const small: BenchCase[] = [
    { rows: 2048, bank: 4096, fast: true },
    { rows: 10_000, bank: 20_000, fast: false },
  ].map(({ rows, bank, fast }) => ({
    suite: 'score',
    name: `SAGE, ${rows} rows against a bank of ${bank}`,
    items: rows,
    flops: FORWARD + 2 * bank * WIDTHS[WIDTHS.length - 1],
    bytes: 4 * FEATURES * rows,
    fast,
    prepare: (place) => prepareScoring(rows, bank, place),
  }));
  return [...small, ...goalCases(peers)];
}
