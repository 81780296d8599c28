import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { DomainError, DtypeError, ShapeError } from '../../src/errors.js';
import { normalRows } from './arbitraries.js';
import type { Matrix } from './arbitraries.js';
import type { BackendContext } from './backends.js';
import { argumentsOf, wantedOf } from './hyperbolicCases.js';
import type { HyperbolicCase, Wanted } from './hyperbolicCases.js';
import { expectNoLeak } from './leaks.js';
import { TOLERANCES, isClose } from './tolerances.js';
import type { Tolerance } from './tolerances.js';

/** Radii of points, curvature and length of tangents of a reference or gradient test. */
export interface Setting {
  readonly title: string;
  readonly radii: readonly number[];
  readonly c: number;
  readonly d: number;
  readonly length: number;
  /** By how much farther points magnify what gradients in float32 may be off; 1 unless given. */
  readonly magnified?: number;
  /** Maps that the setting leaves out, with the reason. */
  readonly without?: Readonly<Record<string, string>>;
}

export async function valuesOf(tensor: tf.Tensor): Promise<number[]> {
  const values = [...(await tensor.data())];
  tensor.dispose();
  return values;
}

/** Whether a form computes in float64 and rounds once; the others keep float32 between steps. */
export const isExact = ({ backend, form }: BackendContext): boolean =>
  form === 'kernel' && backend !== 'webgpu';

const valueTolerance = (context: BackendContext): Tolerance =>
  isExact(context) ? TOLERANCES.hyperbolicExact : TOLERANCES.hyperbolicFloat32;

const gradientTolerance = (context: BackendContext): Tolerance =>
  isExact(context) ? TOLERANCES.hyperbolicGradientExact : TOLERANCES.hyperbolicGradientFloat32;

/** All backends compare with the same values of the oracle, which is slow. */
const oracles = new Map<string, { args: Matrix[]; wanted: Wanted[] }>();

function oracleOf(entry: HyperbolicCase, setting: Setting): { args: Matrix[]; wanted: Wanted[] } {
  const key = `${entry.name} ${setting.title}`;
  let known = oracles.get(key);
  if (known === undefined) {
    const { radii, c, d, length } = setting;
    const args = argumentsOf(entry, radii, { d, seed: 5, c, length });
    const wanted = radii.map((_r, i) =>
      wantedOf(
        entry,
        args.map((rows) => rows[i]),
        c,
      ),
    );
    known = { args, wanted };
    oracles.set(key, known);
  }
  return known;
}

/** Assert values of a map on rows of arguments within the condition of each. */
export function expectWanted(
  context: BackendContext,
  got: readonly number[],
  wanted: readonly Wanted[],
): void {
  const tolerance = valueTolerance(context);
  const values = wanted.flatMap((row) => row.values);
  const conditions = wanted.flatMap((row) => row.conditions);
  expect(got.length).toBe(values.length);
  values.forEach((want, i) => {
    if (!isClose(got[i], want, tolerance, conditions[i])) {
      const off = Math.abs(got[i] - want) / (2 ** -24 * (Math.abs(want) + conditions[i]));
      expect.fail(
        `element ${i}: got ${got[i]}, want ${want}, condition ${conditions[i]}: off by ${off} roundings ` +
          `(${tolerance.reason})`,
      );
    }
  });
}

/** Weighted sum of a map's outputs, differentiated by all rows, scalars and c. */
async function gradientsOf(
  { run }: BackendContext,
  entry: HyperbolicCase,
  args: readonly Matrix[],
  c: number,
  weights: readonly number[],
): Promise<number[][]> {
  const n = args[0].length;
  const parts = run(() =>
    tf.tidy(() => {
      const perRow = [...entry.scalars, c].map((v) => tf.fill([n], v));
      const loss = (...inputs: tf.Tensor[]): tf.Scalar => {
        const rows = inputs.slice(0, args.length);
        const scalars = inputs.slice(args.length, -1);
        const out = entry.call(rows, inputs[inputs.length - 1], scalars);
        return tf.sum(tf.mul(out.flatten(), tf.tensor1d([...weights])));
      };
      return tf.grads(loss)([...args.map((rows) => tf.tensor2d(rows)), ...perRow]);
    }),
  );
  return Promise.all(parts.map(valuesOf));
}

/** Assert gradients of weighted sums against the oracle's slopes. */
async function expectGradients(
  context: BackendContext,
  entry: HyperbolicCase,
  { args, wanted }: { args: readonly Matrix[]; wanted: readonly Wanted[] },
  { c, magnified = 1 }: Setting,
): Promise<void> {
  const outputs = wanted[0].values.length;
  const weights = normalRows(1, wanted.length * outputs, 3)[0];
  const tolerance = gradientTolerance(context);
  const got = await gradientsOf(context, entry, args, c, weights);
  wanted.forEach(({ slopes, values: known }, i) => {
    got.forEach((values, a) => {
      const width = values.length / wanted.length;
      const shares = (f: number): number[] =>
        slopes.map((of, o) => of[a][f] * weights[i * outputs + o]);
      const features = Array.from({ length: width }, (_, f) => f);
      const own = features.map((f) => shares(f).reduce((sum, v) => sum + Math.abs(v), 0));
      // A slope by a scalar may be next to nothing where the values are not.
      const size = known.reduce((sum, v, o) => sum + Math.abs(v * weights[i * outputs + o]), 0);
      // The oracle's own differences leave 1e-60 of what is 0.
      const largest = Math.max(1e-30, ...own, a < args.length ? 0 : size);
      const scale = isExact(context) ? largest : largest * magnified;
      for (const f of features) {
        const want = shares(f).reduce((sum, v) => sum + v, 0);
        const value = values[i * width + f];
        if (!isClose(value, want, tolerance, scale)) {
          const off = Math.abs(value - want) / (2 ** -24 * scale);
          expect.fail(
            `row ${i}, argument ${a}, feature ${f}: got ${value}, want ${want}, scale ${scale}: off by ` +
              `${off} roundings (${tolerance.reason})`,
          );
        }
      }
    });
  });
}

/** Declare what every map of a model must do. */
export function declareMaps(
  context: BackendContext,
  cases: readonly HyperbolicCase[],
  settings: { readonly values: readonly Setting[]; readonly gradients: readonly Setting[] },
): void {
  const { run } = context;

  describe.each(cases.map((entry) => [entry.name, entry] as const))('%s', (name, entry) => {
    const fits = ({ without = {} }: Setting): boolean => !Object.hasOwn(without, name);

    it.each(settings.values.filter(fits).map((setting) => [setting.title, setting] as const))(
      'reference: the oracle, %s',
      async (_, setting) => {
        const { args, wanted } = oracleOf(entry, setting);
        const got = await valuesOf(run(() => entry.call(args, setting.c, entry.scalars)));
        expectWanted(context, got, wanted);
      },
    );

    it.each(settings.gradients.filter(fits).map((setting) => [setting.title, setting] as const))(
      'gradient: by rows, scalars and c as central differences of the oracle, %s',
      async (_, setting) => {
        await expectGradients(context, entry, oracleOf(entry, setting), setting);
        expect(oracleOf(entry, setting).wanted.length).toBe(setting.radii.length);
      },
    );

    it('memory: nothing is left after value and gradient', async () => {
      const { args } = oracleOf(entry, settings.gradients[0]);
      const [first, ...rest] = args.map((rows) => tf.tensor2d(rows));
      await expectNoLeak(async () => {
        const call = (x: tf.Tensor): tf.Tensor => entry.call([x, ...rest], 0.5, entry.scalars);
        await valuesOf(run(() => call(first)));
        await valuesOf(run(() => tf.grad((x) => tf.sum(call(x)))(first)));
      });
      tf.dispose([first, ...rest]);
    });

    it('edge: rows broadcast, also with a curvature for each', async () => {
      const { args } = oracleOf(entry, settings.gradients[0]);
      const d = args[0][0].length;
      const curvatures = [0.5, 1];
      const wide = args.map((rows, a) =>
        a === 0 ? tf.tensor3d([rows.slice(0, 3), rows.slice(0, 3)]) : tf.tensor2d(rows.slice(0, 1)),
      );
      const perRow = tf.tensor2d(curvatures.map((v) => [v]));
      const got = run(() => entry.call(wide, perRow, entry.scalars));
      expect(got.shape.slice(0, 2)).toEqual([2, 3]);
      const values = await valuesOf(got);
      for (const [b, c] of curvatures.entries()) {
        const own = args.map((rows, a) =>
          a === 0 ? rows.slice(0, 3) : [rows[0], rows[0], rows[0]],
        );
        const want = await valuesOf(run(() => entry.call(own, c, entry.scalars)));
        expect(values.slice(b * want.length, (b + 1) * want.length)).toEqual(want);
      }
      tf.dispose([...wide, perRow]);
      const none = run(() =>
        entry.call(
          args.map(() => tf.zeros([0, d])),
          1,
          entry.scalars,
        ),
      );
      expect(none.size).toBe(0);
      none.dispose();
    });
  });
}

/** Declare how every map of a model refuses bad arguments. */
export function declareErrors(cases: readonly HyperbolicCase[]): void {
  describe.each(cases.map((entry) => [entry.name, entry] as const))('%s', (name, entry) => {
    const rowsOf = (widths: readonly number[]): tf.Tensor[] =>
      entry.rows.map((_kind, r) => tf.zeros([2, widths[r % widths.length]]));
    const op = `${entry.model}.${name}`;

    it('error: DomainError for a curvature that is not above 0', () => {
      for (const c of [0, -1, NaN, Infinity]) {
        const call = (): tf.Tensor => entry.call(rowsOf([3]), c, entry.scalars);
        expect(call).toThrow(DomainError);
        expect(call).toThrow(`${op}: c must be a finite number above 0, got ${c}.`);
      }
    });

    it('error: DtypeError for integers, ShapeError for rows that do not fit', () => {
      const integers = entry.rows.map(() => tf.zeros([2, 3], 'int32'));
      expect(() => entry.call(integers, 1, entry.scalars)).toThrow(DtypeError);
      expect(() => entry.call(integers, 1, entry.scalars)).toThrow(op);
      const curvatures = tf.ones([5]);
      const call = (): tf.Tensor => entry.call(rowsOf([3]), curvatures, entry.scalars);
      expect(call).toThrow(ShapeError);
      expect(call).toThrow(`${op}: c must have rows that broadcast with [2], got rows [5].`);
      if (entry.rows.length === 1) return;
      expect(() => entry.call(rowsOf([3, 4]), 1, entry.scalars)).toThrow(
        'must have as many features (last dimension) as',
      );
    });
  });
}
