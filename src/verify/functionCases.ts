import * as tf from '@tensorflow/tfjs';
import Decimal from 'decimal.js';
import * as functions from '../ops/elementaryFunctions.js';
import { Rng } from '../util/rng.js';
import type { MapCase } from './maps.js';

/** Digits of the oracle. */
const Digits = Decimal.clone({ precision: 60 });

type Exact = (v: Decimal) => Decimal;

const overArgument =
  (f: Exact): Exact =>
  (v) =>
    v.isZero() ? new Digits(1) : f(v).div(v);

interface Oracle {
  readonly exact: Exact;
  /** Domain in which values are taken: the function fits float32 there. */
  readonly low: number;
  readonly high: number;
}

const ORACLES: Readonly<Record<keyof typeof functions, Oracle>> = {
  log1p: { exact: (v) => v.add(1).ln(), low: -1, high: 3e38 },
  expm1: { exact: (v) => v.exp().sub(1), low: -100, high: 88 },
  sinh: { exact: (v) => v.sinh(), low: -89, high: 89 },
  cosh: { exact: (v) => v.cosh(), low: -89, high: 89 },
  tanh: { exact: (v) => v.tanh(), low: -100, high: 100 },
  asinh: { exact: (v) => v.asinh(), low: -3e38, high: 3e38 },
  acosh1p: { exact: (v) => v.add(1).acosh(), low: 0, high: 3e38 },
  atanh: { exact: (v) => v.atanh(), low: -1, high: 1 },
  sinhc: { exact: overArgument((v) => v.sinh()), low: -93, high: 93 },
  tanhc: { exact: overArgument((v) => v.tanh()), low: -100, high: 100 },
  asinhc: { exact: overArgument((v) => v.asinh()), low: -3e38, high: 3e38 },
  atanhc: { exact: overArgument((v) => v.atanh()), low: -1, high: 1 },
};

/** Arguments of all magnitudes and both signs, evenly spread ones, and some near 1. */
function argumentsOf({ low, high }: Oracle, count: number): number[] {
  const rng = new Rng(11);
  const [from, to] = [Math.max(low, -100), Math.min(high, 100)];
  const spread = Array.from({ length: count }, () => from + rng.uniform() * (to - from));
  const sizes = Array.from({ length: count }, () => 2 ** (-120 + rng.uniform() * 247));
  const rim = Array.from({ length: 48 }, (_, i) => 1 - 2 ** (-24 + i / 2));
  return [...spread, ...sizes, ...rim]
    .flatMap((v) => [v, -v])
    .map(Math.fround)
    .filter((v) => v > low && v < high);
}

/** The elementary functions, each over its whole domain. */
export function functionCases(quick: boolean): MapCase[] {
  return (Object.keys(ORACLES) as (keyof typeof functions)[]).map((name) => {
    const oracle = ORACLES[name];
    const values = argumentsOf(oracle, quick ? 50 : 1000);
    return {
      op: 'rowMap',
      name,
      quick: true,
      unit: 'spacing',
      call: () => functions[name](tf.tensor1d(values)),
      want: () => values.map((v) => oracle.exact(new Digits(v)).toNumber()),
      bounds: {
        kernel: { relative: 4, absolute: 0, reason: 'series and closed forms of float32' },
        composed: {
          relative: 96,
          absolute: 0,
          reason: 'the exponential of tfjs is exp2(x log2 e) in shaders: its error grows with |x|',
        },
      },
    };
  });
}
