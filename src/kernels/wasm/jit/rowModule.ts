import { lowerToExpAndLog } from '../../../specs/rowProgram/float64.js';
import type {
  BinaryFunction,
  RowComparison,
  RowNode,
  RowProgram,
  UnaryFunction,
} from '../../../specs/rowProgram/graph.js';
import { reducedArgument, scheduleOf } from '../../../specs/rowProgram/passes.js';
import type { RowPass } from '../../../specs/rowProgram/passes.js';
import { encodeModule, FunctionCode } from './encoder.js';
import type { FunctionType, ImportedFunction, Op } from './encoder.js';

/**
 * Code of one row program, made at run time:
 *
 * run(args, first, count): rows first .. first + count. Words at `args`: the number of features, then
 * for each row input, scalar input and output in order its address and the bytes from row to row (0 for
 * one that stands for all). Arithmetic is float64, two features at a time; results are rounded once.
 */

const RUN: FunctionType = { parameters: ['i32', 'i32', 'i32'], results: [] };
const ONE_TO_ONE: FunctionType = { parameters: ['f64'], results: ['f64'] };
const [ARGS, FIRST, COUNT] = [0, 1, 2];

/** Instructions for scalars and for two features. */
const UNARY: Readonly<Partial<Record<UnaryFunction, readonly [Op, Op]>>> = {
  neg: ['f64Neg', 'wideNeg'],
  abs: ['f64Abs', 'wideAbs'],
  sqrt: ['f64Sqrt', 'wideSqrt'],
};
const BINARY: Readonly<Record<BinaryFunction, readonly [Op, Op]>> = {
  add: ['f64Add', 'addWide'],
  sub: ['f64Sub', 'wideSub'],
  mul: ['f64Mul', 'wideMul'],
  div: ['f64Div', 'wideDiv'],
  min: ['f64Min', 'wideMin'],
  max: ['f64Max', 'wideMax'],
};
const COMPARE: Readonly<Record<RowComparison, readonly [Op, Op]>> = {
  lt: ['f64Lt', 'wideLt'],
  le: ['f64Le', 'wideLe'],
  eq: ['f64Eq', 'wideEq'],
};

/** Where an input or output stands: local variables with its address at the running row, and the step. */
interface Place {
  readonly at: number;
  readonly step: number;
}

class RowWriter {
  private readonly code = new FunctionCode(RUN.parameters.length);
  private readonly imported = new Map<UnaryFunction, number>();
  private readonly d = this.code.local('i32');
  /** Byte offset of the running feature, and behind the last pair. */
  private readonly offset = this.code.local('i32');
  private readonly end = this.code.local('i32');
  private readonly rows: readonly Place[];
  private readonly scalars: readonly Place[];
  private readonly outputs: readonly Place[];
  /** A node's value: float64 of a scalar, a vector of a row. */
  private readonly locals: readonly number[];
  /** Both lanes of a scalar that a pass reads beside rows; sums of reductions. */
  private readonly wide = new Map<number, number>();
  private readonly sums = new Map<number, number>();

  constructor(private readonly program: RowProgram) {
    const place = (): Place => ({ at: this.code.local('i32'), step: this.code.local('i32') });
    this.rows = program.rows.map(place);
    this.scalars = program.scalars.map(place);
    this.outputs = program.outputs.map(place);
    this.locals = program.nodes.map(({ level }) =>
      this.code.local(level === 'row' ? 'v128' : 'f64'),
    );
    // Imports are numbered before the function: all that are called have to be known first.
    for (const node of program.nodes) {
      if (node.kind === 'unary' && UNARY[node.op] === undefined && node.op !== 'square') {
        if (!this.imported.has(node.op)) this.imported.set(node.op, this.imported.size);
      }
    }
  }

  imports(): ImportedFunction[] {
    return [...this.imported.keys()].map((name) => ({
      module: 'math',
      name,
      type: ONE_TO_ONE,
    }));
  }

  write(): FunctionCode {
    const { code, program } = this;
    const schedule = scheduleOf(program);
    this.readArguments();
    code.get(COUNT);
    code.when(() => {
      code.repeat(() => {
        for (const id of schedule.first) this.scalarNode(id);
        for (const pass of schedule.passes) this.pass(pass);
        program.outputs.forEach(({ node, level }, o) => {
          if (level === 'scalar') this.storeScalar(this.outputs[o], node);
        });
        for (const { at, step } of [...this.rows, ...this.scalars, ...this.outputs]) {
          this.increase(at, () => code.get(step));
        }
        this.increase(COUNT, () => code.i32(-1));
        code.get(COUNT);
      });
    });
    return code;
  }

  /** local += what `push` pushes. */
  private increase(local: number, push: () => void): void {
    this.code.get(local);
    push();
    this.code.op('i32Add');
    this.code.set(local);
  }

  private readArguments(): void {
    const { code } = this;
    const word = (i: number, local: number): void => {
      code.get(ARGS);
      code.access('i32Load', 4 * i);
      code.set(local);
    };
    word(0, this.d);
    [...this.rows, ...this.scalars, ...this.outputs].forEach(({ at, step }, i) => {
      word(1 + 2 * i, at);
      word(2 + 2 * i, step);
      this.increase(at, () => {
        code.get(FIRST);
        code.get(step);
        code.op('i32Mul');
      });
    });
  }

  private node(id: number): RowNode {
    return this.program.nodes[id];
  }

  private scalarNode(id: number): void {
    const { code } = this;
    const node = this.node(id);
    const push = (arg: number): void => {
      code.get(this.locals[arg]);
    };
    switch (node.kind) {
      case 'input':
        code.get(this.scalars[this.program.scalars.indexOf(node.name)].at);
        code.access('f32Load');
        code.op('f64Promote');
        break;
      case 'constant':
        code.f64(node.value);
        break;
      case 'features':
        code.get(this.d);
        code.op('f64ConvertU');
        break;
      case 'unary':
        this.unary(node.op, 0, () => {
          push(node.args[0]);
        });
        break;
      case 'binary':
        node.args.forEach(push);
        code.op(BINARY[node.op][0]);
        break;
      case 'where': {
        const [left, right, then, otherwise] = node.args;
        push(then);
        push(otherwise);
        push(left);
        push(right);
        code.op(COMPARE[node.op][0]);
        code.op('select');
        break;
      }
      case 'reduce':
        throw new Error('reductions belong to passes');
    }
    code.set(this.locals[id]);
  }

  /** @param width 0 for a scalar, 1 for two features. */
  private unary(op: UnaryFunction, width: 0 | 1, push: () => void): void {
    const { code } = this;
    if (op === 'square') {
      push();
      push();
      code.op(BINARY.mul[width]);
      return;
    }
    const instruction = UNARY[op];
    if (instruction !== undefined) {
      push();
      code.op(instruction[width]);
      return;
    }
    const called = this.imported.get(op);
    if (called === undefined) throw new Error(`${op} was not seen`);
    push();
    if (width === 0) {
      code.call(called);
      return;
    }
    code.wideLane('wideExtract', 0);
    code.call(called);
    code.op('wideSplat');
    push();
    code.wideLane('wideExtract', 1);
    code.call(called);
    code.wideLane('wideReplace', 1);
  }

  /** Push a value as two lanes; a scalar counts for both. */
  private pushWide(id: number): void {
    if (this.node(id).level === 'row') {
      this.code.get(this.locals[id]);
      return;
    }
    const local = this.wide.get(id);
    if (local === undefined) throw new Error('a scalar of the pass was not prepared');
    this.code.get(local);
  }

  private pass(pass: RowPass): void {
    const { code } = this;
    this.spreadScalars(pass);
    for (const id of pass.reductions) {
      const sum = this.sums.get(id) ?? code.local('v128');
      this.sums.set(id, sum);
      code.words(0);
      code.set(sum);
    }
    code.i32(0);
    code.set(this.offset);
    code.get(this.d);
    code.i32(-2);
    code.op('i32And');
    code.i32(2);
    code.op('i32Shl');
    code.set(this.end);
    code.get(this.end);
    code.when(() => {
      code.repeat(() => {
        this.features(pass, 'pair');
        this.increase(this.offset, () => {
          code.i32(8);
        });
        code.get(this.offset);
        code.get(this.end);
        code.op('i32LtU');
      });
    });
    code.get(this.d);
    code.i32(1);
    code.op('i32And');
    code.when(() => {
      this.features(pass, 'last');
    });
    for (const id of pass.reductions) this.finishReduction(id);
    for (const id of pass.scalars) this.scalarNode(id);
  }

  /** Scalars that the features of a pass read, in both lanes. */
  private spreadScalars(pass: RowPass): void {
    const { code, program } = this;
    const wanted = new Set<number>();
    for (const id of pass.features) {
      for (const arg of this.node(id).args) if (this.node(arg).level === 'scalar') wanted.add(arg);
    }
    for (const o of pass.outputs) {
      const { node } = program.outputs[o];
      if (this.node(node).level === 'scalar') wanted.add(node);
    }
    for (const id of wanted) {
      const local = this.wide.get(id) ?? code.local('v128');
      this.wide.set(id, local);
      code.get(this.locals[id]);
      code.op('wideSplat');
      code.set(local);
    }
  }

  private address(place: Place): void {
    this.code.get(place.at);
    this.code.get(this.offset);
    this.code.op('i32Add');
  }

  private features(pass: RowPass, which: 'pair' | 'last'): void {
    const { code, program } = this;
    for (const id of pass.features) {
      this.rowNode(id, which);
      code.set(this.locals[id]);
    }
    for (const id of pass.reductions) {
      const node = this.node(id);
      if (node.kind !== 'reduce') throw new Error('not a reduction');
      const argument = reducedArgument(node);
      const sum = this.sums.get(id) ?? 0;
      code.get(sum);
      this.pushWide(argument);
      if (node.op !== 'sum') {
        this.pushWide(argument);
        code.op('wideMul');
      }
      if (which === 'last') {
        // The second lane holds no feature: whatever was computed there, NaN too, is cleared.
        code.words(0);
        code.shuffleWide(0, 2);
      }
      code.op('addWide');
      code.set(sum);
    }
    for (const o of pass.outputs) {
      this.address(this.outputs[o]);
      this.pushWide(program.outputs[o].node);
      code.op('demoteZero');
      if (which === 'pair') code.storeLow();
      else code.storeFirst();
    }
  }

  private rowNode(id: number, which: 'pair' | 'last'): void {
    const { code } = this;
    const node = this.node(id);
    switch (node.kind) {
      case 'input':
        this.address(this.rows[this.program.rows.indexOf(node.name)]);
        code.access(which === 'pair' ? 'load64Zero' : 'load32Zero');
        code.op('promoteLow');
        return;
      case 'unary':
        this.unary(node.op, 1, () => {
          this.pushWide(node.args[0]);
        });
        return;
      case 'binary':
        for (const arg of node.args) this.pushWide(arg);
        code.op(BINARY[node.op][1]);
        return;
      case 'where': {
        const [left, right, then, otherwise] = node.args;
        this.pushWide(then);
        this.pushWide(otherwise);
        this.pushWide(left);
        this.pushWide(right);
        code.op(COMPARE[node.op][1]);
        code.op('bitselect');
        return;
      }
      default:
        throw new Error(`${node.kind} is no row`);
    }
  }

  private finishReduction(id: number): void {
    const { code } = this;
    const node = this.node(id);
    if (node.kind !== 'reduce') throw new Error('not a reduction');
    const sum = this.sums.get(id) ?? 0;
    if (node.op === 'gap') {
      code.f64(1);
      code.get(this.locals[node.args[0]]);
    }
    code.get(sum);
    code.wideLane('wideExtract', 0);
    code.get(sum);
    code.wideLane('wideExtract', 1);
    code.op('f64Add');
    if (node.op === 'norm') code.op('f64Sqrt');
    if (node.op === 'gap') {
      code.op('f64Mul');
      code.op('f64Sub');
    }
    code.set(this.locals[id]);
  }

  private storeScalar({ at }: Place, node: number): void {
    const { code } = this;
    code.get(at);
    code.get(this.locals[node]);
    code.op('f32Demote');
    code.access('f32Store');
  }
}

/** The module of a program; it imports functions of Math by their names. */
export function rowModule(program: RowProgram, shared: boolean): Uint8Array<ArrayBuffer> {
  const writer = new RowWriter(lowerToExpAndLog(program));
  const code = writer.write();
  return encodeModule(shared, writer.imports(), [{ name: 'run', type: RUN, code }]);
}
