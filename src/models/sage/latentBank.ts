import * as tf from '@tensorflow/tfjs';
import type { Tensor2D } from '@tensorflow/tfjs';
import { searchBlocks } from '../../neighbors/searchBlocks.js';
import { knn } from '../../ops/knn.js';
import type { KnnResult } from '../../ops/knn.js';
import { residency } from '../../specs/residency.js';
import type { Rows } from '../../util/rows.js';
import type { SageConfig } from './config.js';

/** Largest bank that stays on the device: kernels may keep a second copy, and wasm has 4 GiB in all. */
const DEVICE_BYTES = 2 ** 30;

/** Bytes of a block of a larger bank. */
const BLOCK_BYTES = 2 ** 26;

/** What is looked for. */
export interface BankSearch extends Pick<SageConfig, 'k' | 'metric'> {
  /** Query i is row i + offset of the bank and not its own neighbour. */
  readonly excludeSelf: false | { readonly offset: number };
}

/** Neighbours on the host, k for each row. */
export interface HostNeighbors {
  readonly distances: ArrayLike<number>;
  readonly indices: ArrayLike<number>;
}

/**
 * Latents of the training rows, [n, d], that neighbours are looked up in: on the device, or on the host
 * and searched block by block where they are more than `deviceBytes`. Neighbours are the same to the bit.
 */
export class LatentBank {
  readonly rows: number;
  readonly #device: Tensor2D | undefined;
  readonly #host: Float32Array | undefined;
  readonly #blockRows: number;

  constructor(
    latents: Float32Array,
    readonly latentDim: number,
    deviceBytes = DEVICE_BYTES,
    blockBytes = BLOCK_BYTES,
  ) {
    this.rows = latents.length / latentDim;
    this.#blockRows = Math.max(1, Math.floor(blockBytes / (4 * latentDim)));
    if (latents.byteLength > deviceBytes) this.#host = latents;
    else this.#device = tf.tensor2d(latents, [this.rows, latentDim]);
  }

  /** A copy of the latents, row-major. */
  async values(): Promise<Float32Array> {
    return Float32Array.from(this.#host ?? (await this.#device?.data<'float32'>()) ?? []);
  }

  /** Neighbours on the device, inside a tidy; undefined where the bank is not there. */
  nearest(queries: Tensor2D, { k, metric, excludeSelf }: BankSearch): KnnResult | undefined {
    if (this.#device === undefined) return undefined;
    // The other metrics make rows of their own at every call, which nobody would let go of.
    const resident = metric === 'euclidean' || metric === 'sqeuclidean';
    return knn(queries, this.#device, k, { metric, excludeSelf, resident });
  }

  /** Neighbours of latents on the host among blocks of the bank. */
  async nearestInBlocks(
    latents: Float32Array,
    { k, metric, excludeSelf }: BankSearch,
    signal: AbortSignal | undefined,
  ): Promise<HostNeighbors> {
    const rowShape = [this.latentDim];
    const queries = { data: latents, count: latents.length / this.latentDim, rowShape };
    const stop = signal === undefined ? {} : { signal };
    return searchBlocks(queries, this.#blocks(), k, { metric, excludeSelf, ...stop });
  }

  /** Free the device memory, also what kernels keep between calls. */
  dispose(): void {
    if (this.#device === undefined) return;
    residency.release(this.#device.dataId);
    this.#device.dispose();
  }

  *#blocks(): Generator<Rows> {
    const values = this.#host ?? new Float32Array(0);
    const rowShape = [this.latentDim];
    for (let start = 0; start < this.rows; start += this.#blockRows) {
      const count = Math.min(this.#blockRows, this.rows - start);
      const data = values.subarray(start * this.latentDim, (start + count) * this.latentDim);
      yield { data, count, rowShape };
    }
  }
}
