import type { Rows } from '../util/rows.js';
import { rowSize } from '../util/rows.js';
import type { LatentPoint } from './report/data.js';
import { principalPlane, projectRow } from './report/plane.js';

/** Points drawn of the reference set and of each other set. */
export const LATENT_POINTS = { reference: 1500, other: 150 } as const;

/** Latents of a sample of a set. */
export interface LatentSample {
  readonly set: string;
  readonly latents: Rows;
  readonly labels?: ArrayLike<number>;
}

/** Project latent samples for drawing: two latent dimensions as they are, more to their main plane. */
export function drawLatents(samples: readonly LatentSample[]): LatentPoint[] {
  if (samples.length === 0) return [];
  const { data, count } = samples[0].latents;
  const dim = rowSize(samples[0].latents);
  const plane = dim > 2 ? principalPlane(data, count, dim) : undefined;
  return samples.flatMap(({ set, latents, labels }) =>
    Array.from({ length: latents.count }, (_, row) => {
      const [x, y] =
        plane === undefined
          ? [latents.data[row * dim], dim === 2 ? latents.data[row * dim + 1] : 0]
          : projectRow(plane, latents.data, row);
      return { set, x, y, ...(labels === undefined ? {} : { label: labels[row] }) };
    }),
  );
}
