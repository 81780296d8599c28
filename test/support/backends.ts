import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { startBackend } from '../../src/backends/start.js';
import { withComposedForms } from '../../src/ops/dispatch.js';
import { CAPABILITIES, SPECS } from '../../src/specs/capabilities.js';

/** Which implementation of an op a test runs. */
export type Form = 'kernel' | 'composed';

/** What a backend-independent test needs to know of the backend it runs on. */
export interface BackendContext {
  readonly backend: string;
  readonly form: Form;
  /** Call ops inside: it selects the form. */
  readonly run: <T>(body: () => T) => T;
}

/**
 * Declare the tests of one op once and run them on every backend of this machine, with our kernel
 * and in the composed form. A backend that the machine lacks appears as a skipped suite that says why.
 */
export function describeOp(op: string, declare: (context: BackendContext) => void): void {
  describe(op, () => {
    for (const { name, available, detail } of inject('backends')) {
      const state = CAPABILITIES.find((row) => row.op === op && row.backend === name)?.state;
      if (!available) {
        describe.skip(`${name} (not on this machine: ${detail})`, () => {
          it('runs', () => expect(available).toBe(true));
        });
        continue;
      }
      const forms: Form[] = state === 'kernel' ? ['kernel', 'composed'] : ['composed'];
      for (const form of forms) {
        describe(`${name} ${form}`, () => {
          beforeAll(async () => {
            await startBackend({ prefer: name });
            expect(tf.getBackend()).toBe(name);
          });
          const run = <T>(body: () => T): T =>
            form === 'composed' ? withComposedForms(body) : body();
          declare({ backend: name, form, run });
        });
      }
    }
  });
}

/** Names of the kernels that ran during `body`. */
export async function kernelsRun(body: () => tf.Tensor): Promise<string[]> {
  const profile = await tf.profile(body);
  return profile.kernelNames;
}

/** Kernel name of an op. */
export function kernelNameOf(op: string): string {
  const spec = SPECS.find((candidate) => candidate.op === op);
  if (spec === undefined) throw new Error(`no spec for op ${op}`);
  return spec.kernelName;
}
