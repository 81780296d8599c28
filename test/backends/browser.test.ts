import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { expect, it } from 'vitest';

it('a browser bundle imports nothing of Node when it loads', async () => {
  const { metafile } = await build({
    absWorkingDir: fileURLToPath(new URL('../..', import.meta.url)),
    entryPoints: ['src/backends/index.ts'],
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'browser',
    packages: 'external',
    splitting: true,
    outdir: 'unused',
    logLevel: 'silent',
  });
  const imports = Object.values(metafile.outputs).flatMap((output) => output.imports);
  const loaded = imports.filter(({ kind }) => kind === 'import-statement').map(({ path }) => path);
  expect(loaded).toContain('@tensorflow/tfjs');
  expect(loaded.filter((path) => path.startsWith('node:'))).toEqual([]);
  // What only Node needs, and tfjs's backends, are fetched when they are used.
  const entry = Object.values(metafile.outputs).find(
    ({ entryPoint }) => entryPoint === 'src/backends/index.ts',
  );
  const first = entry?.imports.filter(
    ({ kind, external }) => kind === 'import-statement' && external,
  );
  expect([...new Set(first?.map(({ path }) => path))]).toEqual(['@tensorflow/tfjs']);
});
