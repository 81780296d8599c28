import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import { UnsupportedError } from '../../errors.js';
import { formatShape, sizeOf } from '../../util/shape.js';

/** Values of the uniforms that a program declares itself. */
export type ProgramUniforms = NonNullable<Parameters<WebGPUBackend['runWebGPUProgram']>[3]>;

/**
 * Check that an array of float32 or int32 can be bound: over the limit WebGPU drops the work and
 * leaves zeros.
 * @throws UnsupportedError naming the argument, its size and the limit.
 */
export function checkBinding(
  backend: WebGPUBackend,
  op: string,
  arg: string,
  shape: readonly number[],
): void {
  const limit = backend.device.limits.maxStorageBufferBindingSize;
  const bytes = sizeOf(shape) * 4;
  if (bytes <= limit) return;
  throw new UnsupportedError({
    op,
    arg,
    expected: `take at most the ${limit} bytes of one storage binding of this GPU device`,
    got: `shape ${formatShape(shape)}, ${bytes} bytes`,
    fix: 'Process fewer rows at a time.',
  });
}

/** Whether a device runs on the CPU (lavapipe, SwiftShader, WARP), as far as it says. */
export function isSoftwareDevice(device: GPUDevice): boolean {
  // Older engines have no such member.
  const info = device.adapterInfo as GPUAdapterInfo | undefined;
  return /software|swiftshader|llvmpipe|warp/i.test(`${info?.architecture} ${info?.device}`);
}
