import { DERIVATIVES } from './functions.js';
import { RowGraph } from './graph.js';
import type { Level, RowNode, RowOperand, RowProgram, Value } from './graph.js';

/**
 * Name of the input that holds the gradient of the loss by output `i`; the number of inputs keeps the
 * names of a gradient's own gradient apart.
 */
export const outputGradientName = ({ rows, scalars }: RowProgram, i: number): string =>
  `dOutput${i} of ${rows.length + scalars.length}`;

/** Gradients of a program by reverse accumulation: itself a program. */
class Gradient {
  private readonly graph: RowGraph;
  private readonly values: readonly Value[];
  private readonly adjoints: (Value | undefined)[];

  constructor(private readonly program: RowProgram) {
    const { graph, values } = RowGraph.from(program);
    this.graph = graph;
    this.values = values;
    this.adjoints = program.nodes.map(() => undefined);
  }

  run(): RowProgram {
    const { graph: g, program } = this;
    program.outputs.forEach(({ node, level }, i) => {
      const name = outputGradientName(program, i);
      this.accumulate(node, level === 'row' ? g.row(name) : g.scalar(name));
    });
    for (let id = program.nodes.length - 1; id >= 0; id--) {
      const adjoint = this.adjoints[id];
      if (adjoint !== undefined) this.visit(id, program.nodes[id], adjoint);
    }
    const inputs: readonly (readonly [string, Level])[] = [
      ...program.rows.map((name) => [name, 'row'] as const),
      ...program.scalars.map((name) => [name, 'scalar'] as const),
    ];
    const outputs = inputs.map(([name, level]) => {
      const id = program.nodes.findIndex(
        (node) => node.kind === 'input' && node.name === name && node.level === level,
      );
      return (id < 0 ? undefined : this.adjoints[id]) ?? g.constant(0);
    });
    return g.program(
      outputs,
      inputs.map(([, level]) => level),
    );
  }

  /** Add to the adjoint of a node; what comes feature by feature to a scalar is summed. */
  private accumulate(id: number, contribution: Value): void {
    const { graph: g } = this;
    const target = this.program.nodes[id];
    const isSummed = target.level === 'scalar' && g.node(contribution).level === 'row';
    const value = isSummed ? g.sum(contribution) : contribution;
    const before = this.adjoints[id];
    this.adjoints[id] = before === undefined ? value : g.add(before, value);
  }

  private visit(id: number, node: RowNode, adjoint: Value): void {
    const { graph: g } = this;
    const [a, b] = node.args.map((arg) => this.values[arg]);
    const give = (argument: number, contribution: Value): void => {
      // A scalar beside rows counts for every feature: its adjoint is their sum, also of a constant.
      const isWide =
        node.level === 'row' && this.program.nodes[node.args[argument]].level === 'scalar';
      const wide = isWide && g.node(contribution).level === 'scalar';
      this.accumulate(node.args[argument], wide ? g.sum(contribution) : contribution);
    };
    switch (node.kind) {
      case 'unary':
        give(0, this.times(adjoint, DERIVATIVES[node.op](g, a, this.values[id])));
        return;
      case 'binary':
        switch (node.op) {
          case 'add':
            give(0, adjoint);
            give(1, adjoint);
            return;
          case 'sub':
            give(0, adjoint);
            give(1, g.neg(adjoint));
            return;
          case 'mul':
            give(0, this.times(adjoint, b));
            give(1, this.times(adjoint, a));
            return;
          case 'div': {
            const share = g.safeDiv(adjoint, b);
            give(0, share);
            give(1, g.neg(this.times(share, this.values[id])));
            return;
          }
          // Equal arguments: min gives to the first and max to the second, so that both together
          // differentiate as the sorted pair that they are.
          case 'min':
            give(0, g.where('le', a, b, adjoint, 0));
            give(1, g.where('le', a, b, 0, adjoint));
            return;
          case 'max':
            give(0, g.where('lt', b, a, adjoint, 0));
            give(1, g.where('lt', b, a, 0, adjoint));
            return;
        }
        return;
      case 'where': {
        const [left, right] = [a, b];
        give(2, g.where(node.op, left, right, adjoint, 0));
        give(3, g.where(node.op, left, right, 0, adjoint));
        return;
      }
      case 'reduce':
        switch (node.op) {
          case 'sum':
            give(0, adjoint);
            return;
          case 'norm':
            // The unit vector first: a large adjoint over a tiny length overflows.
            give(0, g.mul(adjoint, g.safeDiv(a, this.values[id])));
            return;
          case 'gap':
            give(0, g.neg(g.mul(adjoint, g.sum(g.square(b)))));
            give(1, g.mul(g.mul(g.mul(-2, adjoint), a), b));
            return;
        }
        return;
      default:
        return;
    }
  }

  /**
   * adjoint x partial, and 0 where the adjoint is 0: in a branch that a comparison left out, partials
   * may be infinite.
   */
  private times(adjoint: Value, partial: RowOperand): Value {
    const { graph: g } = this;
    if (typeof partial === 'number' || g.constantOf(partial) !== undefined) {
      return g.mul(adjoint, partial);
    }
    if (g.constantOf(adjoint) !== undefined) return g.mul(adjoint, partial);
    return g.where('eq', adjoint, 0, 0, g.mul(adjoint, partial));
  }
}

const made = new WeakMap<RowProgram, RowProgram>();

/**
 * The program of the gradients of a program's inputs. Its inputs are those of the program and the
 * gradients by its outputs, see {@link outputGradientName}; its outputs are the gradients of the rows
 * and then of the scalars, in their order.
 */
export function gradientProgram(program: RowProgram): RowProgram {
  let gradient = made.get(program);
  if (gradient === undefined) {
    gradient = new Gradient(program).run();
    made.set(program, gradient);
  }
  return gradient;
}
