import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aliasTable } from '../../src/util/aliasTable.js';
import { PROPERTY } from '../support/arbitraries.js';

describe('aliasTable', () => {
  it('gives every index its share of the weights', () => {
    const weights = fc
      .array(fc.double({ min: 0, max: 100, noNaN: true }), { minLength: 1, maxLength: 40 })
      .filter((all) => all.reduce((a, b) => a + b, 0) > 1e-6);
    fc.assert(
      fc.property(weights, (all) => {
        const n = all.length;
        const total = all.reduce((a, b) => a + b, 0);
        const { probability, alias } = aliasTable(all);
        const share = new Float64Array(n);
        probability.forEach((kept, slot) => {
          expect(kept).toBeGreaterThanOrEqual(0);
          expect(kept).toBeLessThanOrEqual(1);
          share[slot] += kept / n;
          share[alias[slot]] += (1 - kept) / n;
        });
        all.forEach((weight, i) => expect(Math.abs(share[i] - weight / total)).toBeLessThan(1e-6));
      }),
      PROPERTY,
    );
  });

  it('never gives an index of weight 0', () => {
    const { probability, alias } = aliasTable([0, 3, 0, 1]);
    expect(probability[0]).toBe(0);
    expect(probability[2]).toBe(0);
    for (const slot of alias) expect([1, 3]).toContain(slot);
  });
});
