import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { startBackend } from '../../src/backends/start.js';
import { probeTensorflow } from '../../src/backends/tensorflow.js';
import type { PackageHost } from '../../src/backends/tensorflow.js';
import { restoreUtil } from '../../src/backends/tensorflowPackage.js';
import { describeOnBackend } from './onBackend.js';

const CPU_PACKAGE = '@tensorflow/tfjs-node';
const GPU_PACKAGE = '@tensorflow/tfjs-node-gpu';

/** A machine on which the named packages are installed, each with the given files. */
function host(
  packages: Readonly<Record<string, readonly string[]>>,
  load: (name: string) => Promise<unknown> = () => Promise.resolve(),
): PackageHost {
  return {
    folderOf: (name) => (name in packages ? `/modules/${name}` : undefined),
    hasFile: (folder, pattern) => {
      const [, name, part] = /^\/modules\/(.+)\/(\w+)$/.exec(folder) ?? [];
      return packages[name].some((file) => file.startsWith(`${part}/`) && pattern.test(file));
    },
    load,
  };
}

const COMPLETE = ['lib/napi-v8/tfjs_binding.node', 'deps/lib/libtensorflow.so.2'];
const failing = (message: string) => (): Promise<never> => Promise.reject(new Error(message));

/** What loading tfjs-node does: it registers its backend and makes it the active one. */
const loading = (cuda: boolean) => async (): Promise<void> => {
  class Native extends tf.KernelBackend {
    readonly isUsingGpuDevice = cuda;
    override dispose(): void {
      this.gone = true;
    }
    gone = false;
  }
  tf.registerBackend('tensorflow', () => new Native());
  await tf.setBackend('tensorflow');
};

describe('probeTensorflow', () => {
  it('says what to install where there is no package', async () => {
    expect(await probeTensorflow(host({}))).toEqual({
      name: 'tensorflow',
      available: false,
      why: `neither ${GPU_PACKAGE} nor ${CPU_PACKAGE} is installed`,
      fix: `Run: npm install --ignore-scripts ${CPU_PACKAGE}, then: tfjs-latent setup tensorflow.`,
    });
  });

  it.each([
    ['its native binding', ['deps/lib/libtensorflow.so.2']],
    ['libtensorflow', ['lib/napi-v8/tfjs_binding.node']],
    ['its native binding and libtensorflow', []],
  ])('names a package installed without %s', async (part, files) => {
    const probe = await probeTensorflow(host({ [CPU_PACKAGE]: files }));
    expect(probe).toMatchObject({
      available: false,
      why: `${CPU_PACKAGE} is installed without ${part}: its install script did not run or could not download`,
      fix: 'Run: tfjs-latent setup tensorflow.',
    });
  });

  it.each([
    ['libcudart.so.11.0: cannot open shared object file\n  at dlopen', 'CUDA 11.2'],
    ['libtensorflow_cc.so.2: cannot open shared object file', 'was built against is gone'],
    ['invalid ELF header', 'Run: tfjs-latent setup tensorflow --force'],
  ])('reports a failing import: %j', async (message, fix) => {
    const probe = await probeTensorflow(host({ [CPU_PACKAGE]: COMPLETE }, failing(message)));
    expect(probe).toMatchObject({
      available: false,
      why: `${CPU_PACKAGE} fails to load: ${message.split('\n')[0]}`,
    });
    expect(probe.available ? '' : probe.fix).toContain(fix);
  });

  it('needs no library in the package where setup linked another', async () => {
    const files = ['lib/napi-v8/tfjs_binding.node', 'lib/tfjs-latent.json'];
    const probe = await probeTensorflow(host({ [CPU_PACKAGE]: files }, failing('tried')));
    expect(probe.why).toContain('fails to load: tried');
  });

  it('names a package that registers with another copy of tfjs', async () => {
    const probe = await probeTensorflow(host({ [CPU_PACKAGE]: COMPLETE }));
    expect(probe).toMatchObject({ available: false });
    expect(probe.why).toContain('another copy of tfjs');
  });

  it.each([
    [true, GPU_PACKAGE, 'gpu', `CUDA (${GPU_PACKAGE})`],
    [false, GPU_PACKAGE, 'cpu', `native CPU (${GPU_PACKAGE})`],
    [false, CPU_PACKAGE, 'cpu', `native CPU (${CPU_PACKAGE})`],
  ])('CUDA %s, %s: device %s', async (cuda, name, device, adapter) => {
    await tf.setBackend('cpu');
    const probe = await probeTensorflow(host({ [name]: COMPLETE }, loading(cuda)));
    expect(probe).toMatchObject({ available: true, device, adapter, software: false });
    expect(tf.getBackend()).toBe('cpu');
    expect(Object.keys(tf.engine().registryFactory)).not.toContain('tensorflow');
  });

  it('takes tfjs-node when tfjs-node-gpu is broken', async () => {
    await tf.setBackend('cpu');
    const both = { [GPU_PACKAGE]: [], [CPU_PACKAGE]: COMPLETE };
    const probe = await probeTensorflow(host(both, loading(false)));
    expect(probe).toMatchObject({ available: true, adapter: `native CPU (${CPU_PACKAGE})` });
    expect(Object.keys(tf.engine().registryFactory)).not.toContain('tensorflow');
  });
});

describe('restoreUtil', () => {
  it('adds what Node removed and keeps what is there', () => {
    const isArray = (): boolean => true;
    const util: Record<string, unknown> = { isArray };
    restoreUtil(util);
    expect(util.isArray).toBe(isArray);
    const isNullOrUndefined = util.isNullOrUndefined as (value: unknown) => boolean;
    expect([null, undefined, 0, ''].map(isNullOrUndefined)).toEqual([true, true, false, false]);
  });
});

describeOnBackend('tensorflow', 'started tensorflow', () => {
  it('products keep all of float32, also on CUDA', async () => {
    await startBackend({ prefer: 'tensorflow' });
    expect(process.env.NVIDIA_TF32_OVERRIDE).toBe('0');
    const a = tf.fill([64, 64], 1 + 2 ** -20);
    const product = await tf.matMul(a, tf.eye(64)).data();
    expect([...new Set(product)]).toEqual([1 + 2 ** -20]);
    a.dispose();
  });
});
