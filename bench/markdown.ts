import type { BenchReport, BenchRow, Gap, MetricName, PlaceReport } from './report.js';

/** Figures of one subject in one case. */
interface Line {
  readonly case: string;
  readonly subject: string;
  readonly values: ReadonlyMap<MetricName, number>;
}

const HEAD = `# Benchmarks

Written by \`npm run bench -- --full --write\` from bench/results; do not edit. Every table is headed by
the command that prints it. Results are checked against float64 before anything is timed. Median of the
runs, fastest to slowest in brackets; a run waits until its result is on the host.

- GFLOP/s counts 2 n m d of a search or a matrix of distances, whatever a subject really does, over the
  time of the whole call. GB/s counts every input and output once.
- Share of ceiling: that rate over a large matrix product of the same backend in the same run; for at
  most 8 queries GB/s over a large copy.
- Ratio: time per query over that of the first subject, which is ours. Above 1 is slower than ours,
  **below 1 is faster than ours** (bold).
- A subject too slow or too large for all queries was timed on the first ones, as noted; its rates and
  ratio are per query. What was not run is listed with the reason.
`;

/** BENCHMARKS.md of all devices. */
export function renderReports(reports: readonly BenchReport[]): string {
  return [HEAD, ...reports.map(renderReport)].join('\n');
}

function renderReport(report: BenchReport): string {
  const { device, cores, memoryGiB, date, commit, versions, places } = report;
  const names = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const lines = [
    `## ${device}: ${[...new Set(places.map(({ backend }) => backend))].join(', ')}`,
    '',
    `${date}, commit ${commit}; ${cores} cores, ${memoryGiB} GiB; ${names.join(', ')}.`,
    '',
    ...table(
      ['backend', 'matMul GFLOP/s', 'copy GB/s', 'numpy GFLOP/s', 'numpy GB/s', 'measured by'],
      places.map((place) => [
        placeName(place),
        short(place.ceilings.gflops),
        short(place.ceilings.gbytes),
        place.native === null ? '' : short(place.native.gflops),
        place.native === null ? '' : short(place.native.gbytes),
        `${place.ceilings.how}; ${place.detail}`,
      ]),
    ),
    '',
  ];
  for (const place of places) {
    const own = report.rows.filter((row) => isAt(row, place));
    for (const suite of [...new Set(own.map((row) => row.suite))]) {
      lines.push(
        ...suiteTable(
          place,
          suite,
          own.filter((row) => row.suite === suite),
        ),
      );
    }
  }
  lines.push(...gapList(report.notRun));
  return lines.join('\n');
}

function placeName({ backend, threads }: Pick<PlaceReport, 'backend' | 'threads'>): string {
  if (threads === null) return backend;
  return `${backend}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
}

function isAt(row: BenchRow | Gap, { backend, threads }: PlaceReport): boolean {
  return row.backend === backend && row.threads === threads;
}

function suiteTable(place: PlaceReport, suite: string, rows: readonly BenchRow[]): string[] {
  const lines = linesOf(rows);
  return [
    `### ${suite} on ${placeName(place)}`,
    '',
    `\`${place.command.replaceAll('SUITE', suite)}\``,
    '',
    ...table(
      ['case', 'subject', 'ms', 'GFLOP/s', 'queries/s', 'GB/s', 'of ceiling', 'ratio'],
      lines.map((line) => cells(line, queriesOf(lines, line.case), place)),
    ),
    '',
  ];
}

function linesOf(rows: readonly BenchRow[]): Line[] {
  const lines = new Map<
    string,
    { case: string; subject: string; values: Map<MetricName, number> }
  >();
  for (const row of rows) {
    const key = `${row.case}\n${row.subject}`;
    const line = lines.get(key) ?? { case: row.case, subject: row.subject, values: new Map() };
    line.values.set(row.metric, row.value);
    lines.set(key, line);
  }
  return [...lines.values()];
}

/** Queries of a case: what ours, the first, was timed on. */
function queriesOf(lines: readonly Line[], name: string): number {
  return lines.find((line) => line.case === name)?.values.get('items') ?? 0;
}

/** Most queries at which reading the points is the limit. */
const FEW = 8;

function cells(
  { case: name, subject, values }: Line,
  queries: number,
  place: PlaceReport,
): string[] {
  const value = (metric: MetricName): number => values.get(metric) ?? NaN;
  const items = value('items');
  const note = items < queries ? ` (first ${items})` : '';
  const whole = items === queries;
  const share =
    queries <= FEW && whole
      ? value('bandwidth') / place.ceilings.gbytes
      : value('rate') / place.ceilings.gflops;
  const ratio = value('ratio');
  return [
    name,
    subject + note,
    `${short(value('time'))} (${short(value('fastest'))} to ${short(value('slowest'))})`,
    short(value('rate')),
    short(value('queries')),
    whole ? short(value('bandwidth')) : '',
    `${Math.round(share * 100)} %`,
    ratio < 0.995 ? `**${short(ratio)}**` : short(ratio),
  ];
}

/** What was not run, cases with the same reason in one line. */
function gapList(gaps: readonly Gap[]): string[] {
  if (gaps.length === 0) return [];
  const groups = new Map<string, string[]>();
  for (const gap of gaps) {
    const key = `${gap.suite} on ${placeName(gap)}, ${gap.subject}: ${gap.reason}`;
    groups.set(key, [...(groups.get(key) ?? []), gap.case]);
  }
  return [
    '### Not run',
    '',
    ...[...groups].map(([key, cases]) => `- ${key} (${cases.join('; ')})`),
    '',
  ];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (row: readonly string[]): string => `| ${row.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)];
}

/** Three digits: 0.123, 12.3, 1230. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return '';
  if (value >= 100) return String(Math.round(value));
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** The lines that one case prints on the terminal. */
export function caseText(rows: readonly BenchRow[], place: PlaceReport): string[] {
  const lines = linesOf(rows);
  return lines.map((line) => {
    const [, subject, ms, rate, queries, , share, ratio] = cells(
      line,
      queriesOf(lines, line.case),
      place,
    );
    return `  ${subject.padEnd(44)} ${ms.padStart(24)} ms  ${rate.padStart(8)} GFLOP/s  ${queries.padStart(9)} q/s  ${share.padStart(5)}  x ${ratio.replaceAll('*', '')}`;
  });
}
