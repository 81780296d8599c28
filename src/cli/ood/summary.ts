import { meanAndDeviation } from '../../metrics/index.js';
import type { OodMeasures } from '../../metrics/index.js';
import type { Fed, LeftOut } from './panel.js';
import type { PassResult, SetResult } from './pass.js';
import type { LoadedRun } from './run.js';
import { GROUPS } from './sets.js';
import type { GroupName, MissingSet } from './sets.js';

/** Measures in the order of the tables, with what a reader is told. */
export const MEASURES = {
  auroc: 'AUROC',
  auprIn: 'AUPR-in',
  auprOut: 'AUPR-out',
  fprOodPositive: 'FPR95 OOD+',
  fprIdPositive: 'FPR95 ID+',
} as const satisfies Partial<Record<keyof OodMeasures, string>>;
export type MeasureName = keyof typeof MEASURES;
export const MEASURE_NAMES = Object.keys(MEASURES) as MeasureName[];

/** A figure of one or several runs. */
export interface Figure {
  readonly mean: number;
  /** Standard deviation over runs, divided by n - 1; undefined for one run. */
  readonly deviation: number | undefined;
  readonly values: readonly number[];
}

export type Figures = Readonly<Record<MeasureName, Figure>>;

/** One line: a score and how well it tells the sets of a group from the ID set. */
export interface ScoreLine {
  readonly score: string;
  readonly fed: Fed;
  /** In the order of the group's sets. */
  readonly sets: readonly Figures[];
  /** Mean over the sets, taken in each run. */
  readonly mean: Figures;
}

export interface GroupTable {
  readonly group: GroupName;
  readonly sets: readonly { readonly spec: string; readonly rows: number }[];
  /** Highest mean AUROC first. */
  readonly lines: readonly ScoreLine[];
}

export interface OodReport {
  readonly runs: readonly string[];
  readonly id: {
    readonly spec: string;
    readonly rows: number;
    readonly measure: 'accuracy' | 'rmse' | undefined;
    readonly figure: Figure | undefined;
  };
  readonly groups: readonly GroupTable[];
  readonly leftOut: readonly LeftOut[];
  readonly missing: readonly MissingSet[];
}

/** Means over sets, then over runs. A score that a run lacks is in no table. */
export function reportOf(
  runs: readonly LoadedRun[],
  { id, sets }: PassResult,
  missing: readonly MissingSet[],
): OodReport {
  const known = runs[0].panel.scores.filter(({ name }) =>
    sets.every(({ measures }) => measures.every((byScore) => byScore.has(name))),
  );
  const groups = GROUPS.flatMap((group): GroupTable[] => {
    const members = sets.filter(({ set }) => set.group === group);
    if (members.length === 0) return [];
    const lines = known.map(({ name, fed }) => lineOf(name, fed, members, runs.length));
    lines.sort((a, b) => b.mean.auroc.mean - a.mean.auroc.mean);
    const facts = members.map(({ set, rows }) => ({ spec: set.spec, rows }));
    return [{ group, sets: facts, lines }];
  });
  const { spec, rows, result } = id;
  const figure = result && figureOf(result.values);
  return {
    runs: runs.map(({ dir }) => dir),
    id: { spec, rows, measure: result?.measure, figure },
    groups,
    leftOut: leftOutOf(runs),
    missing,
  };
}

function lineOf(score: string, fed: Fed, members: readonly SetResult[], runs: number): ScoreLine {
  const valueOf = (member: SetResult, run: number, measure: MeasureName): number => {
    const found = member.measures[run].get(score);
    if (found === undefined) throw new Error(`${score} was measured on every set`);
    return found[measure];
  };
  const order = Array.from({ length: runs }, (_, run) => run);
  const figures = (of: (run: number, measure: MeasureName) => number): Figures =>
    Object.fromEntries(
      MEASURE_NAMES.map((measure) => [measure, figureOf(order.map((run) => of(run, measure)))]),
    ) as Record<MeasureName, Figure>;
  return {
    score,
    fed,
    sets: members.map((member) => figures((run, measure) => valueOf(member, run, measure))),
    mean: figures(
      (run, measure) =>
        meanAndDeviation(members.map((member) => valueOf(member, run, measure))).mean,
    ),
  };
}

function figureOf(values: readonly number[]): Figure {
  return { ...meanAndDeviation(values), values };
}

/** Every scorer that a run left out, once, with the first reason. */
function leftOutOf(runs: readonly LoadedRun[]): LeftOut[] {
  const reasons = new Map<string, string>();
  for (const { dir, panel } of runs) {
    for (const { scorer, reason } of panel.leftOut) {
      if (reasons.has(scorer)) continue;
      reasons.set(scorer, runs.length > 1 ? `${dir}: ${reason}` : reason);
    }
  }
  return [...reasons].map(([scorer, reason]) => ({ scorer, reason }));
}
