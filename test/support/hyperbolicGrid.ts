import { expect, it } from 'vitest';
import * as lorentz from '../../src/ops/lorentz.js';
import * as poincare from '../../src/ops/poincare.js';
import { lorentz as oracle, numberOf, vectorOf } from '../reference/hyperbolic.js';
import type { Vector } from '../reference/hyperbolic.js';
import type { Matrix } from './arbitraries.js';
import type { BackendContext } from './backends.js';
import { directions, pointAt, wantedOf } from './hyperbolicCases.js';
import type { HyperbolicCase, Model, Wanted } from './hyperbolicCases.js';
import { expectWanted, valuesOf } from './hyperbolicSuite.js';

const ANGLES = [0, 1e-6, 1e-4, 1e-2, 1, Math.PI];

/** Pairs of points in a plane, of all radii on both sides and all angles between them. */
function gridOf(model: Model, radii: readonly number[]): [Matrix, Matrix] {
  const [x, y]: [Matrix, Matrix] = [[], []];
  for (const first of radii) {
    for (const second of radii) {
      for (const angle of ANGLES) {
        x.push(pointAt(model, [Math.cos(0.3), Math.sin(0.3)], first));
        y.push(pointAt(model, [Math.cos(0.3 + angle), Math.sin(0.3 + angle)], second));
      }
    }
  }
  return [x, y];
}

const grids = new Map<string, { args: [Matrix, Matrix]; wanted: Wanted[] }>();

/** Declare that maps of pairs hold on the whole grid of radii and angles. */
export function declareGrid(
  context: BackendContext,
  cases: readonly HyperbolicCase[],
  radii: readonly number[],
): void {
  it.each(['dist', 'logMap'])('reference: %s on the grid of radii and angles', async (name) => {
    const entry = cases.find((candidate) => candidate.name === name);
    if (entry === undefined) throw new Error(`no case ${name}`);
    let grid = grids.get(name);
    if (grid === undefined) {
      // The oracle of log is slow: every other radius.
      const thin = name === 'dist' ? radii : radii.filter((_r, i) => i % 2 === 0);
      const [x, y] = gridOf(entry.model, thin);
      const wanted = x.map((row, i) => wantedOf(entry, [row, y[i]], 1));
      grid = { args: [x, y], wanted };
      grids.set(name, grid);
    }
    const { args, wanted } = grid;
    const got = await valuesOf(context.run(() => entry.call(args, 1, [])));
    expectWanted(context, got, wanted);
  });
}

interface Row {
  readonly radius: number;
  readonly other?: number;
  /** Largest relative error allowed, rounding of the coordinates included. */
  readonly error: number;
}

type PairClass = 'far' | 'near' | 'radial';

/** Point pairs of a class before rounding, on the hyperboloid, with their distance. */
function pairsOf(
  kind: PairClass,
  { radius, other = radius }: Row,
  count: number,
): { x: Vector; y: Vector; d: Vector[number] }[] {
  const one = numberOf(1);
  const at = (unit: readonly number[], r: number): Vector =>
    vectorOf(unit).map((v) => v.times(numberOf(r).sinh()));
  const [units, turns] = [directions(count, 4, 21), directions(count, 4, 22)];
  return units.map((unit, i) => {
    const x = at(unit, radius);
    if (kind !== 'near') {
      const y = at(kind === 'far' ? turns[i] : unit, other);
      return { x, y, d: oracle.dist(x, y, one) };
    }
    // The end of a step of length 0.1.
    const v = vectorOf(turns[i]);
    const step = v.map((value) => value.times(0.1).div(oracle.norm(x, v, one)));
    const y = oracle.expMap(x, step, one);
    return { x, y, d: oracle.dist(x, y, one) };
  });
}

/**
 * Declare the relative error of distances when points are rounded to float32 first, by classes of pairs:
 * random directions, 0.1 apart, and one behind the other.
 */
export function declareAccuracy(
  context: BackendContext,
  model: Model,
  table: Readonly<Record<PairClass, readonly Row[]>>,
): void {
  it.each(Object.entries(table))(
    'reference: distances of %s pairs of rounded points',
    async (kind, rows) => {
      for (const row of rows) {
        const pairs = pairsOf(kind as PairClass, row, 50);
        const stored = (side: 'x' | 'y'): Matrix =>
          pairs.map(({ [side]: point }) => {
            const square = point.reduce((sum, v) => sum.plus(v.times(v)), numberOf(0));
            const below = model === 'poincare' ? square.plus(1).sqrt().plus(1) : numberOf(1);
            return point.map((v) => Math.fround(v.div(below).toNumber()));
          });
        const { dist } = model === 'poincare' ? poincare : lorentz;
        const got = await valuesOf(context.run(() => dist(stored('x'), stored('y'))));
        const errors = pairs.map(({ d }, i) => Math.abs(got[i] / d.toNumber() - 1));
        expect(Math.max(...errors), `radius ${row.radius}`).toBeLessThan(row.error);
      }
    },
  );
}
