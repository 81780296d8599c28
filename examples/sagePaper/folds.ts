/** Rows for the studies: folds of a cross-validation, evenly spread samples, made-up rows. */
import { Rng } from '../../src/util/rng.js';
import { takeRows, takeTargets } from '../../src/util/rows.js';
import type { Labelled } from './scoring.js';

/** The rows with the given indices. */
export function take({ x, targets }: Labelled, rows: ArrayLike<number>): Labelled {
  return { x: takeRows(x, rows), targets: takeTargets(targets, rows) };
}

/** `count` rows (or all), evenly spread, in order. */
export function spread(all: Labelled, count: number | undefined): Labelled {
  const rows = Math.min(count ?? all.x.count, all.x.count);
  if (rows === all.x.count) return all;
  return take(
    all,
    Array.from({ length: rows }, (_, i) => Math.floor((i * all.x.count) / rows)),
  );
}

/** Every row is in the test part of exactly one fold. */
export function crossValidation(
  all: Labelled,
  folds: number,
  seed: number,
): { readonly train: Labelled; readonly test: Labelled }[] {
  const order = new Rng(seed).permutation(all.x.count);
  return Array.from({ length: folds }, (_, fold) => ({
    train: take(
      all,
      order.filter((_row, i) => i % folds !== fold),
    ),
    test: take(
      all,
      order.filter((_row, i) => i % folds === fold),
    ),
  }));
}

/** Rows like Abalone's: three columns for the sex, seven sizes of one animal, a target that they tell. */
export function madeUpTable(count: number, seed: number): Labelled {
  const rng = new Rng(seed);
  const data = new Float32Array(count * 10);
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    data[i * 10 + rng.int(3)] = 1;
    const size = Math.exp(0.4 * rng.normal());
    for (let j = 3; j < 10; j++) data[i * 10 + j] = size * (1 + 0.1 * rng.normal());
    values[i] = 10 * size * (1 + 0.2 * rng.normal());
  }
  return { x: { data, count, rowShape: [10] }, targets: { kind: 'real', values } };
}

/** Colour images of two classes, a bright disc and a bright bar, somewhere on noise. */
export function madeUpImages(count: number, side: number, seed: number): Labelled {
  const rng = new Rng(seed);
  const data = new Float32Array(count * side * side * 3);
  const values = Int32Array.from({ length: count }, (_, i) => i % 2);
  for (let i = 0; i < count; i++) {
    const centre = [side * (0.35 + 0.3 * rng.uniform()), side * (0.35 + 0.3 * rng.uniform())];
    for (let p = 0; p < side * side; p++) {
      const [dy, dx] = [Math.floor(p / side) - centre[0], (p % side) - centre[1]];
      const isBright = values[i] === 0 ? dx * dx + dy * dy < 30 : Math.abs(dx) < 3;
      for (let c = 0; c < 3; c++) {
        data[(i * side * side + p) * 3 + c] =
          (isBright ? 0.7 : 0.2) + 0.1 * (rng.uniform() + c / 3);
      }
    }
  }
  const x = { data, count, rowShape: [side, side, 3] };
  return { x, targets: { kind: 'class', values, classes: 2 } };
}
