import { describe, expect, it } from 'vitest';
import { doctor } from '../../src/cli/doctor.js';
import type { DoctorOptions } from '../../src/cli/doctor.js';
import { Terminal } from '../../src/cli/terminal.js';
import { testStreams } from './streams.js';

const REPORTS = [
  { name: 'wasm', available: true, device: 'cpu', adapter: 'SIMD, 2 threads', why: 'runs' },
  {
    name: 'webgpu',
    available: false,
    device: undefined,
    adapter: undefined,
    why: 'the package webgpu is not installed',
    fix: 'npm install webgpu',
  },
] as const;

async function run(
  options: DoctorOptions,
  json = false,
): Promise<{ error: unknown; stdout: string }> {
  const io = testStreams();
  const terminal = new Terminal(io.streams, { json });
  const context = { terminal, signal: new AbortController().signal };
  const error: unknown = await doctor(options, context, () => Promise.resolve(REPORTS)).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return { error, stdout: io.stdout() };
}

describe('doctor', () => {
  it('says what runs, why not, and what mends it', async () => {
    const { error, stdout } = await run({});
    expect(error).toBeUndefined();
    expect(stdout).toMatch(/^wasm +yes +cpu +SIMD, 2 threads/m);
    expect(stdout).toMatch(/^webgpu +no +the package webgpu is not installed/m);
    expect(stdout).toContain('webgpu: npm install webgpu');
  });

  it('--json prints the reports', async () => {
    const { stdout } = await run({}, true);
    expect(JSON.parse(stdout)).toEqual({
      backends: REPORTS.map((report) => JSON.parse(JSON.stringify(report)) as unknown),
    });
  });

  it('--require fails the check for a backend that does not run', async () => {
    const { error } = await run({ require: 'wasm,webgpu' });
    expect(error).toMatchObject({ name: 'CheckFailed', message: 'does not run here: webgpu' });
    expect((await run({ require: 'wasm' })).error).toBeUndefined();
  });

  it('--require rejects an unknown name', async () => {
    const { error } = await run({ require: 'metal' });
    expect(error).toMatchObject({ name: 'DomainError' });
    expect(String(error)).toContain(
      '--require must name backends out of wasm, webgpu, got "metal"',
    );
  });
});
