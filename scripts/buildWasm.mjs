#!/usr/bin/env node
/**
 * Compile src/kernels/wasm/assembly (AssemblyScript) and write the binary as base64 into
 * src/kernels/wasm/latentModule.generated.ts, so that loading is the same in Node, in browsers, in
 * bundles and in tests. Skipped while sources and compiler options are unchanged.
 *
 *   node scripts/buildWasm.mjs [--force]
 */
import asc from 'assemblyscript/asc';
import { createHash } from 'node:crypto';
import { readFile, readdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const ASSEMBLY = 'src/kernels/wasm/assembly';
const TARGET = 'src/kernels/wasm/latentModule.generated.ts';

const BASE = ['-O3', '--noAssert', '--runtime', 'stub', '--importMemory', '--noExportMemory'];
const COMMON = [
  `${ASSEMBLY}/index.ts`,
  ...BASE,
  ...['--initialMemory', '1', '--maximumMemory', '65536'],
  // Code generated at run time is called through the table, and calls functions of v128 (warning 112).
  ...['--importTable', '--disableWarning', '112'],
];
/**
 * The plain build is for engines that cannot make a shared memory; same code, same results. The relaxed
 * build fuses multiplication and addition in the search for neighbour candidates, nowhere else. The heap
 * build runs in tfjs's memory.
 */
const BUILDS = {
  SHARED_MODULE: [...COMMON, '--enable', 'simd,threads', '--sharedMemory'],
  PLAIN_MODULE: [...COMMON, '--enable', 'simd'],
  RELAXED_MODULE: [...COMMON, '--enable', 'simd,threads,relaxed-simd', '--sharedMemory'],
  HEAP_MODULE: [`${ASSEMBLY}/heap/index.ts`, ...BASE, '--enable', 'simd'],
};

/** Names and contents of all sources. */
async function readSources() {
  const names = (await readdir(join(ROOT, ASSEMBLY), { recursive: true }))
    .filter((name) => name.endsWith('.ts'))
    .sort();
  const texts = await Promise.all(
    names.map((name) => readFile(join(ROOT, ASSEMBLY, name), 'utf8')),
  );
  return new Map(names.map((name, i) => [`${ASSEMBLY}/${name}`, texts[i]]));
}

function fingerprint(sources) {
  const hash = createHash('sha256').update(JSON.stringify([asc.version, BUILDS]));
  for (const [name, text] of sources) hash.update(`\0${name}\0${text}`);
  return hash.digest('hex').slice(0, 16);
}

/** One build; the compiler's own messages are the error message. */
async function compile(options) {
  let binary;
  const messages = asc.createMemoryStream();
  const { error } = await asc.main([...options, '--outFile', 'latent.wasm'], {
    stdout: messages,
    stderr: messages,
    readFile: (name, base) => readFile(join(base, name), 'utf8').catch(() => null),
    writeFile: (name, contents) => {
      if (name === 'latent.wasm') binary = contents;
    },
    listFiles: () => [],
  });
  const text = messages.toString().trim();
  if (error || binary === undefined || /^(WARNING|ERROR)/m.test(text)) {
    throw new Error(`the wasm module does not compile\n${text || error?.message}`);
  }
  return Buffer.from(binary);
}

async function main() {
  process.chdir(ROOT);
  const sources = await readSources();
  const stamp = `// sources ${fingerprint(sources)}`;
  const before = await readFile(TARGET, 'utf8').catch(() => '');
  if (before.startsWith(`${stamp}\n`) && !process.argv.includes('--force')) {
    console.log(`wasm: ${TARGET} is up to date`);
    return;
  }
  const start = performance.now();
  const lines = [stamp, '// Written by scripts/buildWasm.mjs; do not edit.'];
  let bytes = 0;
  for (const [name, options] of Object.entries(BUILDS)) {
    const binary = await compile(options);
    bytes += binary.length;
    lines.push(`export const ${name} =\n  '${binary.toString('base64')}';`);
  }
  await writeFile(`${TARGET}.tmp`, `${lines.join('\n')}\n`);
  await rename(`${TARGET}.tmp`, TARGET);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(
    `wasm: compiled ${sources.size} sources to ${bytes} bytes in ${seconds} s (${TARGET})`,
  );
}

try {
  await main();
} catch (error) {
  console.error(`wasm: ${error.message}`);
  process.exitCode = 1;
}
