import type { Rows } from '../../util/rows.js';

/** The scores whose ROC is drawn, with the colour of each. */
export const SCORE_NAMES = ['ensemble', 'distance', 'reconstruction', 'task'] as const;
export type ScoreName = (typeof SCORE_NAMES)[number];

/** Values that order the rows of one set; high = like the training data. */
export type ScoreValues = Readonly<Record<ScoreName, ArrayLike<number>>>;

/** One scored set of a report. */
export interface ReportSet {
  readonly name: string;
  readonly rows: number;
  /** The ensemble score in [0, 1], for the histogram. */
  readonly score: ArrayLike<number>;
  readonly medianScore: number;
  /** Ordering values for the ROC against the reference set. */
  readonly order: ScoreValues;
  /** Areas under those curves; absent for the reference set itself. */
  readonly auroc?: Readonly<Record<ScoreName, number>>;
}

/** One epoch; every other numeric key is a curve. */
export type HistoryRow = Readonly<Record<string, number | string>> & { readonly epoch: number };

/** A latent position, already projected to two dimensions. */
export interface LatentPoint {
  readonly set: string;
  readonly label?: number;
  readonly x: number;
  readonly y: number;
}

/** A point of the unit disc. */
export interface DiscPoint {
  readonly x: number;
  readonly y: number;
}

/** Points in the Poincaré disc with lines between them. */
export interface HyperbolicDisc {
  readonly points: readonly (DiscPoint & { readonly name: string })[];
  /** Places in `points`. */
  readonly links: readonly (readonly [from: number, to: number])[];
  /** What the drawing shows. */
  readonly note: string;
}

/** A latent with its standard deviation over the held-out rows. */
export interface LatentSpread {
  readonly index: number;
  readonly deviation: number;
}

/** What the figures of an autoencoder show, all on rows that were held out. */
export interface AutoencoderFigures {
  /** All latents, the largest standard deviation first. */
  readonly latents: readonly LatentSpread[];
  /** Standard deviations along the principal directions of the latents, the largest first; may be empty. */
  readonly directions?: readonly number[];
  /** A latent is live when its standard deviation is above this part of the largest. */
  readonly liveRatio: number;
  readonly pairs: { readonly originals: Rows; readonly reconstructions: Rows };
  readonly traversals: {
    readonly latents: readonly LatentSpread[];
    /** In standard deviations; 0 is among them. */
    readonly offsets: readonly number[];
    /** The latents lie on the unit sphere, and are turned instead of moved. */
    readonly onSphere?: boolean;
    /** One decoded row for every latent and offset, latent by latent. */
    readonly rows: Rows;
    /** Whether they are decoded under a condition: that of the first held-out row. */
    readonly conditioned?: boolean;
  };
  /** Of each feature, for drawing rows that are vectors. */
  readonly scale: { readonly mean: ArrayLike<number>; readonly deviation: ArrayLike<number> };
  readonly points: readonly LatentPoint[];
  /** What the labels of the points are. */
  readonly labels: 'class' | 'real' | 'none';
}

/** Everything on the page; plain data, so that it can be made without a model. */
export interface ReportData {
  readonly title: string;
  /** Short facts in reading order: what was run, with what, how long. */
  readonly facts: readonly { readonly label: string; readonly value: string }[];
  /** The first set is the reference that the others are told apart from. */
  readonly sets: readonly ReportSet[];
  readonly history: readonly HistoryRow[];
  readonly latent: readonly LatentPoint[];
  readonly kept: readonly { readonly fraction: number; readonly value: number }[];
  readonly disc?: HyperbolicDisc;
  readonly autoencoder?: AutoencoderFigures;
  /** What `kept` measures: "accuracy" or "rmse". */
  readonly keptLabel: string;
}
