/** Names of the betting functions. */
export const BETS = ['jumper', 'mixture', 'power'] as const;
export type BetName = (typeof BETS)[number];

/** Parameters of the betting functions. */
export interface BetSettings {
  readonly bet: BetName;
  /** jumper: share of the capital that is spread anew before each bet. */
  readonly jump: number;
  /** power: exponent; the smaller, the more is bet on small p-values. */
  readonly epsilon: number;
}

/**
 * Capital of a gambler who starts with 1 and bets on p-values at fair odds: each bet multiplies it by a
 * function of p whose integral over [0, 1] is 1, chosen before p is seen.
 */
export interface Bet {
  readonly logCapital: number;
  /** Take one p-value in (0, 1]. */
  take: (pValue: number) => void;
  /** Everything that later bets follow from. */
  readonly state: readonly number[];
}

/** Length of each bet's state. */
export const BET_STATE_LENGTH: Readonly<Record<BetName, number>> = {
  jumper: 4,
  mixture: 2,
  power: 1,
};

/** A bet at its start, or where a state left it. */
export function openBet(settings: BetSettings, state?: readonly number[]): Bet {
  switch (settings.bet) {
    case 'jumper':
      return new Jumper(settings.jump, state);
    case 'mixture':
      return new Mixture(state);
    case 'power':
      return new Power(settings.epsilon, state);
  }
}

/** Slopes that the jumper moves between. */
const SLOPES = [-1, 0, 1] as const;

/**
 * Simple jumper: capital in three accounts, which bet 1 + e (p - 1/2), e = -1, 0, 1; before each bet a share
 * J of every account is put together and spread evenly.
 */
class Jumper implements Bet {
  logCapital: number;
  /** Shares of the accounts, sum 1: the capital itself leaves the range of numbers. */
  private readonly shares: Float64Array;

  constructor(
    private readonly jump: number,
    [logCapital, ...shares]: readonly number[] = [0, 1 / 3, 1 / 3, 1 / 3],
  ) {
    this.logCapital = logCapital;
    this.shares = Float64Array.from(shares);
  }

  get state(): readonly number[] {
    return [this.logCapital, ...this.shares];
  }

  take(pValue: number): void {
    const { shares, jump } = this;
    let total = 0;
    for (let i = 0; i < shares.length; i++) {
      const share = (1 - jump) * shares[i] + jump / shares.length;
      shares[i] = share * (1 + SLOPES[i] * (pValue - 0.5));
      total += shares[i];
    }
    for (let i = 0; i < shares.length; i++) shares[i] /= total;
    this.logCapital += Math.log(total);
  }
}

/** Exponents of the mixture: midpoints of equal parts of [0, 1]. */
const EXPONENTS = Float64Array.from({ length: 100 }, (_, i) => (i + 0.5) / 100);
const LOG_EXPONENTS = EXPONENTS.map(Math.log);

/**
 * Mean of the capitals of 100 power bets e p^(e - 1), which follow from the number of p-values and the sum
 * of their logarithms: the simple mixture, its integral over e taken by the midpoint rule. A mean of
 * martingales is one, so the rule costs no validity.
 */
class Mixture implements Bet {
  private count: number;
  private logSum: number;

  constructor([count, logSum]: readonly number[] = [0, 0]) {
    this.count = count;
    this.logSum = logSum;
  }

  get state(): readonly number[] {
    return [this.count, this.logSum];
  }

  get logCapital(): number {
    const logs = LOG_EXPONENTS.map((log, i) => this.count * log + (EXPONENTS[i] - 1) * this.logSum);
    const most = logs.reduce((a, b) => Math.max(a, b));
    const sum = logs.reduce((total, log) => total + Math.exp(log - most), 0);
    return most + Math.log(sum / logs.length);
  }

  take(pValue: number): void {
    this.count++;
    this.logSum += Math.log(pValue);
  }
}

/** One power bet: e p^(e - 1). */
class Power implements Bet {
  logCapital: number;

  constructor(
    private readonly epsilon: number,
    [logCapital]: readonly number[] = [0],
  ) {
    this.logCapital = logCapital;
  }

  get state(): readonly number[] {
    return [this.logCapital];
  }

  take(pValue: number): void {
    this.logCapital += Math.log(this.epsilon) + (this.epsilon - 1) * Math.log(pValue);
  }
}
