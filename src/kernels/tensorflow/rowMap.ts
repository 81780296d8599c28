import type { TensorInfo } from '@tensorflow/tfjs';
import { rowMapSpec } from '../../specs/rowMap.js';
import type { RowMapAttrs, RowMapInput } from '../../specs/rowMap.js';
import { lowering } from '../../specs/rowProgram/functions.js';
import type {
  BinaryFunction,
  RowNode,
  RowProgram,
  UnaryFunction,
} from '../../specs/rowProgram/graph.js';
import { reducedArgument } from '../../specs/rowProgram/passes.js';
import { defineKernel } from '../../specs/spec.js';
import type { KernelCall } from '../../specs/spec.js';
import { COMPARE_OPS, UNARY_OPS } from './measure.js';
import { withOps } from './ops.js';
import type { Binary, Handle, Ops, TensorflowBackend, Unary } from './ops.js';

/** TensorFlow has no derived functions but these; its float64 keeps their lowered forms exact enough. */
const UNARY = {
  ...UNARY_OPS,
  expm1: 'Expm1',
  sinh: 'Sinh',
  cosh: 'Cosh',
  tanh: 'Tanh',
  atan: 'Atan',
  atanh: 'Atanh',
} as const satisfies Readonly<Partial<Record<UnaryFunction, Unary>>>;

const lower = lowering(Object.keys(UNARY) as (keyof typeof UNARY)[]);

const BINARY: Readonly<Record<BinaryFunction, Binary>> = {
  add: 'AddV2',
  sub: 'Sub',
  mul: 'Mul',
  div: 'RealDiv',
  min: 'Minimum',
  max: 'Maximum',
};

function unaryName(op: UnaryFunction): Unary {
  const name = Object.entries<Unary>(UNARY).find(([key]) => key === op);
  if (name === undefined) throw new Error(`${op} is not lowered`);
  return name[1];
}

/** Rows first .. first + count of the inputs as float64: rows [count, d], scalars [count, 1]. */
type InputOf = (node: Extract<RowNode, { kind: 'input' }>) => Handle;

function evaluate(ops: Ops, program: RowProgram, d: number, inputOf: InputOf): readonly Handle[] {
  const values: Handle[] = [];
  const sum = (x: Handle): Handle => ops.reduce('Sum', x, 1, true);
  const constant = (value: number): Handle => ops.reshape(ops.scalar(value), [1, 1]);
  const compute = (node: RowNode): Handle => {
    const args = node.args.map((arg) => values[arg]);
    switch (node.kind) {
      case 'input':
        return inputOf(node);
      case 'constant':
        return constant(node.value);
      case 'features':
        return constant(d);
      case 'unary':
        return ops.unary(unaryName(node.op), args[0]);
      case 'binary':
        return ops.binary(BINARY[node.op], args[0], args[1]);
      case 'where':
        return ops.select(ops.binary(COMPARE_OPS[node.op], args[0], args[1]), args[2], args[3]);
      case 'reduce': {
        const x = values[reducedArgument(node)];
        switch (node.op) {
          case 'sum':
            return sum(x);
          case 'norm':
            return ops.unary('Sqrt', sum(ops.unary('Square', x)));
          case 'gap':
            return ops.binary(
              'Sub',
              constant(1),
              ops.binary('Mul', args[0], sum(ops.unary('Square', x))),
            );
        }
      }
    }
  };
  for (const node of program.nodes) values.push(compute(node));
  return values;
}

/** Composed of TensorFlow's ops in float64, in blocks of rows. */
function compute(
  call: KernelCall<never, RowMapAttrs, TensorflowBackend, RowMapInput>,
): TensorInfo[] {
  const { inputs, attrs, backend, outputs } = call;
  const { n, d } = attrs;
  const program = lower(attrs.program);
  return withOps(rowMapSpec.op, backend, (ops) => {
    const given = new Map<string, Handle>();
    const put = (key: string, info: TensorInfo | undefined): void => {
      if (info !== undefined) given.set(key, ops.input(info));
    };
    program.rows.forEach((name, i) => {
      put(`row ${name}`, inputs[`row${i}`]);
    });
    program.scalars.forEach((name, i) => {
      put(`scalar ${name}`, inputs[`scalar${i}`]);
    });
    const rows = Math.max(1, Math.floor(ops.slab / Math.max(1, d)));
    const parts: (readonly Handle[])[] = [];
    for (let first = 0; first < n; first += rows) {
      const count = Math.min(rows, n - first);
      parts.push(
        ops.step((inner) => {
          const values = evaluate(inner, program, d, ({ level, name }) => {
            const handle = given.get(`${level} ${name}`);
            if (handle === undefined) throw new Error(`no input ${name}`);
            const whole = handle.shape[0] === 1 || count === n;
            const some = inner.cast(whole ? handle : inner.rows(handle, first, count), 'float64');
            return level === 'row' ? some : inner.reshape(some, [some.shape[0], 1]);
          });
          return program.outputs.map(({ node, level }) => {
            const width = level === 'row' ? d : 1;
            return inner.cast(inner.broadcast(values[node], [count, width]), 'float32');
          });
        }),
      );
    }
    return outputs.map(({ shape }, o) => {
      const whole = ops.concat(
        parts.map((part) => part[o]),
        0,
      );
      return ops.output(whole, shape);
    });
  });
}

export const rowMapTensorflow = defineKernel(rowMapSpec, 'tensorflow', compute);
