import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Version in the package.json above this file; the depth differs between src/, dist/ and its chunks. */
export function packageVersion(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const path = join(folder, 'package.json');
    if (existsSync(path)) {
      const content = JSON.parse(readFileSync(path, 'utf8')) as { name?: string; version?: string };
      if (content.name === 'tfjs-latent') return content.version ?? 'unknown';
    }
    if (folder === dirname(folder)) return 'unknown';
  }
}
