import { contains, expressionKey, variable, variablesOf } from '../../../specs/expression.js';
import type { Expression, Variable } from '../../../specs/expression.js';
import { evaluatorOf } from '../../../specs/evaluate.js';
import type { ExpressionForm } from '../../../specs/metricForm.js';
import { encodeModule, FunctionCode } from './encoder.js';
import type { FunctionType } from './encoder.js';
import { collectFunctions, ExpressionWriter, Functions, partsOfOne } from './expressionCode.js';
import type { Known } from './expressionCode.js';

/**
 * Code of one metric form, made at run time:
 *
 * tile(q, p, d, qAux, pAux, out): ranks of 4 queries and 8 points, 4 x 8 float32 at `out`, over packed
 * panels: queries [d][4], points [d][8], their scalars [aux][4] and [aux][8]. Behind the results, from
 * out + 128 on, it uses 256 bytes for each term. Sums are float32 over 64 features and float64 over
 * these.
 *
 * finish(at, count): float32 ranks into distances, in place.
 */

/** Features per float32 partial sum, as BLOCK in assembly/distanceTile.ts. */
const BLOCK = 64;
const RESULT_BYTES = 128;
const HALVES = [0, 1] as const;

const TILE: FunctionType = {
  parameters: ['i32', 'i32', 'i32', 'i32', 'i32', 'i32'],
  results: [],
};
const FINISH: FunctionType = { parameters: ['i32', 'i32'], results: [] };
const LANES: FunctionType = { parameters: ['v128'], results: ['v128'] };

const INLINE: ReadonlySet<string> = new Set(['neg', 'abs', 'sign', 'sqrt', 'square']);

const calls = (part: Expression): boolean =>
  part.kind === 'unary' ? !INLINE.has(part.op) : part.kind === 'binary' && part.op === 'pow';

/**
 * Queries that share one pass over a panel of points. Sums of 4 x 8 fill half of the 16 registers of
 * x86; two terms would fill all of them. A call empties the registers anyway.
 */
function rowsPerPass({ terms }: ExpressionForm): 1 | 2 | 4 {
  if (terms.some((term) => contains(term, calls))) return 1;
  return terms.length === 1 ? 4 : 2;
}

/** Whether finish has no value below 0 (a root, say): such ranks, of rows outside the domain, are NaN. */
function needsPositiveRank(form: ExpressionForm): boolean {
  return Number.isNaN(evaluatorOf(form).finish(-1));
}

class TileWriter {
  private readonly code = new FunctionCode(TILE.parameters.length);
  private readonly rows: 1 | 2 | 4;
  private readonly writer: ExpressionWriter;
  private readonly q = 0;
  private readonly p = 1;
  private readonly d = 2;
  private readonly qAux = 3;
  private readonly pAux = 4;
  private readonly out = 5;
  private readonly qAt = this.code.local('i32');
  private readonly pAt = this.code.local('i32');
  /** Features of the running block, and behind it. */
  private readonly count = this.code.local('i32');
  private readonly rest = this.code.local('i32');
  private readonly end = this.code.local('i32');
  private readonly passes = this.code.local('i32');
  private readonly result = this.code.local('i32');
  private readonly x = this.code.local('v128');
  private readonly y = [this.code.local('v128'), this.code.local('v128')] as const;
  /** Sums by term, row and half of the panel. */
  private readonly sums: readonly number[];

  constructor(
    private readonly form: ExpressionForm,
    functions: Functions,
  ) {
    this.rows = rowsPerPass(form);
    this.writer = new ExpressionWriter(this.code, functions, [...form.terms, form.rank]);
    const count = 2 * this.rows * form.terms.length;
    this.sums = Array.from({ length: count }, () => this.code.local('v128'));
  }

  write(): FunctionCode {
    const { code } = this;
    this.writer.constants();
    this.move(this.out, this.result);
    code.i32(4 / this.rows);
    code.set(this.passes);
    code.repeat(() => {
      this.pass();
      this.advance(this.q, 4 * this.rows);
      this.advance(this.qAux, 4 * this.rows);
      this.advance(this.result, 32 * this.rows);
      this.advance(this.passes, -1);
      code.get(this.passes);
    });
    return code;
  }

  private move(from: number, to: number): void {
    this.code.get(from);
    this.code.set(to);
  }

  private advance(local: number, by: number): void {
    this.code.get(local);
    this.code.i32(by);
    this.code.op('i32Add');
    this.code.set(local);
  }

  private sum(term: number, row: number, half: number): number {
    return this.sums[(term * this.rows + row) * 2 + half];
  }

  private clearSums(): void {
    for (const sum of this.sums) {
      this.code.words(0);
      this.code.set(sum);
    }
  }

  /** All features and the ranks of `rows` queries. */
  private pass(): void {
    this.move(this.q, this.qAt);
    this.move(this.p, this.pAt);
    this.clearSums();
    if (this.form.reduce === 'max') {
      this.move(this.d, this.count);
      this.features();
    } else {
      this.blocks();
    }
    this.ranks();
  }

  /** Every sum with the place of its four float64 behind the results. */
  private eachSum(body: (sum: number, wide: number) => void): void {
    this.sums.forEach((sum, i) => body(sum, RESULT_BYTES + 32 * i));
  }

  private whenLong(body: () => void): void {
    this.code.get(this.d);
    this.code.i32(BLOCK);
    this.code.op('i32GtU');
    this.code.when(body);
  }

  /** The sums of each block of features; when there are several they are added up in float64. */
  private blocks(): void {
    const { code } = this;
    this.whenLong(() => this.clearWide());
    this.move(this.d, this.rest);
    code.repeat(() => {
      // The smaller of BLOCK and what is left.
      code.i32(BLOCK);
      code.get(this.rest);
      code.get(this.rest);
      code.i32(BLOCK);
      code.op('i32GtU');
      code.op('select');
      code.set(this.count);
      this.features();
      this.whenLong(() => {
        this.eachSum((sum, wide) => this.addWide(sum, wide));
        this.clearSums();
      });
      code.get(this.rest);
      code.get(this.count);
      code.op('i32Sub');
      code.tee(this.rest);
    });
    this.whenLong(() => this.eachSum((sum, wide) => this.narrow(sum, wide)));
  }

  private clearWide(): void {
    this.eachSum((_sum, wide) => {
      for (const offset of [wide, wide + 16]) {
        this.code.get(this.out);
        this.code.words(0);
        this.code.memory('store', offset);
      }
    });
  }

  private narrow(sum: number, wide: number): void {
    const { code } = this;
    for (const offset of [wide, wide + 16]) {
      code.get(this.out);
      code.memory('load', offset);
      code.op('demoteZero');
    }
    code.shuffleWide(0, 2);
    code.set(sum);
  }

  private addWide(sum: number, wide: number): void {
    const { code } = this;
    for (const half of HALVES) {
      code.get(this.out);
      code.get(this.out);
      code.memory('load', wide + 16 * half);
      code.get(sum);
      if (half === 1) {
        code.get(sum);
        code.shuffleWide(1, 1);
      }
      code.op('promoteLow');
      code.op('addWide');
      code.memory('store', wide + 16 * half);
    }
  }

  /** Add the terms of `count` features to the sums; the positions move on. */
  private features(): void {
    const { code } = this;
    code.get(this.qAt);
    code.get(this.count);
    code.i32(4);
    code.op('i32Shl');
    code.op('i32Add');
    code.set(this.end);
    code.get(this.count);
    code.when(() =>
      code.repeat(() => {
        this.feature();
        this.advance(this.pAt, 32);
        this.advance(this.qAt, 16);
        code.get(this.qAt);
        code.get(this.end);
        code.op('i32LtU');
      }),
    );
  }

  private feature(): void {
    const { code, writer } = this;
    const { terms } = this.form;
    const start = writer.mark();
    const ofPoints = HALVES.map((half): Known => {
      code.get(this.pAt);
      code.memory('load', 16 * half);
      code.set(this.y[half]);
      const known: Known = new Map([['y', this.y[half]]]);
      for (const part of partsOfOne(terms, 'y')) writer.keep(part, known);
      return known;
    });
    for (let row = 0; row < this.rows; row++) {
      const rowStart = writer.mark();
      code.get(this.qAt);
      code.memory('load32Splat', 4 * row);
      code.set(this.x);
      const ofQuery: Known = new Map([['x', this.x]]);
      for (const part of partsOfOne(terms, 'x')) writer.keep(part, ofQuery);
      for (const half of HALVES) {
        const pairStart = writer.mark();
        const known: Known = new Map([...ofPoints[half], ...ofQuery]);
        terms.forEach((term, t) => this.accumulate(term, this.sum(t, row, half), known));
        writer.release(pairStart);
      }
      writer.release(rowStart);
    }
    writer.release(start);
  }

  private accumulate(term: Expression, sum: number, known: Known): void {
    this.code.get(sum);
    this.writer.push(term, known);
    this.code.op(this.form.reduce === 'max' ? 'pmax' : 'add');
    this.code.set(sum);
  }

  /** Ranks from the sums, stored at `result`. */
  private ranks(): void {
    const { code, writer, form } = this;
    const names = variablesOf(form.rank);
    const positive = needsPositiveRank(form);
    for (let row = 0; row < this.rows; row++) {
      for (const half of HALVES) {
        const start = writer.mark();
        const known: Known = new Map();
        for (const name of names) this.loadVariable(name, row, half, known);
        code.get(this.result);
        writer.push(form.rank, known);
        if (positive) this.dropNegative();
        code.memory('store', 32 * row + 16 * half);
        writer.release(start);
      }
    }
  }

  /** All bits set, which is a NaN, where the value on the stack is below 0. */
  private dropNegative(): void {
    const { code } = this;
    code.tee(this.x);
    code.get(this.x);
    code.words(0);
    code.op('lt');
    code.op('or');
  }

  private loadVariable(name: Variable, row: number, half: number, known: Known): void {
    const { code } = this;
    if (name === 's0' || name === 's1') {
      known.set(name, this.sum(name === 's0' ? 0 : 1, row, half));
      return;
    }
    const position = Number(name.charAt(1));
    if (name === 'd') {
      code.get(this.d);
      code.op('f32ConvertU');
      code.op('splat');
    } else if (name.startsWith('a')) {
      code.get(this.qAux);
      code.memory('load32Splat', 16 * position + 4 * row);
    } else if (name.startsWith('b')) {
      code.get(this.pAux);
      code.memory('load', 32 * position + 16 * half);
    } else {
      throw new Error(`a rank may not use ${name}`);
    }
    known.set(name, this.writer.store());
  }
}

/** finishLanes(rank): four distances. */
function writeLanes(form: ExpressionForm, functions: Functions): FunctionCode {
  const code = new FunctionCode(LANES.parameters.length);
  const writer = new ExpressionWriter(code, functions, [form.finish]);
  writer.constants();
  writer.push(form.finish, new Map([[expressionKey(variable('r')), 0]]));
  return code;
}

/** Four at a time, then one at a time: what lies behind the last may belong to another thread. */
function writeFinish(lanes: number): FunctionCode {
  const code = new FunctionCode(FINISH.parameters.length);
  const [at, count] = [0, 1];
  const steps = (step: number, load: 'load' | 'load32Splat', store: () => void): void => {
    const atLeastOneStep = (): void => {
      code.i32(step - 1);
      code.get(count);
      code.op('i32LtU');
    };
    atLeastOneStep();
    code.when(() =>
      code.repeat(() => {
        code.get(at);
        code.get(at);
        code.memory(load, 0);
        code.call(lanes);
        store();
        code.get(at);
        code.i32(4 * step);
        code.op('i32Add');
        code.set(at);
        code.get(count);
        code.i32(step);
        code.op('i32Sub');
        code.set(count);
        atLeastOneStep();
      }),
    );
  };
  steps(4, 'load', () => code.memory('store', 0));
  steps(1, 'load32Splat', () => code.storeFirst());
  return code;
}

/** The module of a form: exports `tile` and `finish`, imports `env.memory` and functions of `latent`. */
export function formModule(form: ExpressionForm, shared: boolean): Uint8Array<ArrayBuffer> {
  const functions = new Functions();
  collectFunctions([...form.terms, form.rank, form.finish], functions);
  const imports = functions.imports();
  return encodeModule(shared, imports, [
    { name: 'tile', type: TILE, code: new TileWriter(form, functions).write() },
    { name: undefined, type: LANES, code: writeLanes(form, functions) },
    { name: 'finish', type: FINISH, code: writeFinish(imports.length + 1) },
  ]);
}
