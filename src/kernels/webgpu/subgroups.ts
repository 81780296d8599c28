import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';

/** Threads of a subgroup run together and read each other's registers: how many, at least and at most. */
export interface Subgroups {
  readonly minSize: number;
  readonly maxSize: number;
}

/** Members that older engines, and older copies of WebGPU's types, do not have. */
interface SubgroupInfo {
  readonly subgroupMinSize?: number;
  readonly subgroupMaxSize?: number;
}

/** A backend that puts `enable` directives of a program's code where WGSL wants them. */
interface EnablingBackend {
  readonly hoistsEnables: true;
}

/** Blocks of fewer threads spare too few barriers for what looking at the subgroup costs. */
const LEAST_LANES = 8;

const isPowerOfTwo = (value: number): boolean => Number.isInteger(Math.log2(value));

/** What a device that was given the feature says of its subgroups; undefined without it. */
export function subgroupsOf(device: GPUDevice): Subgroups | undefined {
  if (!device.features.has('subgroups')) return undefined;
  // Older engines have no such member.
  const info = device.adapterInfo as GPUAdapterInfo | undefined;
  const { subgroupMinSize: minSize, subgroupMaxSize: maxSize }: SubgroupInfo = info ?? {};
  if (minSize === undefined || maxSize === undefined) return undefined;
  return isPowerOfTwo(minSize) && minSize <= maxSize ? { minSize, maxSize } : undefined;
}

/** Subgroups for programs that tfjs compiles: it puts their code last, and `enable` must come first. */
export function programSubgroups(backend: WebGPUBackend): Subgroups | undefined {
  const { hoistsEnables } = backend as Partial<EnablingBackend>;
  return hoistsEnables === true ? subgroupsOf(backend.device) : undefined;
}

/**
 * Threads of a block that is certain to lie in one subgroup, whatever size between the least and the
 * most the driver chooses; 0 where there is no use in it.
 * @param threads Of a workgroup, a power of two.
 */
export function blockLanes(subgroups: Subgroups | undefined, threads: number): number {
  const lanes = Math.min(subgroups?.minSize ?? 0, threads);
  return lanes < LEAST_LANES ? 0 : lanes;
}
