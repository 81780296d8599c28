import { describe, expect, inject, it } from 'vitest';

/**
 * Declare tests that need a backend of this machine. Where it is missing they appear as a skipped
 * suite that says why; REQUIRE_BACKENDS makes that an error before any test runs.
 */
export function describeOnBackend(backend: string, title: string, declare: () => void): void {
  const found = inject('backends').find(({ name }) => name === backend);
  if (found?.available === true) {
    describe(title, declare);
    return;
  }
  describe.skip(`${title} (${backend} is not on this machine: ${found?.detail ?? ''})`, () => {
    it('runs', () => expect(found?.available).toBe(true));
  });
}
