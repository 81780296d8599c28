import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { describeOp } from '../support/backends.js';
import { expectClose } from '../support/compare.js';
import { LORENTZ_CASES, POINCARE_CASES, wantedOf } from '../support/hyperbolicCases.js';
import type { HyperbolicCase } from '../support/hyperbolicCases.js';
import { expectWanted, valuesOf } from '../support/hyperbolicSuite.js';
import { TOLERANCES } from '../support/tolerances.js';

interface GoldenCase {
  readonly model: string;
  readonly name: string;
  readonly c: number;
  readonly rows: number[][][];
  readonly scalars: number[];
  readonly values: number[];
}

const golden = JSON.parse(readFileSync(new URL('./hyperbolic.json', import.meta.url), 'utf8')) as {
  readonly geoopt: string;
  readonly torch: string;
  readonly cases: readonly GoldenCase[];
};

function caseOf({ model, name }: GoldenCase): HyperbolicCase {
  const found = [...POINCARE_CASES, ...LORENTZ_CASES].find(
    (entry) => entry.model === model && entry.name === name,
  );
  if (found === undefined) throw new Error(`no case ${model}.${name}`);
  return found;
}

/** What the oracle says of every row of a golden case; computed once, since it is slow. */
const wanted = golden.cases.map((entry) =>
  entry.rows[0].map((_row, i) =>
    wantedOf(
      caseOf(entry),
      entry.rows.map((side) => side[i]),
      entry.c,
      entry.scalars,
    ),
  ),
);
const titled = golden.cases.map(
  (entry, i) => [`${entry.model}.${entry.name} c=${entry.c}`, entry, wanted[i]] as const,
);

describe(`golden: the oracle equals geoopt ${golden.geoopt} on torch ${golden.torch}`, () => {
  it.each(titled)('%s', (_, { values }, rows) => {
    const got = rows.flatMap((row) => row.values);
    expectClose(got, values, TOLERANCES.goldenHyperbolic, Math.max(...values.map(Math.abs)));
  });

  it('covers both models and most maps', () => {
    const names = new Set(golden.cases.map(({ model, name }) => `${model}.${name}`));
    expect(names.size).toBe(25);
  });
});

describeOp('rowMap', (context) => {
  it('golden: maps equal geoopt', async () => {
    for (const [i, entry] of golden.cases.entries()) {
      const { rows, c, scalars, values } = entry;
      const map = caseOf(entry);
      const width = values.length / rows[0].length;
      const others = wanted[i].map((row, r) => ({
        ...row,
        values: values.slice(r * width, (r + 1) * width),
      }));
      const got = await valuesOf(context.run(() => map.call(rows, c, scalars)));
      expectWanted(context, got, others);
    }
  });
});
