import * as tf from '@tensorflow/tfjs';
import type { WebGPUProgram } from '@tensorflow/tfjs-backend-webgpu';
import { beforeEach, expect, it, vi } from 'vitest';
import { GuardedWebGPUBackend } from '../../src/backends/guardedBackend.js';
import { DeviceError } from '../../src/backends/guardedDevice.js';
import { startBackend } from '../../src/backends/start.js';
import { UnsupportedError } from '../../src/errors.js';
import { sinh } from '../../src/ops/elementaryFunctions.js';
import { describeOnBackend } from './onBackend.js';

function guarded(): GuardedWebGPUBackend {
  const backend = tf.backend();
  if (!(backend instanceof GuardedWebGPUBackend)) throw new Error('not the guarded backend');
  return backend;
}

/** out[i] = body, as a program named after its class. */
class MapProgram implements WebGPUProgram {
  readonly variableNames = ['x'];
  readonly dispatchLayout = { x: [0] };
  readonly size = true;
  dispatch: [number, number, number];
  shaderKey: string;

  constructor(
    readonly outputShape: number[],
    private readonly body: string,
    readonly workgroupSize: [number, number, number] = [64, 1, 1],
    private readonly directive = '',
  ) {
    this.dispatch = [Math.ceil(outputShape[0] / 64), 1, 1];
    this.shaderKey = `map_${body}`;
  }

  getUserCode(): string {
    return `${this.directive}fn main(index : i32) { if (index < uniforms.size) { setOutputAtIndex(index, ${this.body}); } }`;
  }
}

function run(program: WebGPUProgram, x: tf.Tensor): tf.Tensor {
  return tf.engine().makeTensorFromTensorInfo(guarded().runWebGPUProgram(program, [x], 'float32'));
}

const good = (): MapProgram => new MapProgram([3], 'x[index] * 2.0');
const broken = (): MapProgram => new MapProgram([3], 'x[index] * true');

describeOnBackend('webgpu', 'webgpu with errors that throw', () => {
  beforeEach(async () => {
    await startBackend({ prefer: 'webgpu' });
  });

  it('a shader that does not compile rejects the read, naming program and error', async () => {
    const y = run(broken(), tf.tensor1d([1, 2, 3]));
    const read = y.data();
    await expect(read).rejects.toThrow(DeviceError);
    await expect(read).rejects.toThrow(/^webgpu: MapProgram: .*no matching overload/s);
    // tfjs keeps zeros for it; they must not come out later either.
    await expect(y.data()).rejects.toThrow(DeviceError);
  });

  it('enable directives in the code of a program come first', async ({ skip }) => {
    const { device } = guarded();
    skip(!device.features.has('shader-f16'), 'this device has no shader-f16');
    const half = new MapProgram([3], 'f32(f16(x[index]) * 2.0h)', [64, 1, 1], 'enable f16;\n');
    const x = tf.tensor1d([1.5, 0.25, -2]);
    const y = run(half, x);
    expect(Array.from(await y.data())).toEqual([3, 0.5, -4]);
    tf.dispose([x, y]);
  });

  it('a shader that does not compile rejects at every use, not only the first', async () => {
    for (let use = 0; use < 2; use++) {
      const y = run(broken(), tf.tensor1d([1, 2, 3]));
      await expect(y.data()).rejects.toThrow(DeviceError);
    }
  });

  it('what was computed from a failed result is rejected too, before and after the failure shows', async () => {
    const y = run(broken(), tf.tensor1d([1, 2, 3]));
    const before = run(good(), y);
    await expect(y.data()).rejects.toThrow(DeviceError);
    const after = run(good(), y);
    await expect(before.data()).rejects.toThrow(DeviceError);
    await expect(after.data()).rejects.toThrow(DeviceError);
  });

  it('a failure of another tensor rejects the read that finds it', async () => {
    run(broken(), tf.tensor1d([1, 2, 3]));
    const y = run(good(), tf.tensor1d([1, 2, 3]));
    await expect(y.data()).rejects.toThrow('webgpu: MapProgram');
  });

  it('reads under way at the same time are all rejected', async () => {
    const y = run(broken(), tf.tensor1d([1, 2, 3]));
    const reads = await Promise.allSettled([y.data(), y.data(), y.data()]);
    expect(reads.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  });

  it('a good program after a bad one works, on old and new tensors', async () => {
    const x = tf.tensor1d([1, 2, 3]);
    const old = run(good(), x);
    expect([...(await old.data())]).toEqual([2, 4, 6]);
    await expect(run(broken(), x).data()).rejects.toThrow(DeviceError);
    expect([...(await old.data())]).toEqual([2, 4, 6]);
    expect([...(await run(good(), x).data())]).toEqual([2, 4, 6]);
    expect([...(await run(good(), old).data())]).toEqual([4, 8, 12]);
  });

  it('a pipeline over the limits of the device rejects the read', async () => {
    const large = new MapProgram([3], 'x[index] * 3.0', [65536, 1, 1]);
    const y = run(large, tf.tensor1d([1, 2, 3]));
    await expect(y.data()).rejects.toThrow(/^webgpu: MapProgram: .*workgroup/is);
  });

  it('an error outside of any program rejects the next read', async () => {
    guarded().device.createBuffer({ size: 16, usage: 0 });
    const y = run(good(), tf.tensor1d([1, 2, 3]));
    await expect(y.data()).rejects.toThrow(DeviceError);
    expect([...(await run(good(), tf.tensor1d([1, 2, 3])).data())]).toEqual([2, 4, 6]);
  });

  it('a tensor over the binding limit throws before anything is allocated', () => {
    const { device } = guarded();
    const elements = device.limits.maxStorageBufferBindingSize / 4 + 1;
    const bytes = guarded().memory().numBytesAllocatedInGPU;
    const call = (): tf.Tensor => tf.fill([elements], 1);
    expect(call).toThrow(UnsupportedError);
    expect(call).toThrow(`its output of shape [${elements}] must fit the`);
    expect(call).toThrow('Process fewer rows at a time.');
    expect(guarded().memory().numBytesAllocatedInGPU).toBe(bytes);
  });

  it('a synchronous read says what to do instead', () => {
    const y = run(good(), tf.tensor1d([1, 2, 3]));
    expect(() => y.dataSync()).toThrow(UnsupportedError);
    expect(() => y.dataSync()).toThrow('Use await tensor.data().');
    // Values that are not on the GPU can be read either way.
    expect([...tf.tensor1d([5]).dataSync()]).toEqual([5]);
  });

  it('switching away and back keeps the device and its tensors', async () => {
    const before = guarded();
    const y = run(good(), tf.tensor1d([1, 2, 3]));
    await startBackend({ prefer: 'cpu' });
    await startBackend({ prefer: 'webgpu' });
    expect(guarded()).toBe(before);
    expect([...(await y.data())]).toEqual([2, 4, 6]);
  });

  it('the device has the limits and features of its adapter', async () => {
    const { features } = await startBackend({ prefer: 'webgpu' });
    const { device } = guarded();
    expect([...features].every((name) => device.features.has(name))).toBe(true);
    const adapter = await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' });
    for (const limit of ['maxBufferSize', 'maxComputeInvocationsPerWorkgroup'] as const) {
      expect(device.limits[limit]).toBe(adapter?.limits[limit]);
    }
  });

  it('work of our kernels goes to the device with the next read, in one submission', async () => {
    const x = tf.tensor2d([[1, 2, 3]]);
    await sinh(x).data();
    const submit = vi.spyOn(guarded().queue, 'submit');
    let y: tf.Tensor = x;
    for (let i = 0; i < 5; i++) y = tf.mul(sinh(y), 0.1);
    expect(submit).not.toHaveBeenCalled();
    const got = await y.data();
    expect(submit).toHaveBeenCalledTimes(1);
    submit.mockRestore();
    let want = [1, 2, 3];
    for (let i = 0; i < 5; i++) want = want.map((v) => Math.sinh(v) * 0.1);
    got.forEach((value, i) => {
      expect(Math.abs(value / want[i] - 1)).toBeLessThan(1e-5);
    });
  });

  it('much work of our kernels is submitted in portions', async () => {
    const x = tf.tensor2d([[1, 2, 3]]);
    const submit = vi.spyOn(guarded().queue, 'submit');
    const results = Array.from({ length: 200 }, () => sinh(x));
    expect(submit).toHaveBeenCalledTimes(3);
    // All is with the device, so there is nothing to submit.
    for (let i = 0; i < 2; i++) guarded().submitQueue();
    expect(submit).toHaveBeenCalledTimes(4);
    submit.mockRestore();
    const got = await results[199].data();
    expect(Math.abs(got[2] / Math.sinh(3) - 1)).toBeLessThan(1e-6);
    tf.dispose([x, ...results]);
  });

  it('an upload does not overtake work on the memory of a tensor that is gone', async () => {
    const values = [1, 2, 3, 4, 5];
    const results: tf.Tensor[] = [];
    for (let round = 0; round < 4; round++) {
      const x = tf.tensor2d([values.map((v) => v + round)]);
      results.push(sinh(x), tf.mul(x, 2));
      x.dispose();
    }
    for (let round = 0; round < 4; round++) {
      const [first, second] = results.slice(2 * round);
      const want = values.map((v) => v + round);
      const got = await first.data();
      got.forEach((value, i) => {
        expect(Math.abs(value / Math.sinh(want[i]) - 1)).toBeLessThan(1e-6);
      });
      expect([...(await second.data())]).toEqual(want.map((v) => 2 * v));
    }
    tf.dispose(results);
  });

  it('uploads of all types arrive, and from parts of larger arrays', async () => {
    const part = new Float32Array([9, 1, 2, 3, 9]).subarray(1, 4);
    const x = tf.tensor1d(part);
    expect([...(await tf.mul(x, 2).data())]).toEqual([2, 4, 6]);
    const ints = tf.tensor1d([2 ** 24 + 1, -7, 0], 'int32');
    expect([...(await tf.add(ints, 1).data())]).toEqual([2 ** 24 + 2, -6, 1]);
    const mask = tf.tensor1d([true, false, true], 'bool');
    const chosen = tf.where(mask, x, tf.zerosLike(x));
    expect([...(await chosen.data())]).toEqual([1, 0, 3]);
  });

  it('a lost device rejects reads until the backend is started again', async () => {
    const lost = guarded();
    const y = run(good(), tf.tensor1d([1, 2, 3]));
    lost.device.destroy();
    await expect(y.data()).rejects.toThrow(/the GPU device was lost/);
    await startBackend({ prefer: 'webgpu' });
    expect(guarded()).not.toBe(lost);
    expect([...(await run(good(), tf.tensor1d([1, 2, 3])).data())]).toEqual([2, 4, 6]);
  });
});
