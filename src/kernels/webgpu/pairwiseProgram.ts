import type { WebGPUProgram } from '@tensorflow/tfjs-backend-webgpu';
import type { ProgramUniforms } from './limits.js';
import type { PairRule } from './pairRule.js';
import { WORKGROUP_NUMBER } from './wgsl/workgroup.js';

// Plan: a thread computes up to 4 x 4 distances, so that eight vec4 of four features make 64 terms. It
// reads them straight from storage: neighbouring threads read the same rows, which stay in the nearest
// cache, and without workgroup memory there are no barriers, which software drivers run slowly.

/** Groups of four features after which a partial sum is added to the total: see the numerics note. */
const SUM_BLOCK = 16;

/** Rows and columns of a thread, and threads of a workgroup in both directions. */
export interface TileShape {
  readonly rows: number;
  readonly columns: number;
  readonly rowThreads: number;
  readonly columnThreads: number;
}

/** Shapes by need: small problems need threads more than shared reads, and few rows should waste few. */
export function tileOf(rule: PairRule, n: number, m: number): TileShape {
  if (n <= 8 && m > 64) return { rows: 1, columns: rule.side, rowThreads: 1, columnThreads: 64 };
  if (m <= 8 && n > 64) return { rows: rule.side, columns: 1, rowThreads: 64, columnThreads: 1 };
  const side = n * m <= 4096 ? 1 : rule.side;
  return { rows: side, columns: side, rowThreads: 8, columnThreads: 8 };
}

/** The part of the output that one run computes: all rows and columns given, written from a corner. */
export interface OutputPiece {
  readonly batch: number;
  readonly rows: number;
  readonly columns: number;
  readonly features: number;
  readonly firstBatch: number;
  readonly firstRow: number;
  readonly firstColumn: number;
}

const PIECE = [
  'batch',
  'rows',
  'columns',
  'features',
  'firstBatch',
  'firstRow',
  'firstColumn',
] as const satisfies readonly (keyof OutputPiece)[];

/** Uniforms of a piece, in the order of the program. */
export function pieceUniforms(piece: OutputPiece): ProgramUniforms {
  return PIECE.map((name) => ({ type: 'int32', data: [piece[name]] }));
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const each = (count: number, line: (i: number) => string): string =>
  range(count).map(line).join('\n');
const LANES = 'xyzw';

/**
 * Distances of all rows of x to all rows of y. Inputs xRows [B, n, w] and yRows [B, m, w] with w a
 * multiple of 4 and zeros after the features, and xAux, yAux when the rule has scalars per row.
 */
export class PairwiseProgram implements WebGPUProgram {
  readonly variableNames: string[];
  readonly variableComponents: number[];
  readonly workgroupSize: [number, number, number];
  readonly dispatchLayout = { x: [0, 1, 2] };
  readonly uniforms = PIECE.map((name) => `${name} : i32,`).join(' ');
  dispatch: [number, number, number];
  shaderKey: string;

  constructor(
    readonly outputShape: number[],
    piece: OutputPiece,
    private readonly rule: PairRule,
    private readonly tile: TileShape,
  ) {
    const { rows, columns, rowThreads, columnThreads } = tile;
    this.workgroupSize = [columnThreads, rowThreads, 1];
    const aux = rule.aux > 0;
    this.variableNames = aux ? ['xRows', 'yRows', 'xAux', 'yAux'] : ['xRows', 'yRows'];
    this.variableComponents = aux ? [4, 4, 1, 1] : [4, 4];
    const tilesX = Math.ceil(piece.rows / (rows * rowThreads));
    const tilesY = Math.ceil(piece.columns / (columns * columnThreads));
    this.dispatch = [piece.batch * tilesX * tilesY, 1, 1];
    this.shaderKey = `latentPairwise_${rule.key}_${Object.values(tile).join('_')}`;
  }

  getUserCode(): string {
    const { rule } = this;
    const { rows, columns, rowThreads, columnThreads } = this.tile;
    const aux = (name: 'x' | 'y'): string => `
  fn ${name}Scalars(row : i32) -> vec4<f32> {
    return vec4<f32>(${range(4)
      .map((c) => (c < rule.aux ? `${name}Aux[row * ${rule.aux} + ${c}]` : '0.0'))
      .join(', ')});
  }`;
    return `
  ${WORKGROUP_NUMBER}
  ${rule.code}
  ${aux('x')}
  ${aux('y')}

  fn main(index : i32) {
    let n = uniforms.rows;
    let m = uniforms.columns;
    let d = uniforms.features;
    let groups = (d + 3) / 4;
    let tilesX = (n + ${rows * rowThreads - 1}) / ${rows * rowThreads};
    let tilesY = (m + ${columns * columnThreads - 1}) / ${columns * columnThreads};
    let tile = workgroupNumber();
    let batch = tile / (tilesX * tilesY);
    if (batch >= uniforms.batch) { return; }
    let firstColumn = (tile % tilesY) * ${columns * columnThreads} + i32(localId.x);
    let firstRow = (((tile / tilesY) % tilesX) * ${rowThreads} + i32(localId.y)) * ${rows};
    // What lies past the last row or column is computed as a copy of the last.
    ${each(rows, (i) => `let x${i} = (batch * n + min(firstRow + ${i}, n - 1)) * groups;`)}
    ${each(columns, (j) => `let y${j} = (batch * m + min(firstColumn + ${j * columnThreads}, m - 1)) * groups;`)}
    ${this.accumulate()}
    for (var j = 0; j < ${columns}; j = j + 1) {
      let column = firstColumn + j * ${columnThreads};
      if (column >= m) { break; }
      let b = yScalars(batch * m + column);
      for (var i = 0; i < min(${rows}, n - firstRow); i = i + 1) {
        let a = xScalars(batch * n + firstRow + i);
        let row = (uniforms.firstBatch + batch) * uniforms.outShape.y + uniforms.firstRow + firstRow + i;
        result[row * uniforms.outShape.z + uniforms.firstColumn + column] = pairDistance(
          total0[i * ${columns} + j], ${rule.terms === 2 ? `total1[i * ${columns} + j]` : '0.0'}, a, b, f32(d));
      }
    }
  }
`;
  }

  private accumulate(): string {
    const { rule } = this;
    const { rows, columns } = this.tile;
    const sums = range(rule.terms);
    const pairs = rows * columns;
    const isMax = rule.reduce === 'max';
    const term = (t: number, i: number, j: number, c: number): string => {
      const value = `formTerm${t}(xv${i}.${LANES[c]}, yv${j}.${LANES[c]})`;
      return rule.padded ? value : `select(0.0, ${value}, 4 * g + ${c} < d)`;
    };
    const step = (t: number, p: number, c: number): string => {
      const value = term(t, Math.floor(p / columns), p % columns, c);
      const sum = `sum${t}_${p}`;
      return isMax ? `${sum} = max(${sum}, ${value});` : `${sum} = ${sum} + ${value};`;
    };
    const eachPair = (code: (t: number, p: number) => string): string =>
      sums.map((t) => each(pairs, (p) => code(t, p))).join('\n');
    return `
    ${sums.map((t) => `var total${t} : array<f32, ${pairs}>;`).join('\n')}
    for (var first = 0; first < groups; first = first + ${SUM_BLOCK}) {
      ${eachPair((t, p) => `var sum${t}_${p} = 0.0;`)}
      for (var g = first; g < min(first + ${SUM_BLOCK}, groups); g = g + 1) {
        ${each(rows, (i) => `let xv${i} = xRows[x${i} + g];`)}
        ${each(columns, (j) => `let yv${j} = yRows[y${j} + g];`)}
        ${each(4, (c) => eachPair((t, p) => step(t, p, c)))}
      }
      ${eachPair((t, p) => {
        const total = `total${t}[${p}]`;
        return isMax
          ? `${total} = max(${total}, sum${t}_${p});`
          : `${total} = ${total} + sum${t}_${p};`;
      })}
    }
`;
  }
}
