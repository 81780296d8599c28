import * as tf from '@tensorflow/tfjs';
import { withComposedForms } from '../ops/dispatch.js';
import { SPECS } from '../specs/capabilities.js';
import { ULP } from './bounds.js';
import type { Bound } from './bounds.js';
import { bitDifferences, ulpAt } from './compare.js';
import type { VerifyRow } from './run.js';

/** A map of rows whose values are held against an oracle of many digits. */
export interface MapCase {
  readonly op: 'rowMap';
  readonly name: string;
  readonly quick: boolean;
  /** Makes the result on the active backend, inside a tidy. */
  readonly call: () => tf.Tensor;
  readonly want: () => readonly number[];
  /** Kernels; and composed forms, which stand on the functions of tfjs. */
  readonly bounds: Readonly<Record<'kernel' | 'composed', Bound>>;
}

/** Runs a map case on the active backend; values of the first backend are the reference for bits. */
export class PreparedMap {
  readonly op = 'rowMap';
  private wanted: readonly number[] | undefined;
  private reference: Float32Array | undefined;

  constructor(private readonly mapCase: MapCase) {}

  get name(): string {
    return this.mapCase.name;
  }

  async run(asked: 'kernel' | 'composed'): Promise<VerifyRow> {
    const { name, call, want, bounds } = this.mapCase;
    this.wanted ??= want();
    const start = performance.now();
    let result: tf.Tensor | undefined;
    const body = (): tf.Tensor => tf.tidy(call);
    const { kernelNames } = await tf.profile(() => {
      result = asked === 'composed' ? withComposedForms(body) : body();
      return result;
    });
    const got = ((await result?.data()) as Float32Array).slice();
    const milliseconds = performance.now() - start;
    result?.dispose();
    const kernel = SPECS.find(({ op }) => op === this.op)?.kernelName ?? '';
    const ranKernel = kernelNames.includes(kernel);
    const form = asked === 'composed' ? 'composed' : ranKernel ? 'kernel' : 'fallback';
    const bound = bounds[form === 'kernel' ? 'kernel' : 'composed'];
    const errors = errorsOf(got, this.wanted, bound);
    const before = this.reference;
    this.reference ??= got;
    return {
      op: this.op,
      backend: tf.getBackend(),
      form,
      case: name,
      ...errors,
      bound: bound.relative,
      absolute: bound.absolute,
      mismatches: 0,
      determined: false,
      bitDifferences: before === undefined ? null : bitDifferences(got, before).length,
      milliseconds,
    };
  }
}

type Errors = Pick<VerifyRow, 'maxUlp' | 'maxRel' | 'worst' | 'pass' | 'complaint'>;

/** Errors of all values; the absolute part of the bound is in ulp of 1. */
function errorsOf(got: Float32Array, want: readonly number[], bound: Bound): Errors {
  if (got.length !== want.length) {
    const complaint = `${got.length} values, not ${want.length}`;
    return { maxUlp: 0, maxRel: 0, worst: null, pass: false, complaint };
  }
  let [maxUlp, maxRel, worst] = [0, 0, 0];
  let complaint: string | undefined;
  want.forEach((value, i) => {
    const rounded = Math.fround(value);
    if (got[i] === rounded && !Number.isFinite(rounded)) return;
    if (Number.isNaN(got[i]) && Number.isNaN(value)) return;
    // Below the normal numbers a device may round to 0.
    const allowed =
      bound.relative * ulpAt(value) +
      bound.absolute * ULP +
      (Math.abs(value) < 2 ** -126 ? 2 ** -126 : 0);
    const error = Math.abs(got[i] - value);
    const share = error / allowed;
    if (Math.abs(value) >= 2 ** -126) {
      maxUlp = Math.max(maxUlp, error / ulpAt(value));
      maxRel = Math.max(maxRel, error / Math.abs(value));
    }
    if (!(share <= 1)) complaint ??= `value ${i}: ${got[i]}, not ${value}, allowed ${allowed}`;
    worst = Math.max(worst, Number.isNaN(share) ? Infinity : share);
  });
  return {
    maxUlp,
    maxRel,
    worst: Number.isFinite(worst) ? worst : null,
    pass: complaint === undefined,
    ...(complaint === undefined ? {} : { complaint }),
  };
}
