import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import type { BackendReport } from '../../src/backends/doctor.js';
import { BACKENDS } from '../../src/specs/capabilities.js';

/** One backend as the tests see it. */
export interface TestBackend {
  readonly name: string;
  readonly available: boolean;
  /** Adapter or device when available, the reason when not. */
  readonly detail: string;
}

declare module 'vitest' {
  export interface ProvidedContext {
    backends: TestBackend[];
  }
}

/** In a process of its own: the module loader of this file has another copy of tfjs than the packages. */
function inspectInChild(): BackendReport[] {
  const program = fileURLToPath(new URL('inspect.ts', import.meta.url));
  const output = execFileSync(process.execPath, ['--import', 'tsx', program], { encoding: 'utf8' });
  return JSON.parse(output.slice(output.lastIndexOf('\n') + 1)) as BackendReport[];
}

/** Find out once which backends this machine has, say so, and insist on those that are required. */
export default function setup(project: TestProject): void {
  const reports = inspectInChild();
  const backends = reports.map(({ name, available, adapter, device, why }) => ({
    name,
    available,
    detail: available ? [device, adapter].filter(Boolean).join(', ') : why,
  }));
  const lines = backends.map(
    ({ name, available, detail }) => `  ${name}: ${available ? 'runs' : 'NOT TESTED'} (${detail})`,
  );
  console.log(`Backends on this machine:\n${lines.join('\n')}`);

  const required = (process.env.REQUIRE_BACKENDS ?? '').split(',').filter((name) => name !== '');
  const unknown = required.filter((name) => !BACKENDS.some((known) => known === name));
  if (unknown.length > 0) throw new Error(`REQUIRE_BACKENDS names unknown: ${unknown.join(', ')}`);
  const missing = backends.filter(({ name, available }) => !available && required.includes(name));
  if (missing.length > 0) {
    const list = missing.map(({ name, detail }) => `${name} (${detail})`).join('; ');
    throw new Error(`REQUIRE_BACKENDS asks for backends that do not run here: ${list}`);
  }
  project.provide('backends', backends);
}
