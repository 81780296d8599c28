import { inspectBackends, startBackend } from '../backends/index.js';
import type { BackendReport } from '../backends/index.js';
import { writeFileAtomic } from '../data/atomicFile.js';
import { DomainError } from '../errors.js';
import { CAPABILITIES } from '../specs/capabilities.js';
import { VERIFIED_OPS, verifyCases } from '../verify/cases.js';
import { functionCases } from '../verify/functionCases.js';
import { hyperbolicCases } from '../verify/hyperbolicCases.js';
import { relationCases } from '../verify/relationCases.js';
import { PreparedMap } from '../verify/maps.js';
import { flushesSubnormals, PreparedCase } from '../verify/run.js';
import type { VerifyOps, VerifyRow } from '../verify/run.js';
import type { CommandContext } from './context.js';
import { CheckFailed } from './exit.js';
import { formatTable } from './table.js';
import { formatSeconds } from './terminal.js';

export interface VerifyOptions {
  /** Backends, separated by commas. Default: all that run here. */
  readonly backends?: string;
  /** Ops, separated by commas. Default: all. */
  readonly ops?: string;
  /** Only cases whose name contains this text. */
  readonly case?: string;
  /** A selection of the cases that takes seconds. */
  readonly quick?: boolean;
}

/** What stands in for the machine in tests. */
export interface VerifyMachine {
  readonly inspect: () => Promise<readonly BackendReport[]>;
  /** Make a backend the active one. */
  readonly start: (name: string) => Promise<unknown>;
  /** The ops under test; undefined for the library's. */
  readonly ops: VerifyOps | undefined;
}

const THIS_MACHINE: VerifyMachine = {
  inspect: () => inspectBackends(),
  start: (prefer) => startBackend({ prefer }),
  ops: undefined,
};

/** What `--json` gives. */
export interface VerifyReport {
  readonly backends: readonly {
    readonly name: string;
    readonly available: boolean;
    readonly device: string | undefined;
    readonly adapter: string | undefined;
    readonly why: string;
    readonly verified: boolean;
  }[];
  readonly rows: readonly VerifyRow[];
  readonly pass: boolean;
}

/**
 * `verify`: every op on every backend of this machine, in every form, against the float64 oracle.
 * @param file Where the report goes as JSON; undefined: nowhere, or stdout with --json.
 */
export async function verify(
  file: string | undefined,
  options: VerifyOptions,
  { terminal, signal }: CommandContext,
  machine: VerifyMachine = THIS_MACHINE,
): Promise<void> {
  const reports = await machine.inspect();
  const names = backendsOf(options, reports);
  const cases = casesOf(options);
  const toStdout = terminal.json && file === undefined;
  const print = (text: string): void => {
    if (!toStdout) terminal.print(text);
  };
  const rows: VerifyRow[] = [];
  for (const backend of names) {
    await machine.start(backend);
    const flushes = await flushesSubnormals();
    if (!terminal.quiet) {
      print(`${backend}${flushes ? ' (takes subnormal numbers for 0)' : ''}\n${HEAD}`);
    }
    for (const prepared of cases) {
      for (const form of formsOf(prepared.op, backend)) {
        signal.throwIfAborted();
        const row = await prepared.run(form, machine.ops, flushes);
        rows.push(row);
        if (!terminal.quiet || !row.pass) print(lineOf(row));
      }
    }
    if (!terminal.quiet) print('');
  }
  const report = { backends: describe(reports, names), rows, pass: rows.every((row) => row.pass) };
  const text = JSON.stringify(report, null, 1);
  if (file !== undefined) await writeFileAtomic(file, new TextEncoder().encode(`${text}\n`));
  if (toStdout) terminal.print(text);
  print(summaryOf(report));
  const failed = rows.filter(({ pass }) => !pass).length;
  if (failed > 0) throw new CheckFailed(`${failed} of ${rows.length} cases are out of bound`);
}

function backendsOf(options: VerifyOptions, reports: readonly BackendReport[]): string[] {
  const present = reports.filter(({ available }) => available).map(({ name }) => name as string);
  if (options.backends === undefined) return present;
  const wanted = namesIn(options.backends);
  const bad = wanted.find((name) => !present.includes(name));
  if (bad === undefined && wanted.length > 0) return wanted;
  const why = reports.find(({ name }) => name === bad)?.why;
  throw new DomainError({
    op: 'verify',
    arg: '--backends',
    expected: `name backends that run here, out of ${present.join(', ')}`,
    got: JSON.stringify(bad ?? options.backends) + (why === undefined ? '' : ` (${why})`),
  });
}

function casesOf(options: VerifyOptions): (PreparedCase | PreparedMap)[] {
  const known: readonly string[] = [...VERIFIED_OPS, 'relationSteps', 'rowMap'];
  const ops = options.ops === undefined ? known : namesIn(options.ops);
  const bad = ops.find((name) => !known.includes(name));
  if (bad !== undefined || ops.length === 0) {
    throw new DomainError({
      op: 'verify',
      arg: '--ops',
      expected: `name ops out of ${known.join(', ')}`,
      got: JSON.stringify(bad ?? options.ops),
    });
  }
  const text = options.case ?? '';
  const quick = options.quick ?? false;
  const isWanted = ({ op, name }: { readonly op: string; readonly name: string }): boolean =>
    ops.includes(op) && name.includes(text);
  const cases = [
    ...verifyCases(quick)
      .filter(isWanted)
      .map((one) => new PreparedCase(one)),
    ...[...functionCases(quick), ...hyperbolicCases(quick), ...relationCases()]
      .filter(isWanted)
      .map((one) => new PreparedMap(one)),
  ];
  if (cases.length > 0) return cases;
  throw new DomainError({
    op: 'verify',
    arg: '--case',
    expected: 'be part of the name of a case',
    got: JSON.stringify(text),
  });
}

const namesIn = (list: string): string[] => list.split(',').flatMap((name) => name.trim() || []);

/** Our kernel where the backend has one, and the composed form everywhere. */
function formsOf(op: string, backend: string): ('kernel' | 'composed')[] {
  const state = CAPABILITIES.find((row) => row.op === op && row.backend === backend)?.state;
  return state === 'kernel' ? ['kernel', 'composed'] : ['composed'];
}

function describe(
  reports: readonly BackendReport[],
  verified: readonly string[],
): VerifyReport['backends'] {
  return reports.map(({ name, available, device, adapter, why }) => ({
    name,
    available,
    device,
    adapter,
    why,
    verified: verified.includes(name),
  }));
}

// Text

const WIDTHS = [16, 8, 30, 9, 9, 12, 8, 6, 8] as const;
const LEFT = 3;

function columns(cells: readonly string[]): string {
  return cells
    .map((cell, i) => (i < LEFT ? cell.padEnd(WIDTHS[i]) : cell.padStart(WIDTHS[i])))
    .join('  ')
    .trimEnd();
}

const HEAD = columns([
  'op',
  'form',
  'case',
  'max ulp',
  'max rel',
  'bound',
  'indices',
  'bits',
  'ms',
]);

/** One row: `indices` and `bits` count what differs from the oracle's and from the first backend's. */
function lineOf(row: VerifyRow): string {
  const bound =
    row.absolute >= 0.01
      ? `${row.bound} + ${row.absolute} s`
      : String(Math.round(row.bound * 100) / 100);
  const line = columns([
    row.op,
    row.form,
    row.case,
    row.maxUlp >= 1e5 ? row.maxUlp.toExponential(1) : row.maxUlp.toFixed(2),
    row.maxRel.toExponential(1),
    bound,
    row.op === 'knn' ? String(row.mismatches) : '-',
    row.bitDifferences === null ? '-' : String(row.bitDifferences),
    row.milliseconds.toFixed(1),
  ]);
  const verdict = row.pass ? 'pass' : 'FAIL';
  return `${line}  ${verdict}${row.complaint === undefined ? '' : ` ${row.complaint}`}`;
}

function summaryOf({ backends, rows, pass }: VerifyReport): string {
  const groups = backends
    .filter(({ verified }) => verified)
    .flatMap(({ name }) =>
      (['kernel', 'fallback', 'composed'] as const).map((form) => ({
        name,
        form,
        own: rows.filter((row) => row.backend === name && row.form === form),
      })),
    )
    .filter(({ own }) => own.length > 0);
  const table = formatTable(
    [
      ['backend', 'form', 'cases', 'failed', 'worst share of bound', 'other bits', 'time'],
      ...groups.map(({ name, form, own }) => [
        name,
        form,
        String(own.length),
        String(own.filter((row) => !row.pass).length),
        Math.max(...own.map(({ worst }) => worst ?? 0)).toFixed(2),
        String(own.reduce((sum, { bitDifferences }) => sum + (bitDifferences ?? 0), 0)),
        formatSeconds(own.reduce((sum, { milliseconds }) => sum + milliseconds, 0) / 1000),
      ]),
    ],
    [0, 1],
  );
  const absent = backends
    .filter(({ verified }) => !verified)
    .map(({ name, available, why }) => `  ${name}: ${available ? 'not asked for' : why}`);
  return [
    table,
    ...(absent.length === 0 ? [] : ['', 'Not verified:', ...absent]),
    '',
    pass ? 'pass' : 'FAIL',
  ].join('\n');
}
