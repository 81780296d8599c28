#!/usr/bin/env node
/**
 * Run every example and check what it prints: each folder of examples/ holds main.ts and expected.txt,
 * whose lines are regular expressions that must match lines of the output in the same order. An example
 * whose full run takes long also has arguments.txt: the arguments, one a line, of a quick one.
 *
 *   node scripts/examples.mjs [name ...]
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = resolve(fileURLToPath(import.meta.url), '../..');
const run = promisify(execFile);

/** The first expected line that the output lacks, or undefined. */
function firstMissing(output, expected) {
  const lines = output.split('\n');
  let at = 0;
  for (const pattern of expected) {
    const found = lines.findIndex((line, i) => i >= at && new RegExp(`^${pattern}$`).test(line));
    if (found < 0) return pattern;
    at = found + 1;
  }
  return undefined;
}

function linesOf(text) {
  return text.split('\n').filter((line) => line !== '');
}

async function check(name) {
  const folder = join(ROOT, 'examples', name);
  const expected = await readFile(join(folder, 'expected.txt'), 'utf8');
  const file = join(folder, 'arguments.txt');
  const args = existsSync(file) ? linesOf(await readFile(file, 'utf8')) : [];
  const start = performance.now();
  const { stdout } = await run(
    process.execPath,
    ['--import', 'tsx', join(folder, 'main.ts'), ...args],
    {
      cwd: ROOT,
      timeout: 180_000,
    },
  );
  const missing = firstMissing(stdout, linesOf(expected));
  if (missing !== undefined) throw new Error(`no line matches ${missing} in:\n${stdout}`);
  return ((performance.now() - start) / 1000).toFixed(1);
}

const asked = process.argv.slice(2);
const folders = (await readdir(join(ROOT, 'examples'), { withFileTypes: true }))
  .filter(
    (entry) => entry.isDirectory() && existsSync(join(ROOT, 'examples', entry.name, 'main.ts')),
  )
  .map((entry) => entry.name);
const unknown = asked.filter((name) => !folders.includes(name));
if (unknown.length > 0) {
  console.error(`examples: no example ${unknown.join(', ')}; there are ${folders.join(', ')}`);
  process.exit(2);
}
let failed = 0;
for (const name of asked.length > 0 ? asked : folders) {
  try {
    console.log(`example ${name}: ok in ${await check(name)} s`);
  } catch (error) {
    failed++;
    console.error(`example ${name}: FAILED: ${error.message}\n${error.stderr ?? ''}`);
  }
}
process.exitCode = failed === 0 ? 0 : 1;
