import type { Comparison, Unary } from '../expression.js';

/**
 * Row programs: maps that take rows of d features and scalars per row to rows and scalars, written
 * once as a graph of operations from which every backend makes one fused pass of its own code.
 *
 * A value is either one number per row ('scalar') or one per feature of a row ('row'). Operations on
 * rows act feature by feature, a scalar beside a row counts for all its features, and reductions turn
 * a row into a scalar.
 */

/** Functions of one value that every backend has: those of expressions. */
export type BaseFunction = Unary;

/** Functions that backends may have; elsewhere they are written in base functions (functions.ts). */
export const DERIVED_FUNCTIONS = [
  'expm1',
  'sinh',
  'cosh',
  'tanh',
  'atan',
  'atanh',
  'acosh1p',
  'sinhc',
  'tanhc',
  'asinhc',
  'atanhc',
  'coshRoot',
  'sinhcRoot',
  'tanhcRoot',
  'asinhcRoot',
  'atanhcRoot',
  'sinhcRootSlope',
  'tanhcRootSlope',
  'asinhcRootSlope',
  'atanhcRootSlope',
] as const;
export type DerivedFunction = (typeof DERIVED_FUNCTIONS)[number];
export type UnaryFunction = BaseFunction | DerivedFunction;

/** min and max may drop a NaN. */
export const BINARY_FUNCTIONS = ['add', 'sub', 'mul', 'div', 'min', 'max'] as const;
export type BinaryFunction = (typeof BINARY_FUNCTIONS)[number];

/** All false when either side is NaN. */
export type RowComparison = Comparison;

/**
 * sum: of the features. norm: Euclidean length, also where squares leave the range of float32. gap:
 * 1 - c |x|^2 of arguments c, x, to full precision where the two nearly cancel.
 */
export type Reduction = 'sum' | 'norm' | 'gap';

export type Level = 'row' | 'scalar';

export type RowNode = { readonly level: Level; readonly args: readonly number[] } & (
  | { readonly kind: 'input'; readonly name: string }
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'features' }
  | { readonly kind: 'unary'; readonly op: UnaryFunction }
  | { readonly kind: 'binary'; readonly op: BinaryFunction }
  | { readonly kind: 'where'; readonly op: RowComparison }
  | { readonly kind: 'reduce'; readonly op: Reduction }
);

/** A value of the program: the number of its node. */
export interface Value {
  readonly id: number;
}

export type RowOperand = Value | number;

/** A finished program. Nodes stand after their arguments. */
export interface RowProgram {
  /** Distinguishes programs in caches of compiled code: equal for equal programs. */
  readonly key: string;
  readonly nodes: readonly RowNode[];
  readonly rows: readonly string[];
  readonly scalars: readonly string[];
  readonly outputs: readonly { readonly node: number; readonly level: Level }[];
}

/** Writes programs; equal operations on equal values are one node. */
export class RowGraph {
  private readonly list: RowNode[] = [];
  private readonly known = new Map<string, number>();
  private readonly names: Record<Level, string[]> = { row: [], scalar: [] };

  get nodes(): readonly RowNode[] {
    return this.list;
  }

  node(value: Value): RowNode {
    return this.list[value.id];
  }

  /** A row input, [n, d]; a second call with the name gives the same value. */
  row(name: string): Value {
    return this.input(name, 'row');
  }

  /** A scalar input, [n]. */
  scalar(name: string): Value {
    return this.input(name, 'scalar');
  }

  private input(name: string, level: Level): Value {
    if (!this.names[level].includes(name)) this.names[level].push(name);
    return this.intern({ kind: 'input', name, level, args: [] }, `${level} ${name}`);
  }

  constant(value: number): Value {
    const text = Object.is(value, -0) ? '-0' : String(value);
    return this.intern({ kind: 'constant', value, level: 'scalar', args: [] }, text);
  }

  /** The number of features. */
  features(): Value {
    return this.intern({ kind: 'features', level: 'scalar', args: [] }, 'features');
  }

  /** The node of this key; made when it is new. */
  private intern(node: RowNode, key: string): Value {
    const known = this.known.get(key);
    if (known !== undefined) return { id: known };
    this.known.set(key, this.list.length);
    this.list.push(node);
    return { id: this.list.length - 1 };
  }

  private lift(operand: RowOperand): Value {
    return typeof operand === 'number' ? this.constant(operand) : operand;
  }

  private levelOf(values: readonly Value[]): Level {
    return values.some((value) => this.node(value).level === 'row') ? 'row' : 'scalar';
  }

  /** The value of a constant; undefined for other nodes. */
  constantOf(value: Value): number | undefined {
    const node = this.node(value);
    return node.kind === 'constant' ? node.value : undefined;
  }

  unary(op: UnaryFunction, of: RowOperand): Value {
    const v = this.lift(of);
    return this.intern(
      { kind: 'unary', op, level: this.node(v).level, args: [v.id] },
      `${op} ${v.id}`,
    );
  }

  private binary(op: BinaryFunction, left: RowOperand, right: RowOperand): Value {
    const [a, b] = [this.lift(left), this.lift(right)];
    return this.intern(
      { kind: 'binary', op, level: this.levelOf([a, b]), args: [a.id, b.id] },
      `${op} ${a.id} ${b.id}`,
    );
  }

  add(left: RowOperand, right: RowOperand): Value {
    const [a, b] = [this.lift(left), this.lift(right)];
    if (this.constantOf(a) === 0) return b;
    return this.constantOf(b) === 0 ? a : this.binary('add', a, b);
  }

  sub(left: RowOperand, right: RowOperand): Value {
    const [a, b] = [this.lift(left), this.lift(right)];
    if (this.constantOf(b) === 0) return a;
    return this.constantOf(a) === 0 ? this.neg(b) : this.binary('sub', a, b);
  }

  mul(left: RowOperand, right: RowOperand): Value {
    const [a, b] = [this.lift(left), this.lift(right)];
    const [first, second] = [this.constantOf(a), this.constantOf(b)];
    if (first === 0 || second === 0) return this.constant(0);
    if (first === 1) return b;
    return second === 1 ? a : this.binary('mul', a, b);
  }

  div(left: RowOperand, right: RowOperand): Value {
    const [a, b] = [this.lift(left), this.lift(right)];
    if (this.constantOf(a) === 0) return a;
    return this.constantOf(b) === 1 ? a : this.binary('div', a, b);
  }

  min(left: RowOperand, right: RowOperand): Value {
    return this.binary('min', left, right);
  }

  max(left: RowOperand, right: RowOperand): Value {
    return this.binary('max', left, right);
  }

  neg(of: RowOperand): Value {
    const v = this.lift(of);
    const value = this.constantOf(v);
    return value === undefined ? this.unary('neg', v) : this.constant(-value);
  }

  sqrt(of: RowOperand): Value {
    return this.unary('sqrt', of);
  }

  square(of: RowOperand): Value {
    return this.unary('square', of);
  }

  /** `then` where `left op right`, `otherwise` elsewhere; both are computed. */
  where(
    op: RowComparison,
    left: RowOperand,
    right: RowOperand,
    then: RowOperand,
    otherwise: RowOperand,
  ): Value {
    const args = [left, right, then, otherwise].map((operand) => this.lift(operand));
    if (args[2].id === args[3].id) return args[2];
    return this.intern(
      { kind: 'where', op, level: this.levelOf(args), args: args.map(({ id }) => id) },
      `where ${op} ${args.map(({ id }) => id).join(' ')}`,
    );
  }

  /** left / right, and 0 where right is 0. */
  safeDiv(left: RowOperand, right: RowOperand): Value {
    return this.where('eq', right, 0, 0, this.div(left, right));
  }

  /** sqrt(a^2 + b^2) without overflow or underflow on the way. */
  hypot(left: RowOperand, right: RowOperand): Value {
    const [a, b] = [this.unary('abs', left), this.unary('abs', right)];
    const large = this.max(a, b);
    const ratio = this.safeDiv(this.min(a, b), large);
    return this.mul(large, this.sqrt(this.add(1, this.square(ratio))));
  }

  /** Angle of the point (x, y) in (-pi, pi], 0 at the origin, where its gradient is 0 too. */
  atan2(y: RowOperand, x: RowOperand): Value {
    const [height, width] = [this.unary('abs', y), this.unary('abs', x)];
    const small = this.where('le', height, width, height, width);
    const large = this.where('le', height, width, width, height);
    const near = this.unary('atan', this.safeDiv(small, large));
    const quarter = this.where('le', height, width, near, this.sub(Math.PI / 2, near));
    const half = this.where('lt', x, 0, this.sub(Math.PI, quarter), quarter);
    return this.where('lt', y, 0, this.neg(half), half);
  }

  /** Sum over the features; of a scalar, d times it. */
  sum(of: RowOperand): Value {
    const v = this.lift(of);
    if (this.node(v).level === 'scalar') return this.mul(this.features(), v);
    return this.reduce('sum', [v]);
  }

  dot(left: Value, right: Value): Value {
    return this.sum(left.id === right.id ? this.square(left) : this.mul(left, right));
  }

  norm(of: Value): Value {
    if (this.node(of).level === 'scalar') {
      return this.mul(this.sqrt(this.features()), this.unary('abs', of));
    }
    return this.reduce('norm', [of]);
  }

  /** 1 - c |x|^2. */
  gap(c: Value, x: Value): Value {
    return this.reduce('gap', [c, x]);
  }

  private reduce(op: Reduction, args: readonly Value[]): Value {
    const ids = args.map(({ id }) => id);
    return this.intern(
      { kind: 'reduce', op, level: 'scalar', args: ids },
      `${op} ${ids.join(' ')}`,
    );
  }

  /**
   * The program that computes these values; what they do not need is left out. Inputs keep the order
   * in which they were asked for.
   * @param levels Which outputs are rows [n, d] whatever their node is: a constant may stand for a row.
   */
  program(outputs: readonly Value[], levels?: readonly Level[]): RowProgram {
    const needed = new Set<number>();
    for (
      let id = this.list.length - 1, want = new Set(outputs.map(({ id: o }) => o));
      id >= 0;
      id--
    ) {
      if (!want.has(id)) continue;
      needed.add(id);
      for (const arg of this.list[id].args) want.add(arg);
    }
    const place = new Map<number, number>();
    const nodes: RowNode[] = [];
    this.list.forEach((node, id) => {
      if (!needed.has(id)) return;
      place.set(id, nodes.length);
      nodes.push({ ...node, args: node.args.map((arg) => place.get(arg) ?? 0) });
    });
    const results = outputs.map(({ id }, i) => ({
      node: place.get(id) ?? 0,
      level: levels?.[i] ?? this.list[id].level,
    }));
    const { row: rows, scalar: scalars } = this.names;
    return { key: keyOf(nodes, rows, scalars, results), nodes, rows, scalars, outputs: results };
  }

  /**
   * Continue a finished program: its values by node number, and its inputs.
   */
  static from(
    program: RowProgram,
    rewrite?: (graph: RowGraph, node: RowNode, args: Value[]) => Value | undefined,
  ): {
    graph: RowGraph;
    values: readonly Value[];
  } {
    const graph = new RowGraph();
    for (const name of program.rows) graph.row(name);
    for (const name of program.scalars) graph.scalar(name);
    const values: Value[] = [];
    for (const node of program.nodes) {
      const args = node.args.map((arg) => values[arg]);
      values.push(rewrite?.(graph, node, args) ?? graph.again(node, args));
    }
    return { graph, values };
  }

  private again(node: RowNode, args: readonly Value[]): Value {
    switch (node.kind) {
      case 'input':
        return this.input(node.name, node.level);
      case 'constant':
        return this.constant(node.value);
      case 'features':
        return this.features();
      case 'unary':
        return this.unary(node.op, args[0]);
      case 'binary':
        return this.binary(node.op, args[0], args[1]);
      case 'where':
        return this.where(node.op, args[0], args[1], args[2], args[3]);
      case 'reduce':
        return this.reduce(node.op, args);
    }
  }
}

/** The program that computes only these outputs of another. */
export function partOf(program: RowProgram, outputs: readonly number[]): RowProgram {
  const { graph, values } = RowGraph.from(program);
  return graph.program(
    outputs.map((o) => values[program.outputs[o].node]),
    outputs.map((o) => program.outputs[o].level),
  );
}

function keyOf(
  nodes: readonly RowNode[],
  rows: readonly string[],
  scalars: readonly string[],
  outputs: RowProgram['outputs'],
): string {
  const texts = nodes.map((node) => {
    switch (node.kind) {
      case 'input':
        return `${node.level} ${node.name}`;
      case 'constant':
        return Object.is(node.value, -0) ? '-0' : String(node.value);
      case 'features':
        return 'features';
      default:
        return `${node.op} ${node.args.join(' ')}`;
    }
  });
  const results = outputs.map(({ node, level }) => `${level} ${node}`);
  return [rows.join(), scalars.join(), ...texts, results.join()].join(';');
}
