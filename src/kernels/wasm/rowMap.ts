import type { TensorInfo } from '@tensorflow/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { rowMapSpec } from '../../specs/rowMap.js';
import type { RowMapAttrs, RowMapInput } from '../../specs/rowMap.js';
import { FLOAT64_NATIVE } from '../../specs/rowProgram/float64.js';
import { lower } from '../../specs/rowProgram/functions.js';
import type { RowProgram } from '../../specs/rowProgram/graph.js';
import { defineKernel } from '../../specs/spec.js';
import type { KernelCall } from '../../specs/spec.js';
import { fillOutputs, float32View, SLAB_BYTES } from './heap.js';
import { ROW_FUNCTIONS, rowModule } from './jit/rowModule.js';
import { latentModule, withScratch } from './module.js';
import type { LatentModule } from './module.js';

type Run = (args: number, first: number, count: number) => void;

/** Code of programs for one instance of our module; gone with it. Programs are few: each map is one. */
const compiled = new WeakMap<LatentModule, Map<string, Run>>();

function runOf(module: LatentModule, program: RowProgram): Run {
  const known = compiled.get(module) ?? new Map<string, Run>();
  compiled.set(module, known);
  const before = known.get(program.key);
  if (before !== undefined) return before;
  const bytes = rowModule(lower(program, FLOAT64_NATIVE), module.shared);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
    env: { memory: module.memory },
    functions: { ...ROW_FUNCTIONS },
  });
  const run = exports.run as Run;
  known.set(program.key, run);
  return run;
}

/** An input or output: where tfjs keeps it, and the values of a row; one row may stand for all. */
interface Part {
  readonly info: TensorInfo;
  readonly width: number;
  readonly single: boolean;
}

function compute(call: KernelCall<never, RowMapAttrs, BackendWasm, RowMapInput>): TensorInfo[] {
  const { inputs, attrs, backend, outputs } = call;
  const { program, n, d } = attrs;
  const partOf = (info: TensorInfo | undefined, width: number): Part => {
    if (info === undefined) throw new Error('an input of the program is missing');
    return { info, width, single: info.shape[0] === 1 && n > 1 };
  };
  const given = [
    ...program.rows.map((_, i) => partOf(inputs[`row${i}`], d)),
    ...program.scalars.map((_, i) => partOf(inputs[`scalar${i}`], 1)),
  ];
  const made = outputs.map(({ shape }) => backend.makeOutput(shape, 'float32'));
  const results = made.map((info, o) => partOf(info, program.outputs[o].level === 'row' ? d : 1));
  const rowBytes = [...given, ...results].reduce((sum, { width }) => sum + 4 * width, 0);
  const most = Math.max(1, Math.min(n, Math.floor(SLAB_BYTES / rowBytes)));
  return fillOutputs(backend, made, () => {
    withScratch(rowMapSpec.op, (scratch) => {
      const module = latentModule();
      const run = runOf(module, program);
      const parts = [...given, ...results];
      const addresses = parts.map(({ width, single }) =>
        scratch.allocate(Math.max(4, 4 * width * (single ? 1 : most))),
      );
      const args = scratch.allocate(4 * (1 + 2 * parts.length));
      const words = scratch.int32(args, 1 + 2 * parts.length);
      words[0] = d;
      parts.forEach(({ width, single }, i) => {
        words[1 + 2 * i] = addresses[i];
        words[2 + 2 * i] = single ? 0 : 4 * width;
      });
      for (let first = 0; first < n; first += most) {
        const count = Math.min(most, n - first);
        given.forEach(({ info, width, single }, i) => {
          const from = single ? 0 : first * width;
          const length = (single ? 1 : count) * width;
          const values = float32View(backend, info).subarray(from, from + length);
          scratch.float32(addresses[i], length).set(values);
        });
        run(args, 0, count);
        results.forEach(({ info, width }, o) => {
          const length = count * width;
          const values = scratch.float32(addresses[given.length + o], length);
          float32View(backend, info).set(values, first * width);
        });
      }
    });
  });
}

export const rowMapWasm = defineKernel(rowMapSpec, 'wasm', compute);
