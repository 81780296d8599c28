import * as tf from '@tensorflow/tfjs';
import { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import type { WebGPUProgram } from '@tensorflow/tfjs-backend-webgpu';

/** The active backend, which must be webgpu. */
export function webgpuBackend(): WebGPUBackend {
  const backend = tf.backend();
  if (!(backend instanceof WebGPUBackend)) throw new Error('not the webgpu backend');
  return backend;
}

class MapProgram implements WebGPUProgram {
  readonly workgroupSize: [number, number, number] = [64, 1, 1];
  readonly dispatchLayout = { x: [0, 1] };
  readonly dispatch: [number, number, number];
  readonly shaderKey: string;

  constructor(
    readonly outputShape: number[],
    readonly variableNames: string[],
    private readonly support: string,
    private readonly body: string,
  ) {
    this.dispatch = [Math.ceil(outputShape[0] / 64), 1, 1];
    this.shaderKey = `test_${support}_${body}`;
  }

  getUserCode(): string {
    return `
  ${this.support}
  fn main(index : i32) {
    if (index >= uniforms.outShape.x) { return; }
    ${this.variableNames.map((name) => `let ${name.charAt(0)} = ${name}[index];`).join('\n    ')}
    ${this.body}
  }
`;
  }
}

/**
 * Evaluate WGSL for every element of equally long inputs: `body` computes `outputs` values from the
 * variables a, b, c, ... and stores them with `result[index * outputs + i] = ...`.
 */
export async function runWgsl(
  support: string,
  body: string,
  inputs: readonly Float32Array[],
  outputs: number,
): Promise<Float32Array> {
  const count = inputs[0].length;
  const names = inputs.map((_, i) => 'abcdefgh'.charAt(i));
  const program = new MapProgram(
    [count, outputs],
    names.map((name) => `${name}Values`),
    support,
    body,
  );
  const tensors = inputs.map((values) => tf.tensor1d(values));
  const result = tf
    .engine()
    .makeTensorFromTensorInfo(webgpuBackend().runWebGPUProgram(program, tensors, 'float32'));
  const values = (await result.data()) as Float32Array;
  tf.dispose([result, ...tensors]);
  return values;
}
