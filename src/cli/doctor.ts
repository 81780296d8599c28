import { inspectBackends } from '../backends/index.js';
import type { BackendReport } from '../backends/index.js';
import { DomainError } from '../errors.js';
import { CAPABILITIES } from '../specs/capabilities.js';
import type { CommandContext } from './context.js';
import { CheckFailed } from './exit.js';
import { formatTable } from './table.js';

export interface DoctorOptions {
  /** Backends that must run, separated by commas. */
  readonly require?: string;
}

/** `doctor`: what runs on this machine, what does not, why, and what mends it. */
export async function doctor(
  options: DoctorOptions,
  { terminal }: CommandContext,
  inspect: () => Promise<readonly BackendReport[]> = inspectBackends,
): Promise<void> {
  const backends = await inspect();
  const required = requiredNames(options, backends);
  terminal.print(
    terminal.json ? JSON.stringify({ backends }, null, 2) : describeBackends(backends),
  );
  const missing = backends.filter(({ name, available }) => !available && required.includes(name));
  if (missing.length > 0) {
    throw new CheckFailed(`does not run here: ${missing.map(({ name }) => name).join(', ')}`);
  }
}

function requiredNames(options: DoctorOptions, backends: readonly BackendReport[]): string[] {
  const names = (options.require ?? '').split(',').flatMap((name) => name.trim() || []);
  const known = backends.map(({ name }) => name as string);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new DomainError({
      op: 'doctor',
      arg: '--require',
      expected: `name backends out of ${known.join(', ')}`,
      got: JSON.stringify(unknown),
    });
  }
  return names;
}

/** The text of `doctor`: a table, how to mend what is missing, and where an op has no kernel. */
export function describeBackends(backends: readonly BackendReport[]): string {
  const table = formatTable(
    [
      ['backend', 'runs', 'device', 'adapter', 'why'],
      ...backends.map(({ name, available, device, adapter, why }) => [
        name,
        available ? 'yes' : 'no',
        device ?? '',
        adapter ?? '',
        why,
      ]),
    ],
    [0, 1, 2, 3, 4],
  );
  const fixes = backends.flatMap(({ name, available, fix }) =>
    available || fix === undefined ? [] : [`  ${name}: ${fix}`],
  );
  const composed = CAPABILITIES.filter(
    ({ backend, state }) =>
      state !== 'kernel' && backends.some(({ name, available }) => available && name === backend),
  ).map(({ op, backend, state, reason }) => `  ${op} on ${backend}: ${state} (${reason ?? ''})`);
  return [
    table,
    ...section('To make the others run:', fixes),
    ...section('Operations without a kernel of ours:', composed),
  ].join('\n');
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', title, ...lines];
}
