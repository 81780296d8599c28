import { z } from 'zod';
import { DataError, DomainError } from '../errors.js';
import type { RngState } from '../util/rng.js';
import { BET_STATE_LENGTH, BETS } from './bets.js';
import type { BetSettings } from './bets.js';

/** What a martingale is started with, all filled in. */
export interface MartingaleConfig extends BetSettings {
  /** Largest probability of a false alarm, ever. */
  readonly alpha: number;
  readonly seed: number;
}

/** Where a martingale stands; plain JSON. */
export interface MartingaleState {
  readonly format: 'conformalMartingale';
  readonly formatVersion: 1;
  readonly config: MartingaleConfig;
  /** All scores seen, those of the reference too, ascending. */
  readonly scores: readonly number[];
  /** Scores taken by update. */
  readonly steps: number;
  readonly bet: readonly number[];
  readonly logHighest: number;
  readonly alarmAt: number | null;
  readonly rng: RngState;
}

const OP = 'ConformalMartingale';

/** How far the jumper's shares may be from 1 in sum: far above rounding, far below any damage. */
const SHARE_ROUNDING = 1e-9;

/**
 * Fill in defaults and check.
 * @throws DomainError naming the setting, its rule and the value.
 */
export function parseMartingaleConfig(given: Partial<MartingaleConfig>): MartingaleConfig {
  const { bet = 'jumper', jump = 0.01, epsilon = 0.5, alpha = 0.01, seed = 0 } = given;
  const check = (arg: string, good: boolean, expected: string, got: unknown): void => {
    if (!good) throw new DomainError({ op: OP, arg, expected, got: String(got) });
  };
  check('bet', BETS.includes(bet), `be one of ${BETS.join(', ')}`, bet);
  check('jump', jump >= 0 && jump <= 1, 'lie in [0, 1]', jump);
  check('epsilon', epsilon > 0 && epsilon <= 1, 'lie in (0, 1]', epsilon);
  check('alpha', alpha > 0 && alpha < 1, 'lie in (0, 1)', alpha);
  check('seed', Number.isSafeInteger(seed), 'be an integer', seed);
  return Object.freeze({ bet, jump, epsilon, alpha, seed });
}

const schema = z.strictObject({
  format: z.literal('conformalMartingale'),
  formatVersion: z.literal(1),
  config: z.strictObject({
    bet: z.enum(BETS),
    jump: z.number(),
    epsilon: z.number(),
    alpha: z.number(),
    seed: z.number(),
  }),
  scores: z.array(z.number()),
  steps: z.int().nonnegative(),
  bet: z.array(z.number()),
  logHighest: z.number(),
  alarmAt: z.int().positive().nullable(),
  rng: z.tuple([z.number(), z.number(), z.number(), z.number(), z.number().nullable()]),
});

/**
 * Check a state from a file.
 * @throws DataError naming the first field at fault; DomainError for a setting out of range.
 */
export function parseMartingaleState(value: unknown): MartingaleState {
  const fail = (field: string, expected: string, got: string): DataError =>
    new DataError({ op: `${OP}.restore`, arg: `state${field}`, expected, got });
  const parsed = schema.safeParse(value, { reportInput: true });
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const field = issue.path.map((part) => `.${String(part)}`).join('');
    throw fail(field, `fit the format (${issue.message})`, shown(issue.input));
  }
  const state = parsed.data;
  const { scores, steps, bet, config } = state;
  for (let i = 1; i < scores.length; i++) {
    if (scores[i] < scores[i - 1]) {
      throw fail('.scores', 'be ascending', `${scores[i]} after ${scores[i - 1]}`);
    }
  }
  if (steps > scores.length) {
    throw fail('.steps', `be at most ${scores.length}, the number of scores`, String(steps));
  }
  const length = BET_STATE_LENGTH[config.bet];
  if (bet.length !== length) {
    throw fail('.bet', `have ${length} values for '${config.bet}'`, `${bet.length} values`);
  }
  const shares = config.bet === 'jumper' ? bet.slice(1) : [1];
  const total = shares.reduce((sum, share) => sum + share, 0);
  if (shares.some((share) => share < 0) || Math.abs(total - 1) > SHARE_ROUNDING) {
    throw fail('.bet', 'have shares >= 0 that add up to 1', JSON.stringify(shares));
  }
  parseMartingaleConfig(config);
  return state;
}

/** At most a line of a value. */
function shown(value: unknown): string {
  const text = JSON.stringify(value) as string | undefined;
  return text === undefined ? 'undefined' : text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
