import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BETS, openBet } from '../../src/calibration/bets.js';
import type { BetName } from '../../src/calibration/bets.js';
import { ConformalMartingale, conformalPValues } from '../../src/calibration/index.js';
import type { MartingaleState } from '../../src/calibration/index.js';
import { DataError, DomainError } from '../../src/errors.js';
import { Rng } from '../../src/util/rng.js';
import { PROPERTY } from '../support/arbitraries.js';
import { uniformity } from '../support/uniformity.js';

const SETTINGS = { jump: 0.01, epsilon: 0.5 };
const values = fc.array(fc.integer({ min: -4, max: 4 }), { maxLength: 30 });
const draws = (count: number, draw: () => number): number[] => Array.from({ length: count }, draw);

/** Capital after p-values, from the definitions, in plain products. */
const CAPITALS: Readonly<Record<BetName, (p: readonly number[]) => number>> = {
  power: (p) => p.reduce((capital, value) => capital * 0.5 * value ** (0.5 - 1), 1),
  mixture: (p) => {
    let sum = 0;
    for (let i = 0; i < 100; i++) {
      const e = (i + 0.5) / 100;
      sum += p.reduce((capital, value) => capital * e * value ** (e - 1), 1);
    }
    return sum / 100;
  },
  // The simple jumper of Vovk et al. (2021), account by account.
  jumper: (p) => {
    let total = 1;
    const accounts = new Map([-1, 0, 1].map((e) => [e, 1 / 3]));
    for (const value of p) {
      for (const [e, c] of accounts) accounts.set(e, (1 - 0.01) * c + (0.01 / 3) * total);
      for (const [e, c] of accounts) accounts.set(e, c * (1 + e * (value - 0.5)));
      total = [...accounts.values()].reduce((sum, c) => sum + c, 0);
    }
    return total;
  },
};

describe('bets', () => {
  const pValues = fc.array(fc.double({ min: 1e-6, max: 1, noNaN: true }), { maxLength: 40 });

  it.each(BETS)('reference: %s equals the product of its definition', (bet) => {
    fc.assert(
      fc.property(pValues, (p) => {
        const gambler = openBet({ bet, ...SETTINGS });
        for (const value of p) gambler.take(value);
        expect(gambler.logCapital).toBeCloseTo(Math.log(CAPITALS[bet](p)), 9);
      }),
      PROPERTY,
    );
  });

  it.each(BETS)('property: %s bets at fair odds after any history', (bet) => {
    const rng = new Rng(2);
    for (const history of [0, 1, 20]) {
      const gambler = openBet({ bet, ...SETTINGS });
      for (let i = 0; i < history; i++) gambler.take((1 - rng.uniform()) ** 2);
      // The mean of the next factor over a uniform p = exp(-x), by the midpoint rule in x.
      let mean = 0;
      const step = 0.02;
      for (let x = step / 2; x < 700; x += step) {
        const next = openBet({ bet, ...SETTINGS }, gambler.state);
        next.take(Math.exp(-x));
        mean += Math.exp(next.logCapital - gambler.logCapital - x) * step;
      }
      // Below exp(-700) lies what the mixture's smallest exponents, 0.005 first, still expect.
      expect(Math.abs(mean - 1)).toBeLessThan(bet === 'mixture' ? 1e-3 : 1e-4);
    }
  });
});

describe('ConformalMartingale', () => {
  it('reference: p-values are ranks among all before, ties at random', () => {
    fc.assert(
      fc.property(values, values, fc.nat(99), (reference, stream, seed) => {
        const watch = new ConformalMartingale({ reference, seed });
        const rng = new Rng(seed);
        const before = [...reference];
        for (const score of stream) {
          const above = before.filter((s) => s > score).length;
          const equal = before.filter((s) => s === score).length + 1;
          before.push(score);
          const want = (above + (1 - rng.uniform()) * equal) / before.length;
          expect(watch.update(score).pValue).toBeCloseTo(want, 12);
        }
        expect(watch.state.scores).toEqual([...before].sort((a, b) => a - b));
        expect(watch.steps).toBe(stream.length);
      }),
      PROPERTY,
    );
  });

  it('property: p-values of an exchangeable stream are uniform and do not depend on each other', () => {
    const rng = new Rng(31);
    const pairs: [number, number][] = [];
    for (let i = 0; i < 3000; i++) {
      const watch = new ConformalMartingale({ reference: draws(5, () => rng.int(4)), seed: i });
      pairs.push([watch.update(rng.int(4)).pValue, watch.update(rng.int(4)).pValue]);
    }
    // Products of independent uniforms have the law t (1 - ln t), which makes them uniform again.
    for (const p of [
      pairs.map(([first]) => first),
      pairs.map(([, second]) => second),
      pairs.map(([a, b]) => a * b * (1 - Math.log(a * b))),
    ]) {
      const { excess, deficit, allowed } = uniformity(p);
      expect(Math.max(excess, deficit)).toBeLessThanOrEqual(allowed);
    }
  });

  it.each(BETS)('property: %s alarms falsely at most in a share alpha of streams', (bet) => {
    const rng = new Rng(41);
    const [streams, alpha] = [1000, 0.1];
    for (const draw of [(): number => rng.normal(), (): number => rng.int(3)]) {
      let alarms = 0;
      for (let seed = 0; seed < streams; seed++) {
        const watch = new ConformalMartingale({ reference: draws(30, draw), bet, alpha, seed });
        watch.updateAll(draws(150, draw));
        if (watch.alarmAt !== null) alarms++;
      }
      expect(alarms / streams).toBeLessThanOrEqual(alpha);
    }
  });

  it.each(BETS)('property: %s finds scores that have shifted up', (bet) => {
    const rng = new Rng(51);
    for (let seed = 0; seed < 50; seed++) {
      const normal = (): number => rng.normal();
      const watch = new ConformalMartingale({ reference: draws(300, normal), bet, seed });
      watch.updateAll(draws(60, () => 2 + rng.normal()));
      expect(watch.alarmAt).not.toBeNull();
    }
  });

  it('property: the jumper finds a drop, and a shift after a long quiet time', () => {
    const rng = new Rng(61);
    for (let seed = 0; seed < 30; seed++) {
      const down = new ConformalMartingale({ reference: draws(300, () => rng.normal()), seed });
      down.updateAll(draws(60, () => rng.normal() - 2));
      expect(down.alarmAt).not.toBeNull();
      const late = new ConformalMartingale({ seed });
      late.updateAll(draws(600, () => rng.normal()));
      expect(late.alarmAt).toBeNull();
      late.updateAll(draws(120, () => rng.normal() + 2));
      expect(late.alarmAt).toBeGreaterThan(600);
    }
  });

  it('property: betting on p-values against a fixed set alarms too often, as documented', () => {
    const rng = new Rng(71);
    const [streams, alpha] = [200, 0.1];
    let alarms = 0;
    for (let seed = 0; seed < streams; seed++) {
      const calibration = draws(30, () => rng.normal());
      const scores = draws(1000, () => rng.normal());
      const gambler = openBet({ bet: 'jumper', ...SETTINGS });
      const p = conformalPValues(calibration, scores, { randomizedTies: true, seed });
      if (p.some((value) => (gambler.take(value), gambler.logCapital >= -Math.log(alpha))))
        alarms++;
    }
    expect(alarms / streams).toBeGreaterThan(2 * alpha);
  });

  it('property: the alarm is the first step at 1 / alpha and stays; the highest value is kept', () => {
    fc.assert(
      fc.property(fc.constantFrom(...BETS), fc.nat(99), (bet, seed) => {
        const rng = new Rng(seed + 500);
        const watch = new ConformalMartingale({ bet, seed, alpha: 0.2 });
        let first: number | null = null;
        let highest = 0;
        for (let i = 1; i <= 80; i++) {
          const { logMartingale, alarm } = watch.update(rng.normal() + i / 10);
          highest = Math.max(highest, logMartingale);
          if (first === null && logMartingale >= Math.log(5)) first = i;
          expect(alarm).toBe(first !== null);
          expect(watch.logMartingale).toBe(logMartingale);
        }
        expect(watch.alarmAt).toBe(first);
        expect(watch.logHighest).toBe(highest);
      }),
      PROPERTY,
    );
  });

  it('property: a state through JSON goes on with the same bits', () => {
    fc.assert(
      fc.property(fc.constantFrom(...BETS), values, values, values, (bet, reference, a, b) => {
        const whole = new ConformalMartingale({ reference, bet, seed: 5 });
        whole.updateAll(a);
        const text = JSON.stringify(whole.state);
        const restored = ConformalMartingale.restore(JSON.parse(text));
        expect(JSON.stringify(restored.state)).toBe(text);
        expect(b.map((s) => restored.update(s))).toEqual(b.map((s) => whole.update(s)));
        expect(restored.state).toEqual(whole.state);
        expect([restored.alarmAt, restored.steps]).toEqual([whole.alarmAt, whole.steps]);
      }),
      PROPERTY,
    );
  });

  it('edge: infinite scores keep their order and survive JSON', () => {
    const watch = new ConformalMartingale({ reference: [-Infinity, 0] });
    watch.updateAll([Infinity, 5, -Infinity]);
    const state = JSON.parse(JSON.stringify(watch.state)) as MartingaleState;
    const most = Number.MAX_VALUE;
    expect(state.scores).toEqual([-most, -most, 0, 5, most]);
    expect(ConformalMartingale.restore(state).update(Infinity).pValue).toBeLessThanOrEqual(1 / 3);
  });

  it('edge: no scores, and a refused one changes nothing', () => {
    const watch = new ConformalMartingale();
    expect(watch.updateAll([])).toBeUndefined();
    watch.updateAll([1, 2, 3]);
    const before = JSON.stringify(watch.state);
    expect(() => watch.updateAll([4, NaN])).toThrow('updateAll: scores must have no NaN');
    expect(() => watch.update(NaN)).toThrow(DomainError);
    expect(JSON.stringify(watch.state)).toBe(before);
  });

  it('error: settings are named with their range', () => {
    const make = (options: object) => (): unknown => new ConformalMartingale(options);
    expect(make({ alpha: 0 })).toThrow('alpha must lie in (0, 1), got 0');
    expect(make({ jump: 2 })).toThrow('ConformalMartingale: jump must lie in [0, 1], got 2');
    expect(make({ epsilon: 0 })).toThrow('epsilon must lie in (0, 1], got 0');
    expect(make({ seed: 0.5 })).toThrow('seed must be an integer, got 0.5');
    expect(make({ bet: 'all' })).toThrow('bet must be one of jumper, mixture, power, got all');
    expect(make({ reference: [NaN] })).toThrow('reference must have no NaN');
  });

  it('error: a state that does not fit names the field', () => {
    const watch = new ConformalMartingale({ reference: [1, 2] });
    watch.update(3);
    const { state } = watch;
    const restore = (change: object) => (): unknown =>
      ConformalMartingale.restore({ ...state, ...change });
    expect(() => ConformalMartingale.restore(null)).toThrow(DataError);
    expect(restore({ formatVersion: 2 })).toThrow('state.formatVersion must fit the format');
    expect(restore({ extra: 1 })).toThrow(DataError);
    expect(restore({ scores: [2, 1, 3] })).toThrow('state.scores must be ascending, got 1 after 2');
    expect(restore({ scores: [1, null] })).toThrow('state.scores.1 must fit the format');
    expect(restore({ scores: [] })).toThrow('state.steps must be at most 0');
    expect(restore({ bet: [0] })).toThrow("state.bet must have 4 values for 'jumper', got 1");
    expect(restore({ bet: [0, 1, 1, 1] })).toThrow(
      'have shares >= 0 that add up to 1, got [1,1,1]',
    );
    expect(restore({ bet: [0, 2, -1, 0] })).toThrow(DataError);
    expect(restore({ config: { ...state.config, alpha: 7 } })).toThrow('alpha must lie in (0, 1)');
  });
});
