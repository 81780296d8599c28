#!/usr/bin/env node
/**
 * Build the package into dist/. Each step is skipped while the files that it reads are unchanged.
 *
 *   node scripts/build.mjs               wasm module, JavaScript, type declarations
 *   node scripts/build.mjs --no-types    what running the command line needs
 *   node scripts/build.mjs --wasm-only   what running the tests from src/ needs
 *   --force                              build even when nothing changed
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join, relative, resolve, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = resolve(fileURLToPath(import.meta.url), '../..');
const STAMP = 'dist/.stamp';
const GENERATED = 'src/kernels/wasm/latentModule.generated.ts';

/** Files that users import or run; shared code goes into chunks so that there is one copy of it. */
const ENTRY_POINTS = [
  'src/index.ts',
  'src/backends/index.ts',
  'src/calibration/index.ts',
  'src/data/index.ts',
  'src/metrics/index.ts',
  'src/models/index.ts',
  'src/kernels/cpu/register.ts',
  'src/kernels/wasm/register.ts',
  'src/kernels/webgpu/register.ts',
  'src/kernels/tensorflow/register.ts',
  'src/cli/main.ts',
];

/** All files under a folder, or the file itself, as sorted paths relative to the repository. */
async function filesOf(path) {
  const full = join(ROOT, path);
  if (!existsSync(full)) return [];
  const entries = await readdir(full, { recursive: true, withFileTypes: true }).catch((error) => {
    if (error.code === 'ENOTDIR') return undefined;
    throw error;
  });
  if (entries === undefined) return [path];
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) =>
      relative(ROOT, join(entry.parentPath ?? entry.path, entry.name))
        .split(sep)
        .join('/'),
    )
    .sort();
}

/** One hash over names and contents. */
async function hashOf(paths) {
  const hash = createHash('sha256');
  for (const path of (await Promise.all(paths.map(filesOf))).flat()) {
    const content = await readFile(join(ROOT, path));
    hash.update(`${path}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}

/** Run a Node script; its output is shown, a failure stops the build. */
function runNode(label, args) {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, args, { cwd: ROOT, stdio: 'inherit' });
    child.on('error', fail);
    child.on('exit', (code, signal) => {
      if (code === 0) done();
      else fail(new BuildFailure(`${label} failed (${signal ?? `exit code ${code}`})`));
    });
  });
}

class BuildFailure extends Error {}

async function buildWasm() {
  await runNode('the wasm module', ['scripts/buildWasm.mjs']);
}

async function buildJavaScript() {
  const { build } = await import('esbuild');
  const old = (await filesOf('dist')).filter((path) => !path.startsWith('dist/types/'));
  await Promise.all(old.map((path) => rm(join(ROOT, path))));
  await build({
    absWorkingDir: ROOT,
    entryPoints: ENTRY_POINTS,
    outbase: 'src',
    outdir: 'dist',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'neutral',
    // Node's own modules are loaded by dynamic import where the code runs in browsers too.
    external: ['node:*'],
    packages: 'external',
    target: ['es2022', 'node20'],
    sourcemap: true,
    chunkNames: 'chunks/[name]-[hash]',
    logLevel: 'warning',
  });
  await chmod(join(ROOT, 'dist/cli/main.js'), 0o755);
  // A program of its own, which the command line starts.
  await build({
    absWorkingDir: ROOT,
    entryPoints: ['bench/run.ts'],
    outfile: 'dist/bench/run.js',
    bundle: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    target: 'node20',
    logLevel: 'warning',
  });
  await copyFile(join(ROOT, 'bench/peers/peers.py'), join(ROOT, 'dist/bench/peers.py'));
}

async function buildTypes() {
  await rm(join(ROOT, 'dist/types'), { recursive: true, force: true });
  await runNode('the type declarations', [
    'node_modules/typescript/bin/tsc',
    '-p',
    'tsconfig.build.json',
  ]);
}

const RECIPE = ['package.json', 'scripts/build.mjs'];
const SOURCES = ['src', 'bench', 'package-lock.json', ...RECIPE];
const STEPS = [
  {
    name: 'wasm module',
    inputs: ['src/kernels/wasm/assembly', 'scripts/buildWasm.mjs'],
    output: GENERATED,
    run: buildWasm,
  },
  { name: 'JavaScript', inputs: SOURCES, output: 'dist/cli/main.js', run: buildJavaScript },
  {
    name: 'types',
    inputs: [...SOURCES, 'tsconfig.json', 'tsconfig.build.json'],
    output: 'dist/types/index.d.ts',
    run: buildTypes,
  },
];

async function main(args) {
  const known = ['--wasm-only', '--no-types', '--force'];
  const unknown = args.find((arg) => !known.includes(arg));
  if (unknown !== undefined) {
    throw new BuildFailure(`unknown option ${unknown}; known: ${known.join(', ')}`);
  }
  const count = args.includes('--wasm-only') ? 1 : args.includes('--no-types') ? 2 : 3;
  const steps = STEPS.slice(0, count);
  const stamp = await readFile(join(ROOT, STAMP), 'utf8').then(JSON.parse, () => ({}));
  for (const step of steps) {
    // Hashed here, not before the loop: the wasm step writes a file that the next steps read.
    const hash = await hashOf(step.inputs);
    const fresh = stamp[step.name] === hash && existsSync(join(ROOT, step.output));
    if (fresh && !args.includes('--force')) {
      console.error(`build: ${step.name} is up to date`);
      continue;
    }
    const start = performance.now();
    await step.run();
    stamp[step.name] = hash;
    await mkdir(join(ROOT, 'dist'), { recursive: true });
    await writeFile(join(ROOT, STAMP), `${JSON.stringify(stamp, null, 2)}\n`);
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    console.error(`build: ${step.name} built in ${seconds} s`);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    await main(process.argv.slice(2));
  } catch (error) {
    // esbuild and tsc have printed their own messages; a stack of ours would hide them.
    const known = error instanceof BuildFailure || Array.isArray(error?.errors);
    console.error(`build: ${known ? error.message.split('\n')[0] : (error?.stack ?? error)}`);
    process.exitCode = 1;
  }
}
