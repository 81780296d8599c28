/**
 * Writes the stubs of a new op: `npm run new-op -- myDistance`. It never overwrites a file. The
 * structure test then fails until each piece is real, which is the point: nothing can be forgotten.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { opFiles } from './lib/opTemplates.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const name: string | undefined = process.argv.at(2);

if (name === undefined || !/^[a-z][A-Za-z0-9]*$/.test(name)) {
  console.error(
    `newOp: name must be camelCase, got ${name === undefined ? 'nothing' : `'${name}'`}. Example: npm run new-op -- rowDistance`,
  );
  process.exit(2);
}

const files = opFiles(name);
const taken = files.filter(({ path }) => existsSync(join(root, path)));
if (taken.length > 0) {
  console.error(
    `newOp: name must be new, got '${name}', which has ${taken.map(({ path }) => path).join(', ')}.`,
  );
  process.exit(2);
}
for (const { path, text } of files) {
  const target = join(root, path);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, text, { flag: 'wx' });
  console.log(`wrote ${path}`);
}
console.log(`
Next:
  1. src/specs/capabilities.ts: add ${name}Spec to SPECS and one row per backend to CAPABILITIES.
  2. src/kernels/cpu/register.ts: add ${name}Cpu to the sorted list (the same for each further kernel).
  3. src/index.ts: export ${name}.
  4. npm run features, a line in CHANGELOG.md, bounds in docs/numerics.md.
  5. npm test -- ${name} structure`);
