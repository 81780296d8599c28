/** Writes FEATURES.md from the capability table: `npm run features` (`-- --check` only compares). */
import { readFileSync, writeFileSync } from 'node:fs';
import { renderFeatures } from './lib/featuresTable.js';

const path = new URL('../FEATURES.md', import.meta.url);
const text = renderFeatures();
if (process.argv.includes('--check')) {
  if (readFileSync(path, 'utf8') !== text) {
    console.error('FEATURES.md is not what the capability table says. Run: npm run features');
    process.exit(1);
  }
  console.log('FEATURES.md is up to date.');
} else {
  writeFileSync(path, text);
  console.log('FEATURES.md written from src/specs/capabilities.ts.');
}
