/** A file to write, relative to the repository. */
export interface OpFile {
  readonly path: string;
  readonly text: string;
}

const upperFirst = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);

function spec(name: string): string {
  return `import type { OpSpec } from './spec.js';

export type ${upperFirst(name)}Attrs = Record<string, never>;

/** Input x [n, d], float32; output [n], float32. */
export const ${name}Spec: OpSpec<'x', ${upperFirst(name)}Attrs> = {
  op: '${name}',
  kernelName: 'Latent${upperFirst(name)}',
  inputs: ['x'],
  infer: ({ x }) => [{ shape: [x[0]], dtype: 'float32' }],
};
`;
}

function op(name: string): string {
  return `import * as tf from '@tensorflow/tfjs';
import type { Tensor, TensorLike } from '@tensorflow/tfjs';
import { ${name}Spec } from '../specs/${name}.js';
import { checkRowTensor } from './checks.js';
import { dispatch } from './dispatch.js';

/**
 * One sentence; then the formula.
 *
 * @param x Rows, shape [n, d], float32.
 * @returns Shape [n], float32; range and direction.
 *
 * Numerics: clamps by name, measured error in docs/numerics.md.
 * Gradient: of which inputs; the value at singular points.
 * Cost: time, memory, what is stored.
 * @throws ShapeError if ...
 * Reference: authors, title, year, equation.
 * @example
 * ${name}([[3, 4]]).print();
 */
export function ${name}(x: Tensor | TensorLike): Tensor {
  return tf.tidy(() => {
    const rows = checkRowTensor(${name}Spec.op, 'x', x);
    const [value] = dispatch(${name}Spec, { x: rows }, {}, () => [composed(rows)]);
    return value;
  });
}

// Composed form

function composed(x: Tensor): Tensor {
  throw new Error(\`${name}: the composed form is not written yet (shape \${x.shape.join(', ')})\`);
}
`;
}

function cpuKernel(name: string): string {
  return `import type { TensorInfo } from '@tensorflow/tfjs';
import { ${name}Spec } from '../../specs/${name}.js';
import type { ${upperFirst(name)}Attrs } from '../../specs/${name}.js';
import { defineKernel } from '../../specs/spec.js';
import type { KernelCall } from '../../specs/spec.js';
import { float32Values } from './backend.js';
import type { CpuBackend } from './backend.js';

function compute(call: KernelCall<'x', ${upperFirst(name)}Attrs, CpuBackend>): TensorInfo[] {
  const { inputs, backend, outputs } = call;
  const x = float32Values(backend, inputs.x);
  throw new Error(\`${name}: the cpu kernel is not written yet (\${x.length} values, \${outputs.length} outputs)\`);
}

export const ${name}Cpu = defineKernel(${name}Spec, 'cpu', compute);
`;
}

function reference(name: string): string {
  return `/** Float64 oracle from the definition; imports nothing from src. */
export function reference${upperFirst(name)}(x: readonly (readonly number[])[]): number[] {
  throw new Error(\`${name}: the reference is not written yet (\${x.length} rows)\`);
}
`;
}

function test(name: string): string {
  return `import { expect, it } from 'vitest';
import { ${name} } from '../../src/ops/${name}.js';
import { reference${upperFirst(name)} } from '../reference/${name}.js';
import { normalRows } from '../support/arbitraries.js';
import { describeOp } from '../support/backends.js';
import { expectClose } from '../support/compare.js';
import { TOLERANCES } from '../support/tolerances.js';

describeOp('${name}', ({ run }) => {
  it('reference: float64 oracle', async () => {
    const x = normalRows(7, 5, 1);
    const value = run(() => ${name}(x));
    expectClose(await value.data(), reference${upperFirst(name)}(x), TOLERANCES.distance);
    value.dispose();
  });

  // Still owed: property, gradient, edge (empty, one row, tile sizes, ties, NaN, zero), error, memory.
  it('is complete', () => expect.fail('write the full test set, then remove this case'));
});
`;
}

function bench(name: string): string {
  return `import type { BenchCase } from './harness.js';

/** Cases of the ${name} suite, smallest first. */
export const cases: readonly BenchCase[] = [];
`;
}

/** The files of a new op, one stem everywhere. */
export function opFiles(name: string): OpFile[] {
  return [
    { path: `src/specs/${name}.ts`, text: spec(name) },
    { path: `src/ops/${name}.ts`, text: op(name) },
    { path: `src/kernels/cpu/${name}.ts`, text: cpuKernel(name) },
    { path: `test/reference/${name}.ts`, text: reference(name) },
    { path: `test/ops/${name}.test.ts`, text: test(name) },
    { path: `bench/${name}.bench.ts`, text: bench(name) },
  ];
}
