/**
 * Models on disk, as the version that wrote them left them: each is read and gives what it gave then, or is
 * refused with both formats and the mend. scripts/golden/savedModels.ts writes them.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { startBackend } from '../../src/backends/start.js';
import { loadArtifacts } from '../../src/data/index.js';
import { DataError } from '../../src/errors.js';
import { Sage } from '../../src/models/index.js';
import { KnnIndex } from '../../src/neighbors/index.js';
import { LeaceEraser, scorerFromArtifacts, scorers } from '../../src/scorers/index.js';
import type { Artifacts } from '../../src/util/artifacts.js';
import type { Rows } from '../../src/util/rows.js';

const root = new URL('../fixtures/saved/', import.meta.url);
const folderOf = (name: string): string => fileURLToPath(new URL(name, root));

interface Expected {
  readonly rows: number[];
  readonly gave: number[];
}

/** Load and use a model by its name in the file. */
async function give(artifacts: Artifacts, rows: Rows): Promise<ArrayLike<number>> {
  if (artifacts.model === 'sage') {
    const sage = Sage.fromArtifacts(artifacts);
    const { ranking, score, tieBreak } = await sage.score(rows);
    sage.dispose();
    // Rankings of format 1 took the mean of the three tails, where now they take the sum.
    if (artifacts.formatVersion === 1) return score.map((s, i) => Math.log(s) + tieBreak[i] / 3);
    return ranking;
  }
  if (artifacts.model === 'eraser.leace') {
    return (await LeaceEraser.fromArtifacts(artifacts).transform(rows)).data;
  }
  const scorer = scorerFromArtifacts(artifacts);
  const scores = await scorer.score({ features: rows });
  scorer.dispose();
  return scores;
}

beforeAll(() => startBackend({ prefer: 'cpu' }));

/** Every folder, with the formats that are read of its model and the mend that a refusal names. */
const SAVED: Readonly<Record<string, readonly [formats: string, newest: number, mend: string]>> = {
  'eraser.leace-format1': ['1', 1, 'fit the eraser again'],
  'sage-format1': ['1 or 2', 2, 'train again'],
  'sage-format2': ['1 or 2', 2, 'train again'],
  'scorer.knn-format1': ['1', 1, 'fit the scorer again'],
  'scorer.mahalanobis-format1': ['1', 1, 'fit the scorer again'],
};

describe('models saved by an older version', () => {
  it('are all tested', () => {
    expect(readdirSync(folderOf('.')).sort()).toEqual(Object.keys(SAVED).sort());
  });

  it.each(Object.keys(SAVED))('%s gives what it gave', async (name) => {
    const artifacts = await loadArtifacts(folderOf(name));
    const text = readFileSync(`${folderOf(name)}/expected.json`, 'utf8');
    const { rows, gave } = JSON.parse(text) as Expected;
    const got = await give(artifacts, { data: Float32Array.from(rows), count: 6, rowShape: [4] });
    expect(got).toHaveLength(gave.length);
    // Sums may be taken in another order by another version of tfjs.
    gave.forEach((value, i) => {
      expect(Math.abs(got[i] - value)).toBeLessThanOrEqual(1e-5 * Math.max(1, Math.abs(value)));
    });
  });

  it.each(Object.entries(SAVED))(
    '%s in an unknown format is refused',
    async (name, [formats, newest, mend]) => {
      const artifacts = await loadArtifacts(folderOf(name));
      const rows = { data: new Float32Array(4), count: 1, rowShape: [4] };
      const load = (formatVersion: number) => give({ ...artifacts, formatVersion }, rows);
      await expect(load(0)).rejects.toThrow(DataError);
      await expect(load(0)).rejects.toThrow(
        `formatVersion must be ${formats}, got 0. An older version of this package wrote format 0, ` +
          `this one reads format ${formats}: ${mend} and save it, or load it with the version that wrote it.`,
      );
      await expect(load(newest + 1)).rejects.toThrow(
        `formatVersion must be ${formats}, got ${newest + 1}. A newer version of this package wrote ` +
          `format ${newest + 1}, this one reads format ${formats}: install the version that wrote it, or ${mend} and save it.`,
      );
    },
  );

  it('an index of neighbours in an older format is refused as well', async () => {
    const index = new KnnIndex({ metric: 'euclidean' });
    await index.add([[1, 2]]);
    const saved = await index.save();
    index.dispose();
    expect(() => KnnIndex.load({ ...saved, formatVersion: 0 })).toThrow(
      'An older version of this package wrote format 0, this one reads format 1: build the index again',
    );
  });

  it('a scorer without a fit keeps its format too', async () => {
    const saved = await scorers.energy({ temperature: 2 }).toArtifacts();
    expect(() => scorerFromArtifacts({ ...saved, formatVersion: 0 })).toThrow(
      'energy.fromArtifacts: formatVersion must be 1, got 0. An older version',
    );
  });
});
