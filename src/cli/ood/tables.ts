import type { Json } from '../../util/artifacts.js';
import { formatTable } from '../table.js';
import { MEASURE_NAMES, MEASURES } from './summary.js';
import type { Figure, Figures, GroupTable, MeasureName, OodReport } from './summary.js';

type Cells = readonly (readonly string[])[];

const LEGEND = [
  'Scores are compared as out-of-distribution scores, high = unlike the training data. AUROC: 0.5 = chance.',
  'AUPR-in has ID rows as positive, AUPR-out the others. FPR95 OOD+: ID rows flagged where 95 % of the other',
  'rows are (OpenOOD); FPR95 ID+: other rows kept where 95 % of the ID rows are. Low is good for both.',
];

const GROUP_TITLES = {
  near: 'Near sets',
  far: 'Far sets',
  shifted: 'Shifted sets (the ID classes, deformed)',
  ood: 'Sets',
} as const;

/** `0.9912`, or `0.9912 ± 0.0031` over several runs. */
function show({ mean, deviation }: Figure): string {
  const text = mean.toFixed(4);
  return deviation === undefined ? text : `${text} ± ${deviation.toFixed(4)}`;
}

/** Mean measures of a group, then the AUROC of each of its sets where there are several. */
function groupCells({ sets, lines }: GroupTable, id: string): Cells {
  const several = sets.length > 1;
  const label = (spec: string): string =>
    spec.startsWith(`${id}@`) ? spec.slice(id.length) : spec;
  const note = several ? 'mean ' : '';
  const measures = MEASURE_NAMES.map((name) => `${note}${MEASURES[name]}`);
  return [
    ['score', 'from', ...measures, ...(several ? sets.map(({ spec }) => label(spec)) : [])],
    ...lines.map(({ score, fed, mean, sets: each }) => [
      score,
      fed,
      ...MEASURE_NAMES.map((name) => show(mean[name])),
      ...(several ? each.map(({ auroc }) => show(auroc)) : []),
    ]),
  ];
}

/** All measures of one set. */
function setCells({ lines }: GroupTable, set: number): Cells {
  return [
    ['score', 'from', ...MEASURE_NAMES.map((name) => MEASURES[name])],
    ...lines.map(({ score, fed, sets }) => [
      score,
      fed,
      ...MEASURE_NAMES.map((name) => show(sets[set][name])),
    ]),
  ];
}

function groupTitle({ group, sets, lines }: GroupTable): string {
  const names = sets.map(({ spec, rows }) => `${spec} (${rows} rows)`).join(', ');
  const columns = sets.length > 1 && lines.length > 0 ? '; columns by set hold AUROC' : '';
  return `${GROUP_TITLES[group]}: ${names}${columns}`;
}

/** What was measured: ID set, runs, what is not there. */
function facts({ runs, id, leftOut, missing }: OodReport): string[] {
  const { figure, measure } = id;
  const result = figure === undefined ? 'no targets' : `${measure} ${show(figure)}`;
  const over = runs.length > 1 ? ` Figures are mean ± standard deviation over the runs.` : '';
  return [
    `ID set: ${id.spec} (${id.rows} rows), ${result}.`,
    `${runs.length > 1 ? 'Runs' : 'Run'}: ${runs.join(', ')}.${over}`,
    ...missing.map(({ spec, group, reason }) => `Missing ${group} set ${spec}: ${reason}`),
    ...leftOut.map(({ scorer, reason }) => `Left out ${scorer}: ${reason}`),
  ];
}

/** For a terminal. */
export function formatText(report: OodReport): string {
  const groups = report.groups.flatMap((group) => [
    groupTitle(group),
    '',
    formatTable(groupCells(group, report.id.spec), [0, 1]),
    '',
  ]);
  return [...groups, ...LEGEND, ...facts(report)].join('\n');
}

/** Markdown: the groups, then every set with all measures. */
export function formatMarkdown(report: OodReport): string {
  const sections = report.groups.flatMap((group) => [
    `## ${groupTitle(group)}`,
    '',
    markdownTable(groupCells(group, report.id.spec)),
    '',
    ...(group.sets.length > 1
      ? group.sets.flatMap(({ spec }, i) => [
          `### ${spec}`,
          '',
          markdownTable(setCells(group, i)),
          '',
        ])
      : []),
  ]);
  const about = [...facts(report), LEGEND.join(' ')].map((line) => `- ${line}`);
  return `${['# Out-of-distribution scores', '', ...about, '', ...sections].join('\n').trimEnd()}\n`;
}

function markdownTable([head, ...rows]: Cells): string {
  const escaped = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const rule = head.map((_, i) => (i < 2 ? '---' : '---:'));
  return [escaped(head), escaped(rule), ...rows.map(escaped)].join('\n');
}

/** One line per score, set and measure; the mean over a group has an empty set. */
export function formatCsv(report: OodReport): string {
  const lines: string[] = [];
  for (const { group, sets, lines: scores } of report.groups) {
    for (const { score, fed, sets: each, mean } of scores) {
      const put = (set: string, rows: number | '', figures: Figures): void => {
        for (const measure of MEASURE_NAMES) {
          const { mean: value, deviation, values } = figures[measure];
          const cells = [group, set, rows, score, fed, measure, value, deviation ?? ''];
          lines.push([...cells, values.length].map(csvCell).join(','));
        }
      };
      put('', '', mean);
      for (const [i, { spec, rows }] of sets.entries()) put(spec, rows, each[i]);
    }
  }
  const head = 'group,set,rows,score,from,measure,mean,deviation,runs';
  return `${[head, ...lines].join('\n')}\n`;
}

function csvCell(value: string | number): string {
  const text = String(value);
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Everything, for programs. */
export function toJson(
  { runs, id, groups, leftOut, missing }: OodReport,
  about: { readonly backend: string; readonly seconds: number },
): { [key: string]: Json } {
  const figure = ({ mean, deviation, values }: Figure): Json => ({
    mean,
    deviation: deviation ?? null,
    values: [...values],
  });
  const figures = (all: Figures): { [key in MeasureName]: Json } =>
    Object.fromEntries(MEASURE_NAMES.map((name) => [name, figure(all[name])])) as {
      [key in MeasureName]: Json;
    };
  return {
    ...about,
    runs: [...runs],
    direction: 'high-is-unlike',
    tpr: 0.95,
    id: {
      spec: id.spec,
      rows: id.rows,
      ...(id.measure === undefined || id.figure === undefined
        ? {}
        : { [id.measure]: figure(id.figure) }),
    },
    groups: Object.fromEntries(
      groups.map(({ group, sets, lines }) => [
        group,
        {
          sets: sets.map(({ spec, rows }) => ({ spec, rows })),
          scores: lines.map(({ score, fed, mean, sets: each }) => ({
            score,
            from: fed,
            mean: figures(mean),
            sets: Object.fromEntries(sets.map(({ spec }, i) => [spec, figures(each[i])])),
          })),
        },
      ]),
    ),
    leftOut: leftOut.map((each) => ({ ...each })),
    missing: missing.map((each) => ({ ...each })),
  };
}
