import * as tf from '@tensorflow/tfjs';
import { withComposedForms } from '../ops/dispatch.js';
import { FLOAT32_TINY } from '../numerics.js';
import { SPECS } from '../specs/capabilities.js';
import { ULP } from './bounds.js';
import type { Bound } from './bounds.js';
import { bitDifferences, ulpAt } from './compare.js';
import type { VerifyRow } from './run.js';

/** A map of rows, or a step of them, whose values are held against an oracle of many digits. */
export interface MapCase {
  readonly op: 'relationSteps' | 'rowMap';
  readonly name: string;
  readonly quick: boolean;
  /** Makes the result on the active backend, inside a tidy. */
  readonly call: () => tf.Tensor;
  readonly want: () => readonly number[];
  /** What bounds are multiples of: the spacing of float32 at the value, or 2^-23 of it. */
  readonly unit: 'spacing' | 'relative';
  /** Values that make one result, whose error is that of their vector. Default 1. */
  readonly width?: number;
  /** Kernels; and composed forms, which stand on the functions of tfjs. */
  readonly bounds: Readonly<Record<'kernel' | 'composed', Bound>>;
}

/** Runs a map case on the active backend; values of the first backend are the reference for bits. */
export class PreparedMap {
  private wanted: readonly number[] | undefined;
  private reference: Float32Array | undefined;

  constructor(private readonly mapCase: MapCase) {}

  get op(): MapCase['op'] {
    return this.mapCase.op;
  }

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
    const errors = errorsOf(got, this.wanted, this.mapCase, bound);
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

/** Errors of all results; the absolute part of the bound is in ulp of 1. */
function errorsOf(
  got: Float32Array,
  want: readonly number[],
  { width = 1, unit }: MapCase,
  bound: Bound,
): Errors {
  if (got.length !== want.length) {
    const complaint = `${got.length} values, not ${want.length}`;
    return { maxUlp: 0, maxRel: 0, worst: null, pass: false, complaint };
  }
  let [maxUlp, maxRel, worst] = [0, 0, 0];
  let complaint: string | undefined;
  for (let at = 0; at < want.length; at += width) {
    const [found, meant] = [got.subarray(at, at + width), want.slice(at, at + width)];
    if (isSameOddity(found, meant)) continue;
    const size = Math.hypot(...meant);
    const error = Math.hypot(...meant.map((value, i) => found[i] - value));
    // Below the normal numbers a device may round to 0.
    const least = size < FLOAT32_TINY && size > 0 ? FLOAT32_TINY : 0;
    const step = unit === 'spacing' ? ulpAt(size) : ULP * size;
    const allowed = bound.relative * step + bound.absolute * ULP + least;
    const share = error === 0 ? 0 : error / allowed;
    if (size >= FLOAT32_TINY) {
      maxUlp = Math.max(maxUlp, error / ulpAt(size));
      maxRel = Math.max(maxRel, error / size);
    }
    if (!(share <= 1)) {
      complaint ??= `result ${at / width}: ${found.join(', ')}, not ${meant.join(', ')}, allowed ${allowed}`;
    }
    worst = Math.max(worst, Number.isNaN(share) ? Infinity : share);
  }
  return {
    maxUlp,
    maxRel,
    worst: Number.isFinite(worst) ? worst : null,
    pass: complaint === undefined,
    ...(complaint === undefined ? {} : { complaint }),
  };
}

/** A single value that is infinite or NaN, as it should be. */
function isSameOddity(found: Float32Array, [want]: readonly number[]): boolean {
  if (found.length !== 1 || Number.isFinite(Math.fround(want))) return false;
  return Object.is(found[0], Math.fround(want));
}
