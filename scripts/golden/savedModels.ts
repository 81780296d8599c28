/**
 * Saved models with what they gave when they were saved, for test/golden/savedModels.test.ts.
 *
 * Run: npx tsx scripts/golden/savedModels.ts
 * Writes test/fixtures/saved/<name>-format<version>. Folders of earlier formats are never written again: they
 * are what users have on their disks. When a format changes, raise its version, run this, keep the old folder,
 * and say in the test whether it is read or refused.
 */
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startBackend } from '../../src/backends/start.js';
import { saveArtifacts } from '../../src/data/index.js';
import { Sage } from '../../src/models/index.js';
import { LeaceEraser, scorers } from '../../src/scorers/index.js';
import type { Artifacts } from '../../src/util/artifacts.js';
import { Rng } from '../../src/util/rng.js';
import type { Rows } from '../../src/util/rows.js';

const FOLDER = fileURLToPath(new URL('../../test/fixtures/saved', import.meta.url));

function normal(count: number, seed: number): Rows {
  const rng = new Rng(seed);
  const data = Float32Array.from({ length: count * 4 }, (_, s) =>
    Math.fround(rng.normal() + (Math.floor(s / 4) % 2) * 2),
  );
  return { data, count, rowShape: [4] };
}

async function write(
  name: string,
  artifacts: Artifacts,
  gave: Float64Array | Float32Array,
): Promise<void> {
  const folder = join(FOLDER, `${name}-format${artifacts.formatVersion}`);
  if (existsSync(folder)) {
    console.log(`${folder} is there already`);
    return;
  }
  await saveArtifacts(folder, artifacts);
  const expected = { rows: Array.from(queries.data), gave: Array.from(gave) };
  await writeFile(join(folder, 'expected.json'), `${JSON.stringify(expected)}\n`);
  console.log(`wrote ${folder}`);
}

const [bank, queries] = [normal(40, 1), normal(6, 2)];
const labels = Int32Array.from({ length: 40 }, (_, i) => i % 2);

await startBackend({ prefer: 'cpu' });
for (const scorer of [scorers.knn({ k: 3 }), scorers.mahalanobis()]) {
  await scorer.fit({ features: bank, labels });
  const gave = await scorer.score({ features: queries });
  await write(`scorer.${scorer.name}`, await scorer.toArtifacts(), gave);
}
const eraser = await LeaceEraser.fit(bank, labels);
await write('eraser.leace', await eraser.toArtifacts(), (await eraser.transform(queries)).data);
const sage = new Sage({ hidden: [8], headHidden: [], latentDim: 2, epochs: 2, k: 3 });
await sage.fit(bank, { kind: 'class', values: labels, classes: 2 });
await write('sage', await sage.toArtifacts(), (await sage.score(queries)).ranking);
