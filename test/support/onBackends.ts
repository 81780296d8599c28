import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { startBackend } from '../../src/backends/start.js';

/** Declare tests once and run them on every backend of this machine; a missing one is skipped by name. */
export function describeBackends(name: string, declare: (backend: string) => void): void {
  describe(name, () => {
    for (const { name: backend, available, detail } of inject('backends')) {
      if (!available) {
        describe.skip(`${backend} (not on this machine: ${detail})`, () => {
          it('runs', () => expect(available).toBe(true));
        });
        continue;
      }
      describe(backend, () => {
        beforeAll(async () => {
          await startBackend({ prefer: backend });
          expect(tf.getBackend()).toBe(backend);
        });
        declare(backend);
      });
    }
  });
}
