/**
 * The part of the WebAssembly binary format that generated metrics need: one memory and some functions
 * in, some functions out. Sections and encodings are those of the core specification.
 */

/** Instructions in use, as bytes; vector instructions stand behind the prefix 0xfd. */
export const OP = {
  block: [0x02, 0x40],
  loop: [0x03, 0x40],
  if: [0x04, 0x40],
  end: [0x0b],
  br: [0x0c],
  brIf: [0x0d],
  call: [0x10],
  select: [0x1b],
  localGet: [0x20],
  localSet: [0x21],
  localTee: [0x22],
  i32Const: [0x41],
  i32LtU: [0x49],
  i32GtU: [0x4b],
  i32Add: [0x6a],
  i32Sub: [0x6b],
  i32Shl: [0x74],
  f32ConvertU: [0xb3],
  load: [0xfd, 0x00],
  load32Splat: [0xfd, 0x09],
  store: [0xfd, 0x0b],
  const: [0xfd, 0x0c],
  shuffle: [0xfd, 0x0d],
  splat: [0xfd, 0x13],
  eq: [0xfd, 0x41],
  lt: [0xfd, 0x43],
  le: [0xfd, 0x45],
  and: [0xfd, 0x4e],
  andNot: [0xfd, 0x4f],
  or: [0xfd, 0x50],
  xor: [0xfd, 0x51],
  bitselect: [0xfd, 0x52],
  store32Lane: [0xfd, 0x5a],
  demoteZero: [0xfd, 0x5e],
  promoteLow: [0xfd, 0x5f],
  sqrt: [0xfd, 0xe3, 0x01],
  add: [0xfd, 0xe4, 0x01],
  sub: [0xfd, 0xe5, 0x01],
  mul: [0xfd, 0xe6, 0x01],
  div: [0xfd, 0xe7, 0x01],
  pmin: [0xfd, 0xea, 0x01],
  pmax: [0xfd, 0xeb, 0x01],
  addWide: [0xfd, 0xf0, 0x01],
  // float64: scalars, and two in a vector.
  i32Load: [0x28],
  i32And: [0x71],
  i32Mul: [0x6c],
  f64Const: [0x44],
  f64Eq: [0x61],
  f64Lt: [0x63],
  f64Le: [0x65],
  f64Abs: [0x99],
  f64Neg: [0x9a],
  f64Sqrt: [0x9f],
  f64Add: [0xa0],
  f64Sub: [0xa1],
  f64Mul: [0xa2],
  f64Div: [0xa3],
  f64Min: [0xa4],
  f64Max: [0xa5],
  f32Load: [0x2a],
  f32Store: [0x38],
  f32Demote: [0xb6],
  f64ConvertU: [0xb8],
  f64Promote: [0xbb],
  load64Zero: [0xfd, 0x5d],
  load32Zero: [0xfd, 0x5c],
  store64Lane: [0xfd, 0x5b],
  wideSplat: [0xfd, 0x14],
  wideExtract: [0xfd, 0x21],
  wideReplace: [0xfd, 0x22],
  wideEq: [0xfd, 0x47],
  wideLt: [0xfd, 0x49],
  wideLe: [0xfd, 0x4b],
  wideAbs: [0xfd, 0xec, 0x01],
  wideNeg: [0xfd, 0xed, 0x01],
  wideSqrt: [0xfd, 0xef, 0x01],
  wideSub: [0xfd, 0xf1, 0x01],
  wideMul: [0xfd, 0xf2, 0x01],
  wideDiv: [0xfd, 0xf3, 0x01],
  wideMin: [0xfd, 0xf4, 0x01],
  wideMax: [0xfd, 0xf5, 0x01],
} as const satisfies Readonly<Record<string, readonly number[]>>;
export type Op = keyof typeof OP;

export const TYPE = { i32: 0x7f, f64: 0x7c, v128: 0x7b } as const;
export type ValueType = keyof typeof TYPE;

/** Unsigned LEB128. */
export function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let left = value;
  do {
    bytes.push((left % 128) + (left >= 128 ? 128 : 0));
    left = Math.floor(left / 128);
  } while (left > 0);
  return bytes;
}

/** Signed LEB128 of a 32-bit integer. */
export function signed(value: number): number[] {
  const bytes: number[] = [];
  let left = value | 0;
  for (;;) {
    const byte = left & 0x7f;
    left >>= 7;
    if ((left === 0 && (byte & 0x40) === 0) || (left === -1 && (byte & 0x40) !== 0)) {
      bytes.push(byte);
      return bytes;
    }
    bytes.push(byte | 0x80);
  }
}

const vector = (items: readonly (readonly number[])[]): number[] => [
  ...unsigned(items.length),
  ...items.flat(),
];

const name = (text: string): number[] => {
  const bytes = new TextEncoder().encode(text);
  return [...unsigned(bytes.length), ...bytes];
};

const section = (id: number, body: readonly number[]): number[] => [
  id,
  ...unsigned(body.length),
  ...body,
];

export interface FunctionType {
  readonly parameters: readonly ValueType[];
  readonly results: readonly ValueType[];
}

export interface ImportedFunction {
  readonly module: string;
  readonly name: string;
  readonly type: FunctionType;
}

export interface DefinedFunction {
  /** Exported under this name; not exported when undefined. */
  readonly name: string | undefined;
  readonly type: FunctionType;
  readonly code: FunctionCode;
}

/** Body of a function: instructions are appended, locals are numbered as they are asked for. */
export class FunctionCode {
  private readonly bytes: number[] = [];
  private readonly locals: ValueType[] = [];

  constructor(private readonly parameters: number) {}

  /** A fresh local variable, zero at the start of the function. */
  local(type: ValueType): number {
    this.locals.push(type);
    return this.parameters + this.locals.length - 1;
  }

  op(op: Op): void {
    this.bytes.push(...OP[op]);
  }

  get(local: number): void {
    this.bytes.push(...OP.localGet, ...unsigned(local));
  }

  set(local: number): void {
    this.bytes.push(...OP.localSet, ...unsigned(local));
  }

  tee(local: number): void {
    this.bytes.push(...OP.localTee, ...unsigned(local));
  }

  i32(value: number): void {
    this.bytes.push(...OP.i32Const, ...signed(value));
  }

  /** The address stands on the stack; float32 data promises an alignment of 4 bytes. */
  memory(op: 'load' | 'load32Splat' | 'store', offset: number): void {
    this.bytes.push(...OP[op], 2, ...unsigned(offset));
  }

  /** A load or store of scalars or of the low lanes; the address (and the value) stand on the stack. */
  access(op: 'i32Load' | 'f32Load' | 'f32Store' | 'load32Zero' | 'load64Zero', offset = 0): void {
    this.bytes.push(...OP[op], 2, ...unsigned(offset));
  }

  /** Store the lower 8 bytes. */
  storeLow(): void {
    this.bytes.push(...OP.store64Lane, 2, 0, 0);
  }

  f64(value: number): void {
    const bits = new Uint8Array(Float64Array.of(value).buffer);
    this.bytes.push(...OP.f64Const, ...bits);
  }

  /** Read or replace a float64 lane. */
  wideLane(op: 'wideExtract' | 'wideReplace', lane: 0 | 1): void {
    this.bytes.push(...OP[op], lane);
  }

  /** Store the first lane. */
  storeFirst(): void {
    this.bytes.push(...OP.store32Lane, 2, 0, 0);
  }

  /** A vector of four equal 32-bit words. */
  words(word: number): void {
    this.bytes.push(...OP.const);
    for (let lane = 0; lane < 4; lane++) {
      for (let shift = 0; shift < 32; shift += 8) this.bytes.push((word >>> shift) & 0xff);
    }
  }

  /** 8-byte lanes of the two vectors on the stack: 0, 1 of the first, 2, 3 of the second. */
  shuffleWide(low: number, high: number): void {
    this.bytes.push(...OP.shuffle);
    for (const lane of [low, high]) {
      for (let byte = 0; byte < 8; byte++) this.bytes.push(8 * lane + byte);
    }
  }

  branch(op: 'br' | 'brIf', depth: number): void {
    this.bytes.push(...OP[op], ...unsigned(depth));
  }

  call(functionIndex: number): void {
    this.bytes.push(...OP.call, ...unsigned(functionIndex));
  }

  /** Repeat the body while it leaves a nonzero i32 on the stack. */
  repeat(body: () => void): void {
    this.op('loop');
    body();
    this.branch('brIf', 0);
    this.op('end');
  }

  /** The body, run when the i32 on the stack is not zero. */
  when(body: () => void): void {
    this.op('if');
    body();
    this.op('end');
  }

  encode(): number[] {
    const locals = vector(this.locals.map((type) => [1, TYPE[type]]));
    const body = [...locals, ...this.bytes, ...OP.end];
    return [...unsigned(body.length), ...body];
  }
}

/** A module over one imported memory `env.memory`, which other threads may share. */
export function encodeModule(
  shared: boolean,
  imports: readonly ImportedFunction[],
  functions: readonly DefinedFunction[],
): Uint8Array<ArrayBuffer> {
  const types = [...imports, ...functions].map(({ type }) => [
    0x60,
    ...vector(type.parameters.map((parameter) => [TYPE[parameter]])),
    ...vector(type.results.map((result) => [TYPE[result]])),
  ]);
  const memory = [...name('env'), ...name('memory'), 0x02];
  // Any memory of at least one page will do; a shared one has to name its limit.
  memory.push(...(shared ? [0x03, ...unsigned(1), ...unsigned(65536)] : [0x00, ...unsigned(1)]));
  const imported = imports.map((item, index) => [
    ...name(item.module),
    ...name(item.name),
    0x00,
    ...unsigned(index),
  ]);
  const exported = functions.flatMap((item, index) =>
    item.name === undefined
      ? []
      : [[...name(item.name), 0x00, ...unsigned(imports.length + index)]],
  );
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, vector(types)),
    ...section(2, vector([memory, ...imported])),
    ...section(3, vector(functions.map((_, index) => unsigned(imports.length + index)))),
    ...section(7, vector(exported)),
    ...section(10, vector(functions.map(({ code }) => code.encode()))),
  ]);
}
