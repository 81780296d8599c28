#!/usr/bin/env node
/**
 * Does the package work where only its tarball is installed? Packs it, installs it with tfjs into an
 * empty folder, and uses it there as a stranger would: imports, types, a browser bundle, the command line.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';

const ROOT = resolve(fileURLToPath(import.meta.url), '../..');
const run = promisify(execFile);
const manifest = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
const subpaths = Object.keys(manifest.exports)
  .filter((key) => key !== './package.json')
  .map((key) => key.replace(/^\./, manifest.name));

function assert(condition, message) {
  if (!condition) throw new Error(message);
}

const npm = (args, cwd) =>
  run('npm', args, { cwd, shell: process.platform === 'win32', maxBuffer: 1 << 26 });
const node = (args, cwd) => run(process.execPath, args, { cwd, maxBuffer: 1 << 26 });

/** Two well separated classes in four features. */
function toyCsv(rows) {
  const lines = ['a,b,c,d,label'];
  for (let i = 0; i < rows; i++) {
    const label = i % 2;
    const features = [0, 1, 2, 3].map((j) => label + Math.sin(12.9898 * (i + 1) * (j + 1)) / 4);
    lines.push([...features.map((x) => x.toFixed(5)), label].join(','));
  }
  return `${lines.join('\n')}\n`;
}

async function install(app) {
  await node(['scripts/build.mjs'], ROOT);
  const { stdout } = await npm(['pack', '--json', '--pack-destination', app], ROOT);
  const [{ filename, files, unpackedSize }] = JSON.parse(stdout);
  const names = files.map(({ path }) => path);
  for (const name of ['README.md', 'LICENSE', 'dist/index.js', 'dist/types/index.d.ts']) {
    assert(names.includes(name), `the tarball lacks ${name}`);
  }
  const strays = names.filter((name) => /^(src|test|bench|scripts|node_modules)\//.test(name));
  assert(strays.length === 0, `the tarball holds ${strays[0]}`);
  await writeFile(
    join(app, 'package.json'),
    '{ "name": "app", "private": true, "type": "module" }\n',
  );
  const tfjs = `@tensorflow/tfjs@${manifest.peerDependencies['@tensorflow/tfjs']}`;
  await npm(['install', '--no-audit', '--no-fund', join(app, filename), tfjs], app);
  return `${names.length} files, ${(unpackedSize / 1024).toFixed(0)} KiB`;
}

async function importEverySubpath(app) {
  const lines = subpaths.map(
    (path) =>
      `if (Object.keys(await import('${path}')).length === 0) throw new Error('${path} is empty');`,
  );
  await writeFile(join(app, 'imports.js'), `${lines.join('\n')}\nprocess.exit(0);\n`);
  await node(['imports.js'], app);
  return subpaths.join(' ');
}

async function resolveTypes(app) {
  const imports = subpaths.map((path, i) => `import * as m${i} from '${path}';`);
  const uses = `export const all: readonly object[] = [${subpaths.map((_, i) => `m${i}`).join(', ')}];`;
  const own = [
    "import { Sage } from 'tfjs-latent/models';",
    '// A misspelt setting must be an error, so the types are really there.',
    '// @ts-expect-error',
    "export const wrong = new Sage({ latentDim: 'two' });",
  ];
  await writeFile(join(app, 'types.ts'), [...imports, uses, ...own, ''].join('\n'));
  for (const moduleResolution of ['NodeNext', 'Bundler']) {
    const module = moduleResolution === 'NodeNext' ? 'NodeNext' : 'ESNext';
    const compilerOptions = {
      noEmit: true,
      strict: true,
      skipLibCheck: true,
      target: 'ES2022',
      types: [],
      module,
      moduleResolution,
    };
    const config = { compilerOptions, files: ['types.ts'] };
    await writeFile(join(app, 'tsconfig.json'), JSON.stringify(config));
    await node([join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.json'], app);
  }
  return 'NodeNext and Bundler';
}

/** A page must be able to bundle the ops, metrics and browser kernels: no static import of Node. */
async function bundleForBrowser(app) {
  const entries = ['', '/kernels/cpu', '/kernels/wasm', '/kernels/webgpu'].map(
    (path) => manifest.name + path,
  );
  const sizes = [];
  for (const entry of entries) {
    const { metafile, outputFiles } = await build({
      stdin: { contents: `export * from '${entry}';`, resolveDir: app },
      bundle: true,
      format: 'esm',
      platform: 'browser',
      minify: true,
      write: false,
      metafile: true,
      // tfjs is the page's own copy; what is measured is ours.
      external: ['@tensorflow/*', 'node:*'],
      logLevel: 'error',
    });
    const imports = Object.values(metafile.outputs).flatMap((output) => output.imports);
    const bad = imports.find(
      ({ path, kind }) => path.startsWith('node:') && kind === 'import-statement',
    );
    assert(bad === undefined, `${entry} statically imports ${bad?.path}`);
    sizes.push(`${entry} ${(outputFiles[0].contents.length / 1024).toFixed(0)} KiB`);
  }
  return sizes.join(', ');
}

async function useCommandLine(app) {
  const cli = (...args) =>
    node([join(app, 'node_modules/tfjs-latent/dist/cli/main.js'), ...args], app);
  const { stdout: version } = await cli('--version');
  assert(version.trim() === manifest.version, `--version printed ${version}`);
  const { backends } = JSON.parse((await cli('doctor', '--json')).stdout);
  assert(
    backends.some(({ name, available }) => name === 'wasm' && available),
    'doctor says that wasm does not run',
  );
  await writeFile(join(app, 'toy.csv'), toyCsv(400));
  await cli('train', 'sage', '--data', 'toy.csv#target=label', '--out', 'run', '--epochs', '3');
  const score = (output) =>
    cli('score', 'run', '--input', 'toy.csv#target=label', '--output', output);
  await score('one.csv');
  await score('two.csv');
  const one = await readFile(join(app, 'one.csv'), 'utf8');
  assert(one === (await readFile(join(app, 'two.csv'), 'utf8')), 'two scorings of one run differ');
  assert(one.trim().split('\n').length === 401, 'score did not write one line per row');
  const missing = ['--input', 'missing.csv', '--output', 'three.csv'];
  const bad = await cli('--quiet', 'score', 'run', ...missing).then(
    () => undefined,
    (error) => error,
  );
  assert(bad?.code === 2, `a missing input ended with exit code ${bad?.code ?? 0}`);
  assert(bad.stderr.trim().split('\n').length === 1, `a missing input printed: ${bad.stderr}`);
  assert(!existsSync(join(app, 'three.csv')), 'a failed scoring left its output');
  return '--version, doctor, train, score';
}

const app = await mkdtemp(join(tmpdir(), 'tfjs-latent-smoke-'));
const checks = { install, importEverySubpath, resolveTypes, bundleForBrowser, useCommandLine };
let failed = 0;
try {
  for (const [name, check] of Object.entries(checks)) {
    try {
      console.log(`${name}: ok (${await check(app)})`);
    } catch (error) {
      failed++;
      const output = [error.stdout, error.stderr].filter(Boolean).join('\n').trim();
      console.error(`${name}: FAILED: ${error.message}${output === '' ? '' : `\n${output}`}`);
      if (name === 'install') break;
    }
  }
} finally {
  await rm(app, { recursive: true, force: true });
}
process.exitCode = failed === 0 ? 0 : 1;
