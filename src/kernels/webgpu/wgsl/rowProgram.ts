import type {
  BaseFunction,
  BinaryFunction,
  RowNode,
  RowProgram,
} from '../../../specs/rowProgram/graph.js';
import { reducedArgument, scheduleOf } from '../../../specs/rowProgram/passes.js';
import type { RowPass } from '../../../specs/rowProgram/passes.js';
import { f32Literal } from './constants.js';
import { DOUBLE_FLOAT } from './doubleFloat.js';
import { callCode, CALLED, COMPARED, functionsCode } from './functions.js';
import type { FunctionName } from './functions.js';

/** Threads of a workgroup. */
export const ROW_THREADS = 64;
/** Features that a thread adds up before its sum joins the total. */
const SUM_BLOCK = 32;

/** Bindings of a program's shader, in order. */
export interface RowBindings {
  readonly rows: readonly string[];
  readonly scalars: readonly string[];
  readonly outputs: number;
}

/** Inputs that a program reads at all. */
export function bindingsOf({ nodes, rows, scalars, outputs }: RowProgram): RowBindings {
  const used = (level: RowNode['level']) => (name: string) =>
    nodes.some((node) => node.kind === 'input' && node.level === level && node.name === name);
  return {
    rows: rows.filter(used('row')),
    scalars: scalars.filter(used('scalar')),
    outputs: outputs.length,
  };
}

/** Words of the uniform: see {@link rowProgramCode}. */
export const countWords = ({ rows, scalars, outputs }: RowBindings): number =>
  3 + 2 * (rows.length + scalars.length) + outputs;

/**
 * Euclidean lengths without overflow, rounded about once: squares of usual values are added in
 * double-float (y, z), those of large and of small values apart, scaled by 2^-80 (x) and 2^80 (w); their
 * roots meet relative to the largest. Nothing is scaled twice: a compiler may join the two factors, and
 * 2^160 is infinite.
 */
const NORM = `
  fn normParts(v : f32) -> vec4<f32> {
    let size = abs(v);
    let large = exprFixed(size * 0x1p-80);
    let tiny = exprFixed(size * 0x1p80);
    if (size > 0x1p60) { return vec4<f32>(large * large, 0.0, 0.0, 0.0); }
    if (size < 0x1p-60) { return vec4<f32>(0.0, 0.0, 0.0, tiny * tiny); }
    return vec4<f32>(0.0, dfTwoProd(size, size), 0.0);
  }
  fn normJoin(a : vec4<f32>, b : vec4<f32>) -> vec4<f32> {
    return vec4<f32>(a.x + b.x, dfAdd(a.yz, b.yz), a.w + b.w);
  }
  fn normOf(parts : vec4<f32>) -> f32 {
    let usual = dfSqrt(parts.yz).x;
    if (exprIsZero(parts.x) && exprIsZero(parts.w)) { return usual; }
    let roots = vec3<f32>(exprSqrt(parts.x) * 0x1p80, usual, exprSqrt(parts.w) * 0x1p-80);
    let largest = max(roots.x, max(roots.y, roots.z));
    if (exprIsNan(usual)) { return usual; }
    if (exprIsInfinite(largest)) { return largest; }
    let shares = roots / largest;
    return largest * sqrt(dot(shares, shares));
  }
`;

/** What a reduction adds up, and how. */
const SUMS = {
  sum: {
    type: 'f32',
    zero: '0.0',
    term: (v: string) => v,
    join: (a: string, b: string) => `${a} + ${b}`,
  },
  norm: {
    type: 'vec4<f32>',
    zero: 'vec4<f32>()',
    term: (v: string) => `normParts(${v})`,
    join: (a: string, b: string) => `normJoin(${a}, ${b})`,
  },
  gap: {
    type: 'vec2<f32>',
    zero: 'vec2<f32>()',
    term: (v: string) => `dfTwoProd(${v}, ${v})`,
    join: (a: string, b: string) => `dfAdd(${a}, ${b})`,
  },
} as const;

const OPERATORS = { add: '+', sub: '-', mul: '*', div: '/' } as const;

class RowShader {
  private readonly needs = new Set<FunctionName>();
  private readonly lines: string[] = [];
  private readonly bindings: RowBindings;

  constructor(
    private readonly program: RowProgram,
    private readonly lanes: number,
  ) {
    this.bindings = bindingsOf(program);
  }

  write(): string {
    const { program, lanes } = this;
    this.needs.add('sqrt');
    this.needs.add('isZero');
    const schedule = scheduleOf(program);
    for (const id of schedule.first) this.scalarNode(id);
    schedule.passes.forEach((pass, p) => {
      this.pass(pass, p);
    });
    program.outputs.forEach(({ node, level }, o) => {
      if (level !== 'scalar') return;
      const store = `out${o}[params.outBase${o} + row] = ${this.name(node)};`;
      this.lines.push(`if (isWriter) { ${store} }`);
    });
    const has = (op: 'norm' | 'gap'): boolean =>
      program.nodes.some((node) => node.kind === 'reduce' && node.op === op);
    return `
struct Params {
  rows : u32,
  features : u32,
  gridWidth : u32,
${this.params()}
}
@group(0) @binding(0) var<uniform> params : Params;
${this.declarations()}
${functionsCode(this.needs)}
${has('gap') || has('norm') ? DOUBLE_FLOAT : ''}
${has('norm') ? NORM : ''}
${this.folds()}
@compute @workgroup_size(${ROW_THREADS})
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) thread : u32) {
  let wanted = (group.y * params.gridWidth + group.x) * ${ROW_THREADS / lanes}u + thread / ${lanes}u;
  let lane = thread % ${lanes}u;
  // Threads without a row repeat the last one: all of them may have to meet at barriers.
  let row = min(wanted, params.rows - 1u);
  let isActive = wanted < params.rows;
  let isWriter = isActive && lane == 0u;
  ${this.lines.join('\n  ')}
}
`;
  }

  private params(): string {
    const { rows, scalars, outputs } = this.bindings;
    const inputs = [...rows.map((_, i) => `Row${i}`), ...scalars.map((_, i) => `Scalar${i}`)];
    return [
      ...inputs.flatMap((name) => [`  base${name} : u32,`, `  step${name} : u32,`]),
      ...Array.from({ length: outputs }, (_, o) => `  outBase${o} : u32,`),
    ].join('\n');
  }

  private declarations(): string {
    const { rows, scalars, outputs } = this.bindings;
    const names = [
      ...rows.map((_, i) => ['read', `row${i}`]),
      ...scalars.map((_, i) => ['read', `scalar${i}`]),
      ...Array.from({ length: outputs }, (_, o) => ['read_write', `out${o}`]),
    ];
    return names
      .map(
        ([access, name], i) =>
          `@group(0) @binding(${i + 1}) var<storage, ${access}> ${name} : array<f32>;`,
      )
      .join('\n');
  }

  /** Folds of one value per lane of a row into one that all lanes see. */
  private folds(): string {
    if (this.lanes === 1) return '';
    const used = Object.entries(SUMS).filter(([op]) =>
      this.program.nodes.some((node) => node.kind === 'reduce' && node.op === op),
    );
    return used
      .map(
        ([op, { type, join }]) => `
var<workgroup> ${op}Lanes : array<${type}, ${ROW_THREADS}>;
fn ${op}Fold(value : ${type}, thread : u32) -> ${type} {
  ${op}Lanes[thread] = value;
  workgroupBarrier();
  for (var step = ${this.lanes / 2}u; step > 0u; step = step / 2u) {
    if (thread % ${this.lanes}u < step) {
      let a = ${op}Lanes[thread];
      let b = ${op}Lanes[thread + step];
      ${op}Lanes[thread] = ${join('a', 'b')};
    }
    workgroupBarrier();
  }
  let folded = ${op}Lanes[thread - thread % ${this.lanes}u];
  workgroupBarrier();
  return folded;
}
`,
      )
      .join('');
  }

  private node(id: number): RowNode {
    return this.program.nodes[id];
  }

  private name(id: number): string {
    return `v${id}`;
  }

  private call(name: FunctionName, ...inputs: readonly string[]): string {
    this.needs.add(name);
    return callCode(name, inputs);
  }

  private value(id: number): string {
    const node = this.node(id);
    const [a, b, then, otherwise] = node.args.map((arg) => this.name(arg));
    switch (node.kind) {
      case 'input': {
        const place = this.bindings[node.level === 'row' ? 'rows' : 'scalars'].indexOf(node.name);
        return node.level === 'row'
          ? `row${place}[params.baseRow${place} + row * params.stepRow${place} + f]`
          : `scalar${place}[params.baseScalar${place} + row * params.stepScalar${place}]`;
      }
      case 'constant':
        return f32Literal(node.value);
      case 'features':
        return 'f32(params.features)';
      case 'unary': {
        const called = CALLED[node.op as BaseFunction];
        if (called !== undefined) return this.call(called, a);
        if (node.op === 'neg') return `-${a}`;
        if (node.op === 'abs') return `abs(${a})`;
        if (node.op === 'square') return `${a} * ${a}`;
        throw new Error(`${node.op} is not lowered`);
      }
      case 'binary':
        return this.binary(node.op, node.args, a, b);
      case 'where': {
        const isZero = (arg: number): boolean => {
          const other = this.node(arg);
          return other.kind === 'constant' && other.value === 0;
        };
        const test =
          node.op === 'eq' && isZero(node.args[1])
            ? this.call('isZero', a)
            : this.call(COMPARED[node.op], a, b);
        return `select(${otherwise}, ${then}, ${test})`;
      }
      case 'reduce':
        throw new Error('reductions belong to passes');
    }
  }

  private binary(op: BinaryFunction, args: readonly number[], a: string, b: string): string {
    if (op === 'min' || op === 'max') return `${op}(${a}, ${b})`;
    const value = `${a} ${OPERATORS[op]} ${b}`;
    // Otherwise a compiler may move the constant out of a longer product, which overflows without it.
    const isScaled = op === 'mul' && args.some((arg) => this.node(arg).kind === 'constant');
    if (!isScaled) return value;
    this.needs.add('numberBits');
    return `exprFixed(${value})`;
  }

  private scalarNode(id: number): void {
    this.lines.push(`let ${this.name(id)} = ${this.value(id)};`);
  }

  private pass(pass: RowPass, p: number): void {
    const { lines, lanes } = this;
    const sums = pass.reductions.map((id) => {
      const node = this.node(id);
      if (node.kind !== 'reduce') throw new Error('not a reduction');
      return { id, node, ...SUMS[node.op] };
    });
    for (const { id, type, zero } of sums) lines.push(`var total${id} : ${type} = ${zero};`);
    const block = SUM_BLOCK * lanes;
    lines.push(`for (var from${p} = lane; from${p} < params.features; from${p} += ${block}u) {`);
    for (const { id, type, zero } of sums) lines.push(`  var sum${id} : ${type} = ${zero};`);
    lines.push(
      `  for (var f = from${p}; f < min(from${p} + ${block}u, params.features); f += ${lanes}u) {`,
    );
    for (const id of pass.features) lines.push(`    let ${this.name(id)} = ${this.value(id)};`);
    for (const { id, node, term, join } of sums) {
      const added = term(this.name(reducedArgument(node)));
      lines.push(`    sum${id} = ${join(`sum${id}`, added)};`);
    }
    for (const o of pass.outputs) {
      const place = `out${o}[params.outBase${o} + row * params.features + f]`;
      const value = this.name(this.program.outputs[o].node);
      lines.push(`    if (isActive) { ${place} = ${value}; }`);
    }
    lines.push('  }');
    for (const { id, join } of sums)
      lines.push(`  total${id} = ${join(`total${id}`, `sum${id}`)};`);
    lines.push('}');
    for (const { id, node } of sums) {
      const folded = lanes === 1 ? `total${id}` : `${node.op}Fold(total${id}, thread)`;
      lines.push(`let ${this.name(id)} = ${this.finished(node, folded)};`);
    }
    for (const id of pass.scalars) this.scalarNode(id);
  }

  private finished(node: Extract<RowNode, { kind: 'reduce' }>, total: string): string {
    switch (node.op) {
      case 'sum':
        return total;
      case 'norm':
        return `normOf(${total})`;
      case 'gap':
        return `dfSub(vec2<f32>(1.0, 0.0), dfMul(${total}, vec2<f32>(${this.name(node.args[0])}, 0.0))).x`;
    }
  }
}

/**
 * The shader of a lowered row program. `lanes` threads, a power of two, share a row: each takes every
 * lanes-th feature. Words of the uniform: rows, features, workgroups in the first dimension; for each
 * input the element at which it begins and the step from row to row; the element at which each output
 * begins.
 */
export function rowProgramCode(program: RowProgram, lanes: number): string {
  return new RowShader(program, lanes).write();
}
