/** Work on a WebGPU device failed: a shader did not compile, memory ran out, the device was lost. */
export class DeviceError extends Error {
  override readonly name = 'DeviceError';
}

/**
 * Collects everything that goes wrong on a WebGPU device.
 *
 * WebGPU reports errors asynchronously and, unless somebody listens, only on the console; the results
 * of the failed work are then zeros. Work run inside {@link scoped} has its errors captured and
 * attributed; errors of any other work arrive as uncaptured ones. {@link settle} waits for both.
 */
export class DeviceGuard {
  readonly #pending = new Set<Promise<void>>();
  #failures: string[] = [];
  #lost: string | undefined;

  constructor(readonly device: GPUDevice) {
    device.addEventListener('uncapturederror', ({ error }) => {
      this.#failures.push(error.message.trim());
    });
    void device.lost.then(({ reason, message }) => {
      this.#lost = `the GPU device was lost (${reason}): ${message.trim()}`;
    });
  }

  /** Why the device can't be used any more; undefined while it can. */
  get lost(): string | undefined {
    return this.#lost;
  }

  /**
   * Run synchronous device calls and remember their errors under the name `what`. The scopes are
   * closed before this returns, so they never mix with scopes of other code on the device.
   */
  scoped<T>(what: string, body: () => T): T {
    this.device.pushErrorScope('out-of-memory');
    this.device.pushErrorScope('validation');
    try {
      return body();
    } finally {
      this.#watch(what);
      this.#watch(what);
    }
  }

  /** Close the innermost scope and collect its error when it comes. */
  #watch(what: string): void {
    const check = this.device
      .popErrorScope()
      .then(
        (error) => {
          if (error !== null) this.#failures.push(`${what}: ${error.message.trim()}`);
        },
        // Scopes are rejected when the device is lost, which `lost` reports.
        () => undefined,
      )
      .finally(() => this.#pending.delete(check));
    this.#pending.add(check);
  }

  /**
   * Wait until all work so far has been checked.
   * @returns the first failure since the last call in words, or undefined when there was none.
   */
  async settle(): Promise<string | undefined> {
    await Promise.all(this.#pending);
    const failures = this.#failures;
    this.#failures = [];
    if (failures.length === 0) return this.#lost;
    // Later ones are mostly consequences of the first: "... is invalid due to a previous error".
    const more = failures.length === 1 ? '' : ` (and ${failures.length - 1} more)`;
    return `${failures[0]}${more}`;
  }
}
