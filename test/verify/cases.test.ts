import { describe, expect, it } from 'vitest';
import { SPECS } from '../../src/specs/capabilities.js';
import { METRICS } from '../../src/specs/metric.js';
import { VERIFIED_OPS, verifyCases } from '../../src/verify/cases.js';
import { functionCases } from '../../src/verify/functionCases.js';
import { relationCases } from '../../src/verify/relationCases.js';

describe('cases of verify', () => {
  const all = verifyCases(false);

  it('have every op of the library with every metric', () => {
    const others = [...functionCases(false), ...relationCases()];
    const maps = new Set<string>(others.map(({ op }) => op));
    expect([...VERIFIED_OPS, ...maps].sort()).toEqual(SPECS.map(({ op }) => op).sort());
    for (const op of VERIFIED_OPS) {
      const metrics = new Set(
        all.filter((one) => one.op === op).map(({ options }) => options.metric),
      );
      expect([...metrics].sort()).toEqual([...METRICS]);
    }
  });

  it('have names that are unique for each op', () => {
    const names = all.map(({ op, name }) => `${op} ${name}`);
    expect(new Set(names).size).toBe(names.length);
  });

  it('the quick selection is a part with every metric', () => {
    const quick = verifyCases(true);
    expect(quick.length).toBeLessThan(all.length / 2);
    expect(new Set(quick.map(({ options }) => options.metric)).size).toBe(METRICS.length);
  });
});
