import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { startBackend } from '../../src/backends/start.js';
import { LeaceEraser } from '../../src/scorers/index.js';

interface Golden {
  readonly versions: Readonly<Record<string, string>>;
  readonly features: number[][];
  readonly labels: number[];
  readonly queries: number[][];
  readonly erased: Readonly<Record<'leace' | 'nullProjection', number[][]>>;
}

const golden = JSON.parse(readFileSync(new URL('erasure.json', import.meta.url), 'utf8')) as Golden;

describe("concept erasure against its authors' library", () => {
  beforeAll(() => startBackend({ prefer: 'cpu' }));

  it('states the versions that made the values', () => {
    expect(Object.keys(golden.versions)).toEqual(['python', 'numpy', 'torch', 'concept-erasure']);
  });

  it.each(['leace', 'nullProjection'] as const)('%s to 1e-5', async (method) => {
    const eraser = await LeaceEraser.fit(golden.features, golden.labels, { method });
    const { data } = await eraser.transform(golden.queries);
    const want = golden.erased[method].flat();
    expect(data).toHaveLength(want.length);
    want.forEach((value, s) => {
      expect(Math.abs(data[s] - value)).toBeLessThanOrEqual(1e-5 * Math.max(1, Math.abs(value)));
    });
  });
});
