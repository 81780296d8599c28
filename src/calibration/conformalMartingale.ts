import { checkValues } from '../metrics/checks.js';
import { countUpTo } from '../metrics/empirical.js';
import { Rng } from '../util/rng.js';
import { openBet } from './bets.js';
import type { Bet } from './bets.js';
import { smoothedPValue } from './conformalPValues.js';
import { parseMartingaleConfig, parseMartingaleState } from './martingaleState.js';
import type { MartingaleConfig, MartingaleState } from './martingaleState.js';

/** How a stream is watched. */
export interface MartingaleOptions extends Partial<MartingaleConfig> {
  /**
   * Scores that the stream is compared with from its first row on: held-out in-distribution rows, not those
   * that the score was fitted on. Default none: the stream is then compared with itself only.
   */
  readonly reference?: ArrayLike<number>;
}

/** What one score of the stream changed. */
export interface MartingaleStep {
  /** Smoothed conformal p-value of the score among all before it; low = out of distribution. */
  readonly pValue: number;
  /** Natural logarithm of the martingale: evidence against exchangeability, high = drift. */
  readonly logMartingale: number;
  /** Whether the martingale has ever reached 1 / alpha, now or before. */
  readonly alarm: boolean;
}

/**
 * Test on a stream of scores whether it still looks like its past: a conformal test martingale.
 *
 * Each score gets the smoothed p-value of its rank among all scores so far, reference included,
 * p_n = (#{i < n: s_i > s_n} + U (1 + #{i < n: s_i = s_n})) / n. As long as reference and stream are
 * exchangeable (independent draws from one distribution, in particular) the p_n are independent and uniform.
 * A gambler bets on them at fair odds, M_n = M_{n-1} f_n(p_n) with f_n fixed before p_n and integral 1, so M
 * is a martingale of mean 1, and by Ville's inequality P(M ever reaches 1 / alpha) <= alpha: one may look
 * after every row and stop at will. Bets:
 * - 'jumper' (default): simple jumper, accounts with f = 1 + e (p - 1/2), e = -1, 0, 1, and jump rate J; finds
 *   drift to higher and to lower scores, and goes with changes of direction.
 * - 'mixture': mean over 100 exponents e in (0, 1) of power bets; gains on small p-values only (scores that
 *   rise), quickly so when they are very small; long quiet times before the drift cost it capital.
 * - 'power': f = e p^(e - 1) with one exponent `epsilon`.
 *
 * An alarm says that the scores are not exchangeable, not which rows are at fault. A p-value against a fixed
 * calibration set (conformalPValues) must not be bet on: such p-values depend on each other through the
 * set, and the bound on false alarms does not hold.
 *
 * Scores of the stream join the past, so a drift that is not acted on becomes the new normal: after an alarm
 * start anew with a new reference. Infinite scores count as the largest finite number of their sign, so that
 * the state is plain JSON. A seed makes the random ranks U, and so everything, reproducible.
 *
 * Cost per score: O(log n) to rank, and a move of up to n numbers to insert (8 n bytes of memory in all).
 * Reference: Vovk, Nouretdinov, Gammerman, Testing exchangeability on-line, 2003 (power, mixture); Vovk,
 * Petej, Nouretdinov, Ahlberg, Carlsson, Gammerman, Retrain or not retrain: conformal test martingales for
 * change-point detection, 2021 (simple jumper); Ville, 1939.
 * @example
 * const watch = new ConformalMartingale({ reference: heldOutScores, alpha: 0.01 });
 * for (const score of scores) if (watch.update(score).alarm) break;
 */
export class ConformalMartingale {
  readonly config: MartingaleConfig;
  private bet: Bet;
  private readonly rng: Rng;
  /** The first `count` are the scores so far, ascending; the rest is room to grow. */
  private sorted: Float64Array;
  private count: number;
  private taken = 0;
  private highest = 0;
  private firstAlarm: number | null = null;

  /**
   * @param options.reference Scores, any order. @param options.bet 'jumper', 'mixture' or 'power'.
   * @param options.alpha Bound on the probability of a false alarm, in (0, 1), default 0.01.
   * @param options.jump Jump rate of the jumper, in [0, 1], default 0.01.
   * @param options.epsilon Exponent of the power bet, in (0, 1], default 0.5.
   * @param options.seed Integer, default 0.
   * @throws DomainError for NaN in the reference or a setting out of range.
   */
  constructor(options: MartingaleOptions = {}) {
    const { reference = [], ...config } = options;
    this.config = parseMartingaleConfig(config);
    if (reference.length > 0) checkValues('ConformalMartingale', 'reference', reference);
    this.sorted = Float64Array.from(reference, finite).sort();
    this.count = reference.length;
    this.bet = openBet(this.config);
    this.rng = new Rng(this.config.seed);
  }

  /**
   * Go on from a {@link state}: later steps have the bits of an undisturbed stream.
   * @throws DataError for a state that does not fit the format; DomainError for settings out of range.
   */
  static restore(state: unknown): ConformalMartingale {
    const { config, scores, steps, bet, logHighest, alarmAt, rng } = parseMartingaleState(state);
    const restored = new ConformalMartingale({ ...config, reference: scores });
    restored.taken = steps;
    restored.highest = logHighest;
    restored.firstAlarm = alarmAt;
    restored.rng.restore(rng);
    restored.bet = openBet(config, bet);
    return restored;
  }

  /** Everything that later steps follow from, as plain JSON. */
  get state(): MartingaleState {
    return {
      format: 'conformalMartingale',
      formatVersion: 1,
      config: { ...this.config },
      scores: Array.from(this.sorted.subarray(0, this.count)),
      steps: this.taken,
      bet: [...this.bet.state],
      logHighest: this.highest,
      alarmAt: this.firstAlarm,
      rng: this.rng.state,
    };
  }

  /** Scores taken. */
  get steps(): number {
    return this.taken;
  }

  /** Natural logarithm of the martingale, 0 at the start. */
  get logMartingale(): number {
    return this.bet.logCapital;
  }

  /** Largest logMartingale so far: exp(-logHighest) is a p-value of exchangeability, valid at any time. */
  get logHighest(): number {
    return this.highest;
  }

  /** The step, from 1, at which the martingale first reached 1 / alpha; null before. */
  get alarmAt(): number | null {
    return this.firstAlarm;
  }

  /**
   * Take the next score of the stream, high = out of distribution.
   * @throws DomainError for NaN; nothing is changed then.
   */
  update(score: number): MartingaleStep {
    checkValues('ConformalMartingale.update', 'score', [score]);
    return this.step(finite(score));
  }

  /**
   * Take scores in order, with the effect of one update each.
   * @returns The step of the last one; undefined for no scores.
   * @throws DomainError for NaN; nothing is changed then.
   */
  updateAll(scores: ArrayLike<number>): MartingaleStep | undefined {
    if (scores.length > 0) checkValues('ConformalMartingale.updateAll', 'scores', scores);
    let last: MartingaleStep | undefined;
    for (let i = 0; i < scores.length; i++) last = this.step(finite(scores[i]));
    return last;
  }

  private step(score: number): MartingaleStep {
    const pValue = smoothedPValue(this.sorted, this.count, score, this.rng);
    this.insert(score);
    this.bet.take(pValue);
    this.taken++;
    const { logCapital: logMartingale } = this.bet;
    this.highest = Math.max(this.highest, logMartingale);
    if (logMartingale >= -Math.log(this.config.alpha)) this.firstAlarm ??= this.taken;
    return { pValue, logMartingale, alarm: this.firstAlarm !== null };
  }

  private insert(score: number): void {
    if (this.count === this.sorted.length) {
      const larger = new Float64Array(Math.max(64, 2 * this.count));
      larger.set(this.sorted);
      this.sorted = larger;
    }
    const at = countUpTo(this.sorted.subarray(0, this.count), score);
    this.sorted.copyWithin(at + 1, at, this.count);
    this.sorted[at] = score;
    this.count++;
  }
}

/** Infinities as the largest finite number: JSON has none. */
function finite(score: number): number {
  return Math.min(Number.MAX_VALUE, Math.max(-Number.MAX_VALUE, score));
}
