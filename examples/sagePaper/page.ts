/** A results page as Markdown. */
import { FRACTIONS, standardErrors, valueAt, worseSteps } from './results.js';
import type { Curve, Measure, ModelSummary, SetSummary, Step } from './results.js';
import { SCORES } from './scoring.js';
import type { PerScore } from './scoring.js';

/** A goal, and what became of it. */
export interface Claim {
  readonly text: string;
  readonly holds: boolean;
  readonly evidence: string;
}

export interface PageInput {
  readonly title: string;
  /** The command that prints the page. */
  readonly command: string;
  readonly facts: readonly (readonly [label: string, value: string])[];
  /** What is smaller than in the paper, or otherwise not as there. */
  readonly shortened: readonly string[];
  readonly measure: Measure;
  readonly models: readonly ModelSummary[];
  readonly claims: readonly Claim[];
  /** File names of the figures, beside the page. */
  readonly figures: { readonly scores: string; readonly kept: string };
}

/** Fractions in the table of performance. */
const SHOWN = [1, 0.95, 0.9, 0.8, 0.7, 0.5];

export function renderPage(input: PageInput): string {
  const { title, command, facts, shortened, models, claims, figures, measure } = input;
  return [
    `# ${title}`,
    'Printed, with all its figures, by',
    '```sh\n' + command + '\n```',
    facts.map(([label, value]) => `- ${label}: ${value}`).join('\n'),
    'Not as in the paper:',
    shortened.map((line) => `- ${line}`).join('\n'),
    '## What was to be shown',
    claims
      .map(({ text, holds, evidence }) => `- **${verdictOf(holds)}** ${text}: ${evidence}.`)
      .join('\n'),
    ...models.flatMap((model, i) => renderModel(model, measure, i === 0 ? figures : undefined)),
  ]
    .join('\n\n')
    .concat('\n');
}

function renderModel(
  summary: ModelSummary,
  measure: Measure,
  figures: PageInput['figures'] | undefined,
): string[] {
  const { model, sets, curves } = summary;
  const { name, config, epochs, trainRows } = model;
  return [
    `## ${name}`,
    `${trainRows} training rows, ${epochs} epochs. Settings beside the defaults of \`Sage\`: ` +
      `\`${JSON.stringify(config)}\`.`,
    'Scores and probabilities are high for rows like the training data. AUROC: the test rows against the ' +
      'set, by the ranking for the ensemble and by raw values for the sub-scores; 0.5 is chance.',
    table(
      [
        ...[
          'set',
          'rows',
          'median score',
          'median distance',
          'median reconstruction',
          'median task',
        ],
        ...['AUROC ensemble', 'AUROC distance', 'AUROC reconstruction', 'AUROC task'],
      ],
      sets.map(setRow),
    ),
    ...(figures === undefined
      ? []
      : [`![Scores by set: quartiles and the inner 90 %](${figures.scores})`]),
    `Exact ties at the lowest and at the highest value, share of rows:`,
    table(
      ['set', 'score, low', 'score, high', 'ranking, low', 'ranking, high'],
      sets.map(({ name: set, ties }) => [
        set,
        ...[ties.score.low, ties.score.high, ties.ranking.low, ties.ranking.high].map(percent),
      ]),
    ),
    `${measure === 'accuracy' ? 'Accuracy' : 'RMSE'} on the rows kept, when those with the lowest ranking ` +
      'are dropped first:',
    table(
      ['set', 'predictor', ...SHOWN.map((f) => `${Math.round(100 * f)} %`), 'never worse'],
      curves.map((curve) => curveRow(curve, measure)),
    ),
    ...(figures === undefined
      ? []
      : [`![${measure} against the share of rows kept](${figures.kept})`]),
  ];
}

function verdictOf(holds: boolean): string {
  return holds ? 'Holds.' : 'Does not hold.';
}

function setRow({ name, rows, median, auroc }: SetSummary): string[] {
  const cells = (values: PerScore | undefined, digits: number): string[] =>
    SCORES.map((score) => (values === undefined ? '-' : values[score].toFixed(digits)));
  return [name, String(rows), ...cells(median, 3), ...cells(auroc, 4)];
}

function curveRow(curve: Curve, measure: Measure): string[] {
  const worse = worseSteps(curve, measure);
  const values = SHOWN.map((fraction) => formatValue(valueAt(curve, fraction), measure));
  const steps = FRACTIONS.length - 1;
  const verdict =
    worse.length === 0
      ? 'yes'
      : `no, ${worse.length} of ${steps} steps${inErrors(worse[0], measure)}`;
  return [curve.set, curve.predictor, ...values, verdict];
}

/** How large a step is beside chance, where that is known. */
function inErrors(step: Step, measure: Measure): string {
  const errors = standardErrors(step, measure);
  return errors === undefined ? '' : `, at most ${errors.toFixed(1)} standard errors`;
}

/** The paper's claim, for the curves of a model: none gets worse as rows are dropped. */
export function monotoneClaim({ curves, model }: ModelSummary, measure: Measure): Claim[] {
  const kinds = ['train', 'test', 'deformed'] as const;
  return kinds.flatMap((kind) => {
    const own = curves.filter((curve) => curve.kind === kind);
    if (own.length === 0) return [];
    const bad = own.flatMap((curve) => {
      const steps = worseSteps(curve, measure);
      return steps.length === 0 ? [] : [{ curve, largest: steps[0] }];
    });
    const sign = measure === 'accuracy' ? 1 : -1;
    const better = own.filter((one) => sign * (valueAt(one, 0.5) - valueAt(one, 1)) > 0).length;
    const evidence = [
      `${own.length - bad.length} of ${own.length} curves never get worse in ${FRACTIONS.length - 1} steps; ` +
        `${better} are better on the best half than on all`,
      ...bad.map(
        ({ curve: { set, predictor }, largest }) =>
          `${set}, ${predictor}, at worst ${formatValue(largest.from.value, measure)} to ` +
          `${formatValue(largest.to.value, measure)} at ${percent(largest.to.fraction)}` +
          inErrors(largest, measure),
      ),
    ].join('; ');
    const text = `${model.name}: ${measure} on ${kind} rows never gets worse as low scores are dropped, 100 % to 50 %`;
    return [{ text, holds: bad.length === 0, evidence }];
  });
}

export function formatValue(value: number, measure: Measure): string {
  return measure === 'accuracy' ? `${(100 * value).toFixed(2)} %` : value.toFixed(3);
}

export function percent(share: number): string {
  return `${Number((100 * share).toFixed(2))} %`;
}

/** A Markdown table, first column text, the others right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((cell, j) =>
    Math.max(3, cell.length, ...rows.map((row) => row[j].length)),
  );
  const isNumber = head.map((_, j) => rows.every((row) => /^[-\d. %]+$/.test(row[j])));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, j) => (isNumber[j] ? cell.padStart(widths[j]) : cell.padEnd(widths[j]))).join(' | ')} |`;
  const rule = widths.map((width, j) => '-'.repeat(width - 1) + (isNumber[j] ? ':' : '-'));
  return [line(head), `| ${rule.join(' | ')} |`, ...rows.map(line)].join('\n');
}
