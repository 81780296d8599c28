/**
 * npx tsx bench/scoreMemory.ts [run folder] [rows ...] [--format csv|npy] [--output file]
 *
 * Peak memory of `tfjs-latent score` for more and more rows, which are made up on the way and come through
 * a pipe: no file of them is ever there. Without a run folder a small model of 8 features is trained.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { runCli } from '../src/cli/program.js';
import { writeNpy } from '../src/data/index.js';
import { formatNpyHeader } from '../src/data/npyFormat.js';
import { uniformRows } from './data.js';

const FEATURES = 8;
const BLOCK = 4096;
/** How often the memory of the process is looked at, in ms. */
const LOOK = 20;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    format: { type: 'string', default: 'npy' },
    output: { type: 'string', default: '/dev/null' },
    backend: { type: 'string', default: 'wasm' },
  },
});

async function train(folder: string): Promise<string> {
  const { data, rows } = uniformRows(2000, FEATURES, 1);
  const labels = Int32Array.from({ length: rows }, (_, i) => Number(data[i * FEATURES] > 0));
  await writeNpy(join(folder, 'x.npy'), data, [rows, FEATURES]);
  await writeNpy(join(folder, 'y.npy'), labels);
  const run = join(folder, 'run');
  const spec = `${join(folder, 'x.npy')}#labels=${join(folder, 'y.npy')}`;
  const code = await runCli(
    [
      ...['train', 'sage', '--data', spec, '--out', run, '--epochs', '1', '--quiet'],
      ...['--set', 'hidden=[16]', '--set', 'latentDim=4', '--backend', 'wasm'],
    ],
    process,
  );
  if (code !== 0) throw new Error('training failed');
  return run;
}

/** Write made-up rows, the same block again and again, as fast as they are taken. */
async function feed(to: Writable, rows: number): Promise<void> {
  const { data } = uniformRows(BLOCK, FEATURES, 3);
  const isNpy = values.format === 'npy';
  const text = Array.from({ length: BLOCK }, (_, i) =>
    data.subarray(i * FEATURES, (i + 1) * FEATURES).join(','),
  );
  if (isNpy) to.write(formatNpyHeader('float32', [rows, FEATURES]));
  for (let first = 0; first < rows; first += BLOCK) {
    const count = Math.min(BLOCK, rows - first);
    const piece = isNpy
      ? new Uint8Array(data.buffer, 0, 4 * FEATURES * count)
      : `${text.slice(0, count).join('\n')}\n`;
    if (!to.write(piece)) await once(to, 'drain');
  }
  to.end();
}

async function measure(run: string, rows: number): Promise<void> {
  const args = ['score', run, '--input', `-#format=${values.format}`, '--quiet'];
  const child = spawn(
    process.execPath,
    [
      ...['--import', 'tsx', 'src/cli/main.ts', ...args],
      ...['--output', values.output, '--format', 'csv', '--backend', values.backend],
    ],
    { stdio: ['pipe', 'inherit', 'inherit'] },
  );
  const start = performance.now();
  let peak = 0;
  const timer = setInterval(() => {
    try {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      peak = Math.max(peak, Number(/VmHWM:\s*(\d+)/.exec(status)?.[1] ?? 0));
    } catch {
      // It is gone; the last look counts.
    }
  }, LOOK);
  const exit = once(child, 'exit');
  await feed(child.stdin, rows);
  const [code] = (await exit) as [number];
  clearInterval(timer);
  if (code !== 0) throw new Error(`score ended with ${code}`);
  const seconds = (performance.now() - start) / 1000;
  console.log(
    `${rows} rows of ${FEATURES} features (${values.format}): peak ${(peak / 1024).toFixed(0)} MiB, ` +
      `${seconds.toFixed(1)} s with start-up, ${(rows / seconds).toFixed(0)} rows/s`,
  );
}

const folder = mkdtempSync(join(tmpdir(), 'latent-memory-'));
try {
  const [named, ...more] = positionals;
  const isFolder = positionals.length > 0 && !/^\d+$/.test(named);
  const counts = (isFolder ? more : positionals).map(Number);
  const run = isFolder ? named : await train(folder);
  for (const rows of counts.length > 0 ? counts : [1e4, 1e5, 1e6, 1e7]) await measure(run, rows);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
