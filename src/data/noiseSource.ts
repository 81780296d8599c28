import { DataError } from '../errors.js';
import { Rng } from '../util/rng.js';
import { sizeOf } from '../util/shape.js';
import type { RowSource } from './rowSource.js';

/** Spec prefix of rows of pure noise. */
const PREFIX = 'noise:';

/** Distributions of the values, by name. */
const KINDS: Readonly<Record<string, (rng: Rng) => number>> = {
  uniform: (rng) => rng.uniform(),
  gaussian: (rng) => Math.min(1, Math.max(0, 0.5 + rng.normal())),
};

/** A noise spec, taken apart. */
export interface NoiseSpec {
  readonly kind: string;
  readonly shape?: readonly number[];
  readonly rows?: number;
}

/**
 * Take `noise:uniform#shape=28x28x1#rows=1000` apart; undefined for a spec of something else.
 * @throws DataError for an unknown kind or setting.
 */
export function parseNoiseSpec(spec: string): NoiseSpec | undefined {
  if (!spec.startsWith(PREFIX)) return undefined;
  const fail = (expected: string, got: string): DataError =>
    new DataError({ op: 'data', arg: spec, expected, got });
  const [kind, ...settings] = spec.slice(PREFIX.length).split('#');
  if (!Object.hasOwn(KINDS, kind)) {
    throw fail(
      `be ${Object.keys(KINDS)
        .map((name) => PREFIX + name)
        .join(' or ')}`,
      `'${kind}'`,
    );
  }
  const out: { kind: string; shape?: number[]; rows?: number } = { kind };
  for (const setting of settings) {
    const shape = /^shape=([1-9]\d*(?:x[1-9]\d*)*)$/.exec(setting);
    const rows = /^rows=([1-9]\d*)$/.exec(setting);
    if (shape !== null) out.shape = shape[1].split('x').map(Number);
    else if (rows !== null) out.rows = Number(rows[1]);
    else throw fail('have the settings shape=28x28x1 and rows=1000', `'${setting}'`);
  }
  return out;
}

/**
 * Rows of independent values in [0, 1]: `uniform`, or `gaussian` with mean 0.5 and standard deviation 1,
 * clipped to [0, 1] (Liang, Li, Srikant, ODIN, ICLR 2018, section 4.2). The same seed gives the same rows in
 * blocks of any size.
 * @throws DataError without shape or rows.
 */
export function noiseSource(spec: string, noise: NoiseSpec, seed: number): RowSource {
  const { kind, shape, rows } = noise;
  if (shape === undefined || rows === undefined) {
    throw new DataError({
      op: 'data',
      arg: spec,
      expected: 'say the shape and number of its rows',
      got: 'none',
      fix: `Write ${PREFIX}${kind}#shape=28x28x1#rows=1000.`,
    });
  }
  const draw = KINDS[kind];
  const size = sizeOf(shape);
  return {
    name: `${PREFIX}${kind}`,
    source: 'a seeded generator',
    count: rows,
    blocks: async function* (blockRows, signal) {
      const rng = new Rng(seed);
      for (let start = 0; start < rows; start += blockRows) {
        // Serves signals: drawing never leaves the current turn by itself.
        await new Promise((resolve) => setTimeout(resolve, 0));
        signal?.throwIfAborted();
        const count = Math.min(blockRows, rows - start);
        const x = Float32Array.from({ length: count * size }, () => draw(rng));
        yield { x, count, rowShape: shape };
      }
    },
  };
}
