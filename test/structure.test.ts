import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { renderFeatures } from '../scripts/lib/featuresTable.js';
import { opFiles } from '../scripts/lib/opTemplates.js';
import * as spaces from '../src/ops/geometry.js';
import { BACKENDS, CAPABILITIES, DERIVED, SPECS } from '../src/specs/capabilities.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const stems = (folder: string, ending: string): string[] =>
  readdirSync(join(root, folder))
    .filter((file) => file.endsWith(ending))
    .map((file) => file.slice(0, -ending.length));

/** All TypeScript files below a folder, relative to the repository. */
function sourceFiles(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((file) => join(folder, file))
    .filter((file) => file.endsWith('.ts') && !file.includes('generated'));
}

/** Spec files that describe an op: those that export a `<stem>Spec`. */
const specStems = stems('src/specs', '.ts').filter((stem) =>
  read(`src/specs/${stem}.ts`).includes(`export const ${stem}Spec`),
);

describe('one op, one stem', () => {
  it('every spec file is in SPECS and SPECS is sorted', () => {
    expect(SPECS.map(({ op }) => op)).toEqual([...specStems].sort());
  });

  describe.each(SPECS.map(({ op }) => op))('%s', (op) => {
    it('has every piece that newOp writes', () => {
      const missing = opFiles(op).filter(({ path }) => !existsSync(join(root, path)));
      expect(missing.map(({ path }) => path)).toEqual([]);
    });

    it('has one capability row per backend, with a reason where there is no kernel', () => {
      const rows = CAPABILITIES.filter((row) => row.op === op);
      expect(rows.map(({ backend }) => backend).sort()).toEqual([...BACKENDS].sort());
      for (const row of rows) {
        expect(row.state === 'kernel' || (row.reason ?? '').length > 0).toBe(true);
      }
    });

    it.each(BACKENDS)('has a kernel file on %s exactly where the table says kernel', (backend) => {
      const state = CAPABILITIES.find((row) => row.op === op && row.backend === backend)?.state;
      const path = `src/kernels/${backend}/${op}.ts`;
      expect(existsSync(join(root, path))).toBe(state === 'kernel');
    });

    it('is exported, documented in the numerics page and has a stable test set', () => {
      expect(read('src/index.ts')).toContain(`/${op}.js'`);
      expect(read('docs/numerics.md')).toContain(op);
      const test = read(`test/ops/${op}.test.ts`);
      for (const kind of ['reference:', 'property:', 'gradient:', 'edge:', 'error:', 'memory:']) {
        expect(test, `test/ops/${op}.test.ts lacks a case '${kind}'`).toContain(`'${kind}`);
      }
    });

    it('has a docstring with formula, shapes, numerics, gradient, cost, errors and example', () => {
      const source = read(`src/ops/${op}.ts`);
      const end = source.indexOf(`export function ${op}(`);
      const doc = source.slice(source.lastIndexOf('/**', end), end);
      for (const part of [
        '@param',
        '@returns',
        'Numerics:',
        'Gradient:',
        'Cost:',
        '@throws',
        '@example',
      ]) {
        expect(doc, `docstring of ${op} lacks ${part}`).toContain(part);
      }
    });
  });

  it('kernel files belong to ops', () => {
    for (const { op, backend, state } of CAPABILITIES) {
      if (state !== 'kernel') continue;
      expect(read(`src/kernels/${backend}/register.ts`)).toContain(`./${op}.js`);
    }
  });

  it('FEATURES.md lists every map of every curved space', () => {
    for (const [space, maps] of Object.entries(spaces)) {
      const names = `${space}: ${Object.keys(maps).sort().join(', ')}`;
      expect(DERIVED.map(({ name }) => name)).toContain(names);
    }
  });

  it('FEATURES.md is what the capability table says', () => {
    expect(read('FEATURES.md')).toBe(renderFeatures());
  });
});

describe('source rules', () => {
  const files = [
    ...sourceFiles('src'),
    ...sourceFiles('test'),
    ...sourceFiles('bench'),
    ...sourceFiles('scripts'),
  ];

  it('no file has more than 500 lines', () => {
    const long = files.filter((file) => read(file).split('\n').length > 500);
    expect(long).toEqual([]);
  });

  it('backend names stand only in src/backends, src/kernels and the capability table', () => {
    const named = sourceFiles('src').filter((file) => {
      if (/^src[/\\](backends|kernels|cli)[/\\]/.test(file) || file.endsWith('capabilities.ts'))
        return false;
      const code = read(file).replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
      return BACKENDS.some((backend) => code.includes(`'${backend}'`));
    });
    expect(named).toEqual([]);
  });

  it('nothing is skipped, focused or left to do', () => {
    const marks = /\b(it|describe|test)\.(only|todo)\b|\bTODO\b|\bFIXME\b|\bXXX\b/;
    const left = files.filter(
      (file) => !file.endsWith('structure.test.ts') && marks.test(read(file)),
    );
    expect(left).toEqual([]);
  });

  it('test titles are unique within a file', () => {
    for (const file of sourceFiles('test')) {
      const titles = [...read(file).matchAll(/^ *(?:it|test)\('([^']+)'/gm)].map(
        (match) => match[1],
      );
      const twice = titles.filter((title, i) => titles.indexOf(title) !== i);
      expect(twice, file).toEqual([]);
    }
  });
});
