import { describe, expect, inject, it } from 'vitest';
import { startBackend } from '../../../src/backends/start.js';
import { LeastVolume } from '../../../src/models/index.js';
import type { LeastVolumeConfigInput } from '../../../src/models/index.js';
import { expectNoLeak } from '../../support/leaks.js';
import { blobImages, planeRows } from '../autoencoder/toy.js';

const SHORT: LeastVolumeConfigInput = { epochs: 2, batchSize: 24, learningRate: 0.01, warmUp: 5 };
const CASES: Record<
  string,
  { config: LeastVolumeConfigInput; rows: ReturnType<typeof planeRows> }
> = {
  'dense, plummet': {
    config: { ...SHORT, hidden: [8], latentDim: 4, lambda: 0.1, pruning: { rule: 'plummet' } },
    rows: planeRows(72, 1),
  },
  'convolutional, threshold': {
    config: {
      ...SHORT,
      ...{ architecture: 'conv', channels: [3, 4], latentDim: 3, reconstructionLoss: 'bce' },
      pruning: { rule: 'threshold', threshold: 4 },
    },
    rows: blobImages(48, 1),
  },
};

describe('LeastVolume has the same losses on every backend', () => {
  for (const [title, { config, rows }] of Object.entries(CASES)) {
    let first: readonly number[] | undefined;
    for (const { name, available, detail } of inject('backends')) {
      const where = available ? name : `${name} (not on this machine: ${detail})`;
      it.skipIf(!available)(`${title}: ${where}`, async () => {
        await startBackend({ prefer: name });
        await expectNoLeak(async () => {
          const model = await new LeastVolume(config).fit(rows);
          const losses = model.history.flatMap(({ loss, parts }) => [
            loss,
            ...Object.values(parts),
          ]);
          const { dimension } = await model.latentDimension(rows);
          expect(dimension).toBeLessThanOrEqual(4);
          first ??= losses;
          losses.forEach((value, i) => {
            // Rounding of a dozen steps of Adam, which divides by gradients' own size.
            expect(Math.abs(value - (first?.[i] ?? NaN))).toBeLessThan(1e-3 * Math.max(1, value));
          });
          model.dispose();
        });
      });
    }
  }
});
