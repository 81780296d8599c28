#!/usr/bin/env node
/**
 * `npm run demo` and `npm test` from a fresh clone: install and build what is missing, then run.
 * Plain Node without dependencies, because it must work before anything is installed.
 *
 *   node scripts/run.mjs demo [options of tfjs-latent demo]
 *   node scripts/run.mjs test [options of vitest run]
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const OLDEST_NODE = 20;

/** Why `npm ci` is needed, or undefined when the installed packages are those of the lock file. */
function reasonToInstall() {
  const installed = join(ROOT, 'node_modules/.package-lock.json');
  if (!existsSync(installed)) return 'node_modules is missing';
  const wanted = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).packages;
  const present = JSON.parse(readFileSync(installed, 'utf8')).packages;
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === '') continue;
    const version = present[path]?.version;
    // Optional packages for other platforms are listed, but not installed.
    if (version === undefined && entry.optional) continue;
    if (version !== entry.version) {
      return `node_modules is older than package-lock.json (${path})`;
    }
  }
  return undefined;
}

/** Run a command with our streams; resolves with its exit code. */
function run(command, args, options = {}) {
  return new Promise((done, fail) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: 'inherit', ...options });
    // A terminal sends Ctrl-C to the whole group, so the child has it; a plain kill reaches only us.
    const forward = (signal) => child.kill(signal);
    const ignore = () => undefined;
    process.on('SIGTERM', forward);
    process.on('SIGHUP', forward);
    process.on('SIGINT', process.stdin.isTTY ? ignore : forward);
    child.on('error', fail);
    child.on('exit', (code, signal) => {
      process.off('SIGTERM', forward);
      process.off('SIGHUP', forward);
      process.removeAllListeners('SIGINT');
      done(code ?? 128 + (constants.signals[signal] ?? 0));
    });
  });
}

/** npm, started the way that works on every platform: through the npm that started us. */
function runNpm(args) {
  const npm = process.env.npm_execpath;
  if (npm?.endsWith('.js') || npm?.endsWith('.cjs')) return run(process.execPath, [npm, ...args]);
  return run('npm', args, { shell: process.platform === 'win32' });
}

async function prepare(buildArgs) {
  const reason = reasonToInstall();
  if (reason !== undefined) {
    console.error(`set-up: ${reason}; running "npm ci" (downloads the packages, about a minute)`);
    const code = await runNpm(['ci', '--include=dev', '--no-audit', '--no-fund']);
    if (code !== 0) return code;
  }
  return run(process.execPath, ['scripts/build.mjs', ...buildArgs]);
}

const TASKS = {
  demo: {
    build: ['--no-types'],
    command: (args) => ['dist/cli/main.js', 'demo', ...args],
  },
  test: {
    build: ['--wasm-only'],
    command: (args) => ['node_modules/vitest/vitest.mjs', 'run', ...args],
  },
};

const major = Number(process.versions.node.split('.')[0]);
const [name, ...args] = process.argv.slice(2);
if (major < OLDEST_NODE) {
  console.error(
    `tfjs-latent needs Node ${OLDEST_NODE} or newer, this is ${process.versions.node}. ` +
      'Install a current version from https://nodejs.org.',
  );
  process.exitCode = 2;
} else if (!Object.hasOwn(TASKS, name ?? '')) {
  console.error(`usage: node scripts/run.mjs <${Object.keys(TASKS).join('|')}> [options]`);
  process.exitCode = 2;
} else {
  const task = TASKS[name];
  const code = await prepare(task.build);
  process.exitCode = code === 0 ? await run(process.execPath, task.command(args)) : code;
}
