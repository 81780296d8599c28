import type { TensorInfo } from '@tensorflow/tfjs';
import { rowMapSpec } from '../../specs/rowMap.js';
import type { RowMapAttrs, RowMapInput } from '../../specs/rowMap.js';
import { FLOAT64_FUNCTIONS, lowerFloat64 } from '../../specs/rowProgram/float64.js';
import type {
  BinaryFunction,
  RowComparison,
  RowNode,
  RowProgram,
} from '../../specs/rowProgram/graph.js';
import { reducedArgument, scheduleOf } from '../../specs/rowProgram/passes.js';
import { defineKernel } from '../../specs/spec.js';
import type { KernelCall } from '../../specs/spec.js';
import { float32Values } from './backend.js';
import type { CpuBackend } from './backend.js';

const BINARY: Readonly<Record<BinaryFunction, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  min: Math.min,
  max: Math.max,
};

const COMPARE: Readonly<Record<RowComparison, (a: number, b: number) => boolean>> = {
  lt: (a, b) => a < b,
  le: (a, b) => a <= b,
  eq: (a, b) => a === b,
};

/** Computes a node from the values of its arguments. */
function functionOf(node: RowNode): (...args: number[]) => number {
  switch (node.kind) {
    case 'unary': {
      const apply = FLOAT64_FUNCTIONS[node.op];
      if (apply === undefined) throw new Error(`${node.op} is not lowered`);
      return apply;
    }
    case 'binary':
      return BINARY[node.op];
    case 'where': {
      const compare = COMPARE[node.op];
      return (left, right, then, otherwise) => (compare(left, right) ? then : otherwise);
    }
    default:
      throw new Error(`${node.kind} is no function`);
  }
}

/** Where an input's values of a row are: one row may stand for all. */
interface Source {
  readonly values: Float32Array;
  readonly stride: number;
}

/** Runs a program row by row, in float64; results are rounded once. */
class RowInterpreter {
  /** Values of nodes: of all features, or one number. */
  private readonly registers: readonly Float64Array[];
  private readonly apply: readonly ((...args: number[]) => number)[];
  private readonly schedule;

  constructor(
    private readonly program: RowProgram,
    private readonly d: number,
    private readonly sources: ReadonlyMap<string, Source>,
  ) {
    this.schedule = scheduleOf(program);
    this.registers = program.nodes.map((node) => new Float64Array(node.level === 'row' ? d : 1));
    this.apply = program.nodes.map((node) =>
      node.args.length === 0 || node.kind === 'reduce' ? () => NaN : functionOf(node),
    );
  }

  /** Compute row i into its place in the outputs. */
  run(i: number, outputs: readonly Float32Array[]): void {
    for (const id of this.schedule.first) this.compute(id, i);
    for (const pass of this.schedule.passes) {
      for (const id of pass.features) this.compute(id, i);
      for (const id of pass.reductions) this.reduce(id);
      for (const id of pass.scalars) this.compute(id, i);
    }
    this.program.outputs.forEach(({ node, level }, o) => {
      const values = this.registers[node];
      if (level === 'scalar') outputs[o][i] = values[0];
      else if (values.length === this.d) outputs[o].set(values, i * this.d);
      else outputs[o].fill(values[0], i * this.d, (i + 1) * this.d);
    });
  }

  private compute(id: number, i: number): void {
    const node = this.program.nodes[id];
    const out = this.registers[id];
    switch (node.kind) {
      case 'input': {
        const source = this.sources.get(`${node.level} ${node.name}`);
        if (source === undefined) throw new Error(`no input ${node.name}`);
        const start = i * source.stride;
        for (let f = 0; f < out.length; f++) out[f] = source.values[start + f];
        return;
      }
      case 'constant':
        out[0] = node.value;
        return;
      case 'features':
        out[0] = this.d;
        return;
      default: {
        const apply = this.apply[id];
        const args = node.args.map((arg) => this.registers[arg]);
        const steps = node.args.map((arg) => (this.program.nodes[arg].level === 'row' ? 1 : 0));
        for (let f = 0; f < out.length; f++) {
          out[f] = apply(...args.map((values, a) => values[f * steps[a]]));
        }
      }
    }
  }

  private reduce(id: number): void {
    const node = this.program.nodes[id];
    if (node.kind !== 'reduce') throw new Error('not a reduction');
    const values = this.registers[reducedArgument(node)];
    let sum = 0;
    if (node.op === 'sum') for (const value of values) sum += value;
    else for (const value of values) sum += value * value;
    const result = {
      sum: () => sum,
      norm: () => Math.sqrt(sum),
      gap: () => 1 - this.registers[node.args[0]][0] * sum,
    };
    this.registers[id][0] = result[node.op]();
  }
}

function compute(call: KernelCall<never, RowMapAttrs, CpuBackend, RowMapInput>): TensorInfo[] {
  const { inputs, attrs, backend, outputs } = call;
  const { n, d } = attrs;
  const program = lowerFloat64(attrs.program);
  const sources = new Map<string, Source>();
  const put = (level: 'row' | 'scalar', name: string, info: TensorInfo | undefined): void => {
    if (info === undefined) return;
    const width = level === 'row' ? d : 1;
    const stride = info.shape[0] === 1 ? 0 : width;
    sources.set(`${level} ${name}`, { values: float32Values(backend, info), stride });
  };
  program.rows.forEach((name, i) => {
    put('row', name, inputs[`row${i}`]);
  });
  program.scalars.forEach((name, i) => {
    put('scalar', name, inputs[`scalar${i}`]);
  });
  const results = outputs.map(({ shape }) => new Float32Array(shape.reduce((a, b) => a * b, 1)));
  const interpreter = new RowInterpreter(program, d, sources);
  for (let i = 0; i < n; i++) interpreter.run(i, results);
  return results.map((values, o) => backend.makeTensorInfo(outputs[o].shape, 'float32', values));
}

export const rowMapCpu = defineKernel(rowMapSpec, 'cpu', compute);
