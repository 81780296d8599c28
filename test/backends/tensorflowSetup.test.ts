import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildBinding } from '../../src/backends/tensorflowSetup/binding.js';
import { setupTensorflow } from '../../src/backends/tensorflowSetup/index.js';
import type { SetupMachine } from '../../src/backends/tensorflowSetup/index.js';
import {
  libraryAt,
  libraryOfAnyPython,
  libraryOfPython,
} from '../../src/backends/tensorflowSetup/library.js';
import { selfTest } from '../../src/backends/tensorflowSetup/selfTest.js';
import type { SelfTest } from '../../src/backends/tensorflowSetup/selfTest.js';
import { DataError, DomainError, UnsupportedError } from '../../src/errors.js';

let root = '';

beforeAll(() => {
  root = mkdtempSync(path.join(tmpdir(), 'latent-setup-'));
});
afterAll(() => {
  rmSync(root, { recursive: true });
});

/** A folder with these (empty) files. */
function folder(name: string, files: readonly string[]): string {
  const dir = path.join(root, name);
  mkdirSync(dir, { recursive: true });
  for (const file of files) {
    mkdirSync(path.dirname(path.join(dir, file)), { recursive: true });
    writeFileSync(path.join(dir, file), '');
  }
  return dir;
}

function script(name: string, body: string): string {
  const file = path.join(root, name);
  writeFileSync(file, `#!/bin/sh\n${body}\n`);
  chmodSync(file, 0o755);
  return file;
}

const WHEEL = [
  'libtensorflow_cc.so.2',
  'libtensorflow_framework.so.2',
  'include/tensorflow/c/c_api.h',
];
const SOUND: SelfTest = { tensorflow: '2.21.0', cuda: false, loadMs: 1, checkMs: 1 };

describe('libraryAt', () => {
  it('takes the folder of a wheel', () => {
    const dir = folder('wheel', WHEEL);
    expect(libraryAt(dir)).toEqual({
      files: WHEEL.slice(0, 2).map((file) => path.join(dir, file)),
      preloaded: [],
      include: path.join(dir, 'include'),
      searchPath: [dir],
      version: undefined,
      source: dir,
    });
  });

  it('takes an unpacked archive of the C library, or its lib', () => {
    const files = [
      'lib/libtensorflow.so.2.9.1',
      'lib/libtensorflow_framework.so.2',
      'include/tensorflow/c/c_api.h',
    ];
    const dir = folder('archive', files);
    for (const given of [dir, path.join(dir, 'lib')]) {
      expect(libraryAt(given).include).toBe(path.join(dir, 'include'));
      expect(libraryAt(given).files[0]).toBe(path.join(dir, files[0]));
    }
  });

  it.each([
    ['missing', undefined, 'which does not exist'],
    ['half', ['libtensorflow_cc.so.2'], 'must be a folder with libtensorflow'],
    ['bare', WHEEL.slice(0, 2), 'must have the headers beside it'],
  ])('refuses %s', (name, files, message) => {
    const dir = files === undefined ? path.join(root, name) : folder(name, files);
    expect(() => libraryAt(dir)).toThrow(DataError);
    expect(() => libraryAt(dir)).toThrow(message);
  });
});

describe('libraryOfPython', () => {
  it('finds the package, its version and its CUDA libraries', () => {
    const dir = folder('site/tensorflow', WHEEL);
    const cuda = folder('site/nvidia/cublas/lib', [
      'libcublas.so.12',
      'libcublas.so',
      'libnvblas.so.12',
    ]);
    const answer = { folder: dir, version: '2.21.0', cuda: [cuda] };
    const python = script('python-with', `echo '${JSON.stringify(answer)}'`);
    expect(libraryOfPython(python)).toMatchObject({
      version: '2.21.0',
      searchPath: [dir, cuda],
      preloaded: [path.join(cuda, 'libcublas.so.12')],
      source: `${python} (tensorflow 2.21.0 with CUDA)`,
    });
  });

  it('names a Python without TensorFlow, and one that does not start', () => {
    expect(() => libraryOfPython(script('python-without', 'echo null'))).toThrow('which has none');
    expect(() => libraryOfPython(path.join(root, 'no-python'))).toThrow(
      'a Python 3.8 or newer that starts',
    );
  });

  it('looks in the active environment first', () => {
    const dir = folder('env-site/tensorflow', WHEEL);
    folder('env/bin', []);
    script('env/bin/python', `echo '${JSON.stringify({ folder: dir, version: null, cuda: [] })}'`);
    expect(libraryOfAnyPython({ VIRTUAL_ENV: path.join(root, 'env') }).files[0]).toContain(dir);
  });
});

describe('buildBinding', () => {
  const library = (): ReturnType<typeof libraryAt> => libraryAt(folder('wheel', WHEEL));

  it('puts what the compiler makes where the package looks, and says against what', async () => {
    const dir = folder('package', []);
    // The output is the last argument.
    const compiler = script('c++-sound', 'for last; do :; done; echo "$@" > "$last"');
    const file = await buildBinding(dir, { ...library(), version: '2.21.0' }, { CXX: compiler });
    expect(file).toBe(path.join(dir, 'lib/napi-v8/tfjs_binding.node'));
    expect(readFileSync(file, 'utf8')).toContain(`-Wl,-rpath,${path.join(root, 'wheel')}`);
    const provenance = JSON.parse(
      readFileSync(path.join(dir, 'lib/tfjs-latent.json'), 'utf8'),
    ) as object;
    expect(provenance).toMatchObject({ tensorflow: '2.21.0' });
  });

  it('keeps the binding that is there when the compiler fails, and shows its errors', async () => {
    const dir = folder('kept', ['lib/napi-v8/tfjs_binding.node']);
    const file = path.join(dir, 'lib/napi-v8/tfjs_binding.node');
    writeFileSync(file, 'works');
    const compiler = script(
      'c++-broken',
      'echo "note: x" >&2; echo "a.cc:1: error: no such thing" >&2; exit 1',
    );
    const failure = buildBinding(dir, library(), { CXX: compiler });
    await expect(failure).rejects.toThrow(UnsupportedError);
    await expect(failure).rejects.toThrow('got a.cc:1: error: no such thing.');
    expect(readFileSync(file, 'utf8')).toBe('works');
  });

  it('names a missing compiler', async () => {
    const build = buildBinding(folder('package', []), library(), {
      CXX: path.join(root, 'no-c++'),
    });
    await expect(build).rejects.toThrow('a C++ compiler must be installed, got none of');
  });
});

describe('selfTest', () => {
  it('says what failed in the process', async () => {
    await expect(selfTest(path.join(root, 'nothing'))).rejects.toThrow(/Cannot find module/);
  });

  it('refuses a package that computes something else', async () => {
    const dir = folder('wrong', []);
    const tensor = '{ dataSync: () => [1], reshape: () => t }';
    writeFileSync(
      path.join(dir, 'index.js'),
      `const t = ${tensor};
       module.exports = { backend: () => ({ binding: {} }), tensor2d: () => t, tensor1d: () => t,
         range: () => t, matMul: () => t, conv2d: () => t, sum: () => t,
         grads: () => () => [t, t], topk: () => ({ values: t, indices: t }) };`,
    );
    await expect(selfTest(dir)).rejects.toThrow('matMul: [1] in place of [14, 32, 32, 77]');
  });
});

describe('setupTensorflow', () => {
  const said: string[] = [];
  const say = (text: string): void => void said.push(text);
  const machine = (parts: Partial<SetupMachine>): SetupMachine => ({
    platform: 'linux',
    environment: { CXX: script('c++-sound', 'for last; do :; done; echo "$@" > "$last"') },
    folderOf: () => folder('installed', []),
    test: () => Promise.resolve(SOUND),
    ...parts,
  });

  it('builds against the given library and tests the result', async () => {
    const report = await setupTensorflow({ lib: folder('wheel', WHEEL) }, say, machine({}));
    expect(report).toMatchObject({
      package: '@tensorflow/tfjs-node-gpu',
      built: true,
      test: SOUND,
    });
    expect(existsSync(path.join(report.folder, 'lib/napi-v8/tfjs_binding.node'))).toBe(true);
  });

  it('leaves a binding alone that works', async () => {
    const dir = folder('working', ['lib/napi-v8/tfjs_binding.node']);
    const report = await setupTensorflow({}, say, machine({ folderOf: () => dir }));
    expect(report.built).toBe(false);
  });

  it('replaces one that does not', async () => {
    const dir = folder('failing', ['lib/napi-v8/tfjs_binding.node']);
    let tests = 0;
    const test = (): Promise<SelfTest> =>
      ++tests === 1
        ? Promise.reject(
            new UnsupportedError({ op: 'x', arg: 'y', expected: 'load', got: 'libcudart.so.11.0' }),
          )
        : Promise.resolve(SOUND);
    folder('env2-site/tensorflow', WHEEL);
    folder('env2/bin', []);
    const answer = { folder: path.join(root, 'env2-site/tensorflow'), version: '2.21.0', cuda: [] };
    script('env2/bin/python', `echo '${JSON.stringify(answer)}'`);
    const base = machine({});
    const environment = { ...base.environment, VIRTUAL_ENV: path.join(root, 'env2') };
    const report = await setupTensorflow({}, say, {
      ...base,
      folderOf: () => dir,
      test,
      environment,
    });
    expect(report.built).toBe(true);
    expect(said).toContain('it does not work (libcudart.so.11.0); building another');
  });

  it.each([
    [{ python: 'a', lib: 'b' }, {}, DomainError, 'must not be given together'],
    [{}, { folderOf: () => undefined }, UnsupportedError, 'npm install --ignore-scripts'],
    [{ lib: '.' }, { platform: 'darwin' }, UnsupportedError, 'must be Linux'],
  ] as const)('refuses %o on %o', async (options, parts, type, message) => {
    const attempt = setupTensorflow(options, say, machine(parts));
    await expect(attempt).rejects.toThrow(type);
    await expect(attempt).rejects.toThrow(message);
  });
});
