import { LatentError } from '../../errors.js';
import { unlikeFromSimilar } from '../../metrics/index.js';
import type { SageFeatures, SageScores } from '../../models/index.js';
import { scorers } from '../../scorers/index.js';
import type { Scorer, ScorerBank, ScorerInput, ScorerName } from '../../scorers/index.js';
import { sliceRows } from '../../util/rows.js';
import type { Rows } from '../../util/rows.js';

/** Which features a scorer gets. */
export type FeatureKind = 'latents' | 'penultimate';

/** What a score was computed from, for the table. */
export type Fed = FeatureKind | 'logits' | 'errors' | 'all';

/** What is not fed to a scorer, and why. */
export interface LeftOut {
  readonly scorer: string;
  readonly reason: string;
}

/** Everything that scorers learn from, of one model: its training rows and held-out rows. */
export interface PanelBank {
  readonly latents: Rows;
  readonly penultimate: Rows;
  readonly errors: Float64Array;
  /** Undefined for a regression. */
  readonly logits: Rows | undefined;
  readonly labels: Int32Array | undefined;
  readonly head: ScorerBank['head'];
  /** Rows that the network has not seen, for what is calibrated; undefined where they are not known. */
  readonly held: { readonly logits: Rows; readonly labels: Int32Array } | undefined;
}

/** SAGE's own scores, as out-of-distribution scores. */
const SAGE_SCORES = {
  sage: 'all',
  'sage distance': 'latents',
  'sage reconstruction': 'errors',
  'sage task': 'logits',
} as const satisfies Record<string, Fed>;
type SageScoreName = keyof typeof SAGE_SCORES;

/** Rows of a trial by which scorers that cannot score such features are found before the pass. */
const TRIAL_ROWS = 64;

interface Member {
  readonly name: string;
  readonly fed: Fed;
  readonly scorer: Scorer;
}

/** The scorers that a model can feed, fitted on its training rows, and SAGE's own scores. */
export class Panel {
  readonly #members: Member[] = [];
  readonly #leftOut: LeftOut[] = [];

  /** Names with what each is computed from; SAGE's own first. */
  get scores(): readonly { readonly name: string; readonly fed: Fed }[] {
    const own = Object.entries(SAGE_SCORES).map(([name, fed]) => ({ name, fed }));
    return [...own, ...this.#members.map(({ name, fed }) => ({ name, fed }))];
  }

  get leftOut(): readonly LeftOut[] {
    return this.#leftOut;
  }

  /** Leave scorers out that another run cannot feed. */
  keep(names: ReadonlySet<string>): void {
    for (const member of [...this.#members]) {
      if (!names.has(member.name)) this.#remove(member);
    }
  }

  /**
   * Fit every scorer that can be fed.
   * @param features What scorers of features alone get; those that use logits or the head as well get the
   * penultimate features, which the head goes with.
   */
  async fit(
    bank: PanelBank,
    features: FeatureKind,
    onScorer: (done: number, all: number, name: string) => void,
  ): Promise<void> {
    const names = Object.keys(scorers) as ScorerName[];
    for (const [done, name] of names.entries()) {
      onScorer(done, names.length, name);
      const scorer = scorers[name]() as Scorer;
      const fed = fedTo(scorer, features);
      const reason = missingFor(name, scorer, bank);
      if (reason !== undefined) {
        this.#leftOut.push({ scorer: name, reason });
        continue;
      }
      try {
        await scorer.fit(bankFor(name, fed, bank));
        await scorer.score(trialRows(bank, fed));
        this.#members.push({ name, fed, scorer });
      } catch (error) {
        scorer.dispose();
        if (!(error instanceof LatentError)) throw error;
        this.#leftOut.push({ scorer: name, reason: error.message });
      }
    }
  }

  /**
   * All scores of a block of rows, high = unlike the training data. A scorer that refuses the rows, or gives
   * NaN, is left out from then on.
   */
  async score(features: SageFeatures, own: SageScores): Promise<Map<string, ArrayLike<number>>> {
    const out = new Map<string, ArrayLike<number>>(sageScores(own));
    for (const member of [...this.#members]) {
      const { name, fed, scorer } = member;
      try {
        const values = await scorer.score(inputFor(fed, features));
        const bad = values.findIndex((value) => Number.isNaN(value));
        if (bad < 0) out.set(name, values);
        else this.#drop(member, 'it gave NaN');
      } catch (error) {
        if (!(error instanceof LatentError)) throw error;
        this.#drop(member, error.message);
      }
    }
    return out;
  }

  dispose(): void {
    for (const { scorer } of this.#members) scorer.dispose();
    this.#members.length = 0;
  }

  #drop(member: Member, reason: string): void {
    this.#leftOut.push({ scorer: member.name, reason });
    this.#remove(member);
  }

  #remove(member: Member): void {
    member.scorer.dispose();
    this.#members.splice(this.#members.indexOf(member), 1);
  }
}

/** SAGE's scores in the direction of the others; the sub-scores by their raw values, which do not tie. */
function sageScores({ ranking, raw, direction }: SageScores): [SageScoreName, ArrayLike<number>][] {
  const ensemble = unlikeFromSimilar({ values: ranking, direction }, { scale: 'log' });
  return [
    ['sage', ensemble.values],
    ['sage distance', raw.distance],
    ['sage reconstruction', raw.reconstruction],
    ['sage task', raw.task],
  ];
}

function fedTo(scorer: Scorer, features: FeatureKind): Fed {
  const needs = new Set<string>([...scorer.needs.fit, ...scorer.needs.score]);
  if (!needs.has('features') && !needs.has('head'))
    return needs.has('logits') ? 'logits' : 'errors';
  return needs.has('head') || needs.has('logits') ? 'penultimate' : features;
}

/** Why a model cannot feed a scorer; undefined when it can. */
function missingFor(name: ScorerName, scorer: Scorer, bank: PanelBank): string | undefined {
  const needs = new Set<string>([...scorer.needs.fit, ...scorer.needs.score]);
  if (bank.logits === undefined) {
    for (const need of ['logits', 'head', 'labels']) {
      if (needs.has(need)) return `needs ${need}, and the model is a regression`;
    }
  }
  if (name === 'temperatureScaling' && bank.held === undefined) {
    return 'needs held-out rows with labels, and with --bank they are not known';
  }
  return undefined;
}

/** The temperature is fitted on held-out rows: on training rows the network is too sure. */
function bankFor(name: ScorerName, fed: Fed, bank: PanelBank): ScorerBank {
  if (name === 'temperatureScaling') return { ...bank.held };
  const { latents, penultimate, errors, logits, labels, head } = bank;
  return {
    features: fed === 'latents' ? latents : penultimate,
    errors,
    ...(logits === undefined ? {} : { logits }),
    ...(labels === undefined ? {} : { labels }),
    ...(head === undefined ? {} : { head }),
  };
}

function trialRows({ latents, penultimate, errors, logits }: PanelBank, fed: Fed): ScorerInput {
  const features = sliceRows(fed === 'latents' ? latents : penultimate, 0, TRIAL_ROWS);
  const rows = { features, errors: errors.subarray(0, features.count) };
  return logits === undefined ? rows : { ...rows, logits: sliceRows(logits, 0, TRIAL_ROWS) };
}

function inputFor(fed: Fed, { latents, features, logits, errors }: SageFeatures): ScorerInput {
  const rows = { features: fed === 'latents' ? latents : features, errors };
  return logits === undefined ? rows : { ...rows, logits };
}
