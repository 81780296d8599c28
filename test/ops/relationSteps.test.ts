import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DomainError, DtypeError, ShapeError } from '../../src/errors.js';
import { relationSteps } from '../../src/ops/relationSteps.js';
import type { RelationStepsOptions } from '../../src/ops/relationSteps.js';
import {
  distance,
  drawnNegatives,
  pointOf,
  referenceRelationSteps,
  relationLoss,
} from '../reference/relationSteps.js';
import type { ReferenceGeometry } from '../reference/relationSteps.js';
import { PROPERTY } from '../support/arbitraries.js';
import type { Matrix } from '../support/arbitraries.js';
import { describeOp, kernelNameOf } from '../support/backends.js';
import { expectClose } from '../support/compare.js';
import { numericGradient, rowsOf } from '../support/gradcheck.js';
import { expectNoLeak } from '../support/leaks.js';
import {
  csrTensors,
  pairTensor,
  randomRelations,
  relatedOf,
  rowsWithin,
  weightTables,
} from '../support/relations.js';
import type { Pairs } from '../support/relations.js';
import { TOLERANCES } from '../support/tolerances.js';

type Options = Required<Omit<RelationStepsOptions, 'weights'>>;

interface Result {
  readonly table: number[];
  readonly losses: number[];
}

const BASE: Options = {
  geometry: 'lorentz',
  curvature: 1,
  learningRate: 0.5,
  negatives: 7,
  batchSize: 5,
  seed: 3,
  pass: 2,
  first: 0,
};

/** Largest length of a stored row in the tests. */
const LENGTH: Readonly<Record<ReferenceGeometry, number>> = {
  lorentz: 6,
  poincare: 0.9,
  logPolar: 2.5,
};
const GEOMETRIES = ['lorentz', 'poincare', 'logPolar'] as const;

describeOp('relationSteps', ({ form, run }) => {
  const steps = async (
    table: Matrix,
    pairs: Pairs,
    options: RelationStepsOptions,
    relatedTo: Pairs = pairs,
  ): Promise<Result> => {
    const related = csrTensors(relatedOf(relatedTo, table.length));
    const [rows, relations] = [tf.tensor2d(table), pairTensor(pairs)];
    const result = run(() => relationSteps(rows, relations, related, options));
    const values = {
      table: [...(await result.table.data())],
      losses: [...(await result.losses.data())],
    };
    tf.dispose([rows, relations, related.offsets, related.neighbors, result.table, result.losses]);
    return values;
  };

  const expectOracle = async (
    n: number,
    d: number,
    options: Options,
    weights?: readonly number[],
  ): Promise<void> => {
    const length = LENGTH[options.geometry] / Math.sqrt(options.curvature);
    const table = rowsWithin(n, d, length, n + d);
    const pairs = randomRelations(n, 2, n);
    const tables = weights && weightTables(weights);
    const tensors = tables?.tensors();
    const got = await steps(table, pairs, { ...options, ...(tensors && { weights: tensors }) });
    if (tensors !== undefined) tf.dispose([tensors.probability, tensors.alias]);
    const want = referenceRelationSteps(
      table,
      pairs,
      relatedOf(pairs, n),
      options,
      tables?.reference,
    );
    expectClose(got.losses, want.losses, TOLERANCES.relationLoss);
    expectClose(got.table, want.table.flat(), TOLERANCES.relationTable, length);
  };

  it('runs the form that the test names', async () => {
    const related = csrTensors([[], [0]]);
    const table = tf.tensor2d([[0.1], [0.2]]);
    const relations = pairTensor([[1, 0]]);
    const { kernelNames } = await tf.profile(() =>
      tf.tidy(() => run(() => relationSteps(table, relations, related, BASE).table)),
    );
    expect(kernelNames.includes(kernelNameOf('relationSteps'))).toBe(form === 'kernel');
    tf.dispose([related.offsets, related.neighbors, table, relations]);
  });

  describe.each(GEOMETRIES)('%s', (geometry) => {
    it('reference: the oracle, several batches, both curvatures, one and many dimensions', async () => {
      await expectOracle(9, 1, { ...BASE, geometry, negatives: 1 });
      await expectOracle(12, 3, { ...BASE, geometry });
      await expectOracle(12, 5, { ...BASE, geometry, curvature: 0.25, learningRate: 0.3 });
      await expectOracle(12, 2, { ...BASE, geometry, curvature: 2, first: 2 ** 31 + 7 });
      await expectOracle(9, 70, { ...BASE, geometry, negatives: 70, batchSize: 100 });
    });

    it('reference: negatives drawn by weight', async () => {
      const weights = Array.from({ length: 11 }, (_, i) => (i % 3 === 0 ? 0 : i ** 0.75));
      await expectOracle(11, 3, { ...BASE, geometry }, weights);
    });

    it('gradient: a small step is the Riemannian gradient of the loss, by central differences', async () => {
      const [n, d, learningRate] = [6, 3, 1e-3];
      const options = { ...BASE, geometry, learningRate, batchSize: 10 };
      const table = rowsWithin(n, d, LENGTH[geometry] / 2, 5);
      const pairs = randomRelations(n, 1, 4);
      const related = relatedOf(pairs, n);
      const got = await steps(table, pairs, options);
      const loss = (flat: readonly number[]): number => {
        const points = rowsOf(flat, d).map((row) => pointOf(row, geometry, 1));
        const each = pairs.map(([u, v], i) => {
          const to = (other: number): number => distance(points[u], points[other]);
          return relationLoss(to(v), drawnNegatives(i, u, n, related, options).map(to));
        });
        return each.reduce((a, b) => a + b, 0) / pairs.length;
      };
      const flat = table.flat();
      const slope = numericGradient(loss, flat);
      // The loss falls by learningRate |gradient|^2; in coordinates: gradient times step.
      const fall = flat.reduce((total, x, i) => total + slope[i] * (got.table[i] - x), 0);
      const before = loss(flat);
      const after = loss(got.table);
      expect(after).toBeLessThan(before);
      expectClose([after - before], [fall], TOLERANCES.relationFall);
      // A Riemannian step against the gradient of f has length learningRate times its norm, so its
      // square is learningRate times the fall.
      const square = table.reduce((total, row, i) => {
        const moved = pointOf(got.table.slice(i * d, (i + 1) * d), geometry, 1);
        return total + distance(pointOf(row, geometry, 1), moved) ** 2;
      }, 0);
      expectClose([square], [-learningRate * fall], TOLERANCES.relationFall);
    });

    it('edge: rows at the origin, coincident rows, loops, no related rows', async () => {
      const table = [
        [0, 0],
        [0, 0],
        [0.3, -0.2],
        [0.3, -0.2],
      ].map((row) => row.map(Math.fround));
      const pairs: Pairs = [
        [0, 1],
        [2, 3],
        [2, 2],
        [1, 0],
      ];
      const options = { ...BASE, geometry, batchSize: 2 };
      const got = await steps(table, pairs, options, []);
      const want = referenceRelationSteps(table, pairs, relatedOf([], 4), options);
      expectClose(got.losses, want.losses, TOLERANCES.relationLoss);
      expectClose(got.table, want.table.flat(), TOLERANCES.relationTable);
    });

    it('edge: far out all stays finite, and rows that no relation touches keep their bits', async () => {
      const far = { lorentz: 1e5, poincare: 0.9999, logPolar: 12 }[geometry];
      const table = rowsWithin(20, 2, 1, 1).map((row) =>
        row.map((x) => Math.fround((x / Math.hypot(...row)) * far)),
      );
      const pairs: Pairs = [
        [3, 1],
        [3, 2],
      ];
      const got = await steps(table, pairs, { ...BASE, geometry, negatives: 2, batchSize: 1 });
      expect(got.table.every(Number.isFinite)).toBe(true);
      expect(got.losses.every(Number.isFinite)).toBe(true);
      const still = table.flat().filter((x, i) => Object.is(x, got.table[i]));
      expect(still.length).toBeGreaterThanOrEqual(2 * (20 - 3 - 4));
      expect(still.length).toBeLessThan(40);
    });
  });

  it('property: equals the oracle on random shapes and options', async () => {
    const cases = fc.record({
      geometry: fc.constantFrom(...GEOMETRIES),
      n: fc.integer({ min: 2, max: 14 }),
      d: fc.integer({ min: 1, max: 6 }),
      negatives: fc.integer({ min: 1, max: 9 }),
      batchSize: fc.integer({ min: 1, max: 9 }),
      seed: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      curvature: fc.constantFrom(0.5, 1, 3),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ n, d, ...options }) => {
        await expectOracle(n, d, { ...BASE, ...options });
      }),
      { ...PROPERTY, numRuns: 12 },
    );
  });

  it('property: one call of many batches gives the bits of many calls of one', async () => {
    const table = rowsWithin(13, 3, 3, 1);
    const pairs = randomRelations(13, 2, 2);
    const whole = await steps(table, pairs, BASE);
    expect(await steps(table, pairs, BASE)).toEqual(whole);
    let rows = table;
    const losses: number[] = [];
    for (let first = 0; first < pairs.length; first += BASE.batchSize) {
      const part = pairs.slice(first, first + BASE.batchSize);
      const result = await steps(rows, part, { ...BASE, first }, pairs);
      rows = rowsOf(result.table, 3);
      losses.push(...result.losses);
    }
    expect(rows.flat()).toEqual(whole.table);
    expect(losses).toEqual(whole.losses);
  });

  it('property: training a small tree lowers the loss and puts relations closer', async () => {
    const n = 15;
    const pairs: Pairs = Array.from({ length: n - 1 }, (_, i) => [i + 1, Math.floor(i / 2)]);
    let table = rowsWithin(n, 2, 0.01, 1);
    const losses: number[] = [];
    for (let pass = 0; pass < 30; pass++) {
      const result = await steps(table, pairs, { ...BASE, pass, learningRate: 1, batchSize: 7 });
      table = rowsOf(result.table, 2);
      losses.push(result.losses.reduce((a, b) => a + b) / result.losses.length);
    }
    expect(losses[29]).toBeLessThan(losses[0] - 0.5);
  });

  it('edge: no relations leave the table as it is', async () => {
    const table = rowsWithin(3, 2, 1, 1);
    const got = await steps(table, [], BASE);
    expect(got).toEqual({ table: table.flat(), losses: [] });
  });

  it('edge: NaN stays where it is met', async () => {
    const table = [[NaN], [0.5], [0.25], [0.125]];
    const options = { ...BASE, negatives: 1 };
    const got = await steps(table, [[0, 1]], options, [
      [0, 1],
      [0, 2],
      [0, 3],
    ]);
    expect(got.table[0]).toBeNaN();
    // Composed, sums over rows are products, in which 0 times NaN is NaN.
    if (form === 'kernel') expect(got.table.slice(2)).toEqual([0.25, 0.125]);
  });

  it('memory: nothing is left but the results, and inputs keep their values', async () => {
    const table = rowsWithin(8, 3, 1, 1);
    const pairs = randomRelations(8, 2, 2);
    await steps(table, pairs, BASE);
    await expectNoLeak(async () => {
      await steps(table, pairs, BASE);
    });
    const rows = tf.tensor2d(table);
    const relations = pairTensor(pairs);
    const related = csrTensors(relatedOf(pairs, 8));
    const result = run(() => relationSteps(rows, relations, related, BASE));
    expect([...(await rows.data())]).toEqual(table.flat());
    expect([...(await result.table.data())]).not.toEqual(table.flat());
    tf.dispose([rows, relations, related.offsets, related.neighbors, result.table, result.losses]);
  });
});

describe('relationSteps arguments', () => {
  const csr = { offsets: tf.tensor1d([0, 0, 1], 'int32'), neighbors: tf.tensor1d([0], 'int32') };
  const table = tf.zeros([2, 3]);
  const pairs = tf.tensor2d([[1, 0]], [1, 2], 'int32');
  const call = (options: Partial<RelationStepsOptions>) => (): unknown =>
    relationSteps(table, pairs, csr, { learningRate: 1, ...options });

  it('error: shapes and types', () => {
    const options = { learningRate: 1 };
    expect(() => relationSteps(tf.zeros([3]), pairs, csr, options)).toThrow(ShapeError);
    expect(() => relationSteps(tf.zeros([0, 3]), pairs, csr, options)).toThrow(
      'relationSteps: table must have at least one row and one feature, got shape [0, 3]',
    );
    expect(() => relationSteps(table, tf.zeros([1, 2]), csr, options)).toThrow(DtypeError);
    expect(() => relationSteps(table, tf.zeros([1, 3], 'int32'), csr, options)).toThrow(
      'relations must have shape [any, 2]',
    );
    expect(() => relationSteps(tf.zeros([4, 3]), pairs, csr, options)).toThrow(
      'offsets must have shape [5], got shape [3]',
    );
    const weights = { probability: tf.zeros([2]), alias: tf.zeros([3], 'int32') };
    expect(call({ weights })).toThrow('alias must have shape [2]');
  });

  it('error: options out of range', () => {
    expect(call({ learningRate: NaN })).toThrow(DomainError);
    expect(call({ curvature: 0 })).toThrow('options.curvature must be a finite number > 0, got 0');
    expect(call({ negatives: 0 })).toThrow('options.negatives must be an integer in [1, 2^32)');
    expect(call({ batchSize: 1.5 })).toThrow('options.batchSize');
    expect(call({ seed: -1 })).toThrow('options.seed must be an integer in [0, 2^32), got -1');
    expect(call({ geometry: 'klein' as 'lorentz' })).toThrow(
      'options.geometry must be one of lorentz, poincare, logPolar, got klein',
    );
  });

  it('error: a relation outside the table, where the host can see it', async () => {
    await tf.setBackend('cpu');
    const bad = tf.tensor2d([[1, 2]], [1, 2], 'int32');
    expect(() => relationSteps(table, bad, csr, { learningRate: 1 })).toThrow(
      'relationSteps: relations must name rows 0 to 1 of table, got 2 in relation 0',
    );
  });
});
