import type { ProductForm } from '../../specs/metricForm.js';
import type { ChunkFunctionName } from './module.js';
import { float32Bits, runJob } from './threads.js';

/** Arguments of the jobs of assembly/knnProduct.ts, in its order; 0 where a job does not use them. */
export interface ProductArguments {
  readonly d: number;
  readonly stage: number;
  readonly stagedCount: number;
  readonly firstPanel: number;
  readonly panels: number;
  readonly panelCount: number;
  readonly norms: number;
  readonly queries: number;
  readonly queryCount: number;
  readonly queryBlock: number;
  readonly threadScratch: number;
  readonly threadStride: number;
  readonly values: number;
  readonly indices: number;
  readonly keep: number;
  readonly firstPoint: number;
  readonly pointCount: number;
  readonly segments: number;
  readonly firstSelf: number;
  readonly allowed: number;
  readonly allowedStride: number;
  readonly queryGroups: number;
  readonly pointGroups: number;
  readonly family: ProductForm['family'];
  readonly scale: number;
  readonly centre: number;
  readonly sizes: number;
  readonly querySizes: number;
}

/** Arguments that are words as they are. */
type Word = Exclude<keyof ProductArguments, 'family' | 'scale'>;

const BEFORE_FAMILY = [
  'd',
  'stage',
  'stagedCount',
  'firstPanel',
  'panels',
  'panelCount',
  'norms',
  'queries',
  'queryCount',
  'queryBlock',
  'threadScratch',
  'threadStride',
  'values',
  'indices',
  'keep',
  'firstPoint',
  'pointCount',
  'segments',
  'firstSelf',
  'allowed',
  'allowedStride',
  'queryGroups',
  'pointGroups',
] as const satisfies readonly Word[];
const AFTER_SCALE = ['centre', 'sizes', 'querySizes'] as const satisfies readonly Word[];

const FAMILY_CODE: Readonly<Record<ProductForm['family'], number>> = {
  squares: 0,
  cosine: 1,
  innerProduct: 2,
};

export type GivenArguments = Partial<ProductArguments> &
  Pick<ProductArguments, 'd' | 'family' | 'scale'>;

/** Run a job of the product search. */
export function runProductJob(
  name: ChunkFunctionName,
  args: GivenArguments,
  chunks: number,
  parallel: boolean,
): void {
  const word = (field: Word): number => args[field] ?? 0;
  const words = [
    ...BEFORE_FAMILY.map(word),
    FAMILY_CODE[args.family],
    float32Bits(args.scale),
    ...AFTER_SCALE.map(word),
  ];
  runJob(name, words, chunks, parallel);
}
