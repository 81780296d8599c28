import { DataError } from '../errors.js';
import { csvRecords } from './csvRecords.js';
import type { CsvLayout, CsvRecord } from './csvRecords.js';
import { inputName } from './streamInput.js';
import type { Input } from './streamInput.js';
import { parseNumber } from './csvSource.js';

const OP = 'readEdgeList';

/** A graph as read from a file. */
export interface EdgeList {
  /** Name of every node, in the order in which the file names them first. */
  readonly names: readonly string[];
  /** Flat list of shape [e, 2]: child and parent of every edge as indices into `names`. */
  readonly edges: Int32Array;
  /** One per edge; absent when the file has no third column. */
  readonly weights?: Float64Array;
}

export interface EdgeListOptions {
  /**
   * What stands between cells. Default: by the ending, a tab for .tsv, a comma for .csv (each also with
   * .gz), and any run of spaces and tabs for all others.
   */
  readonly delimiter?: 'tab' | 'comma' | 'space';
  /**
   * Whether the first line holds names of columns. Default: it does when its third cell is not a number,
   * or its first two are a pair such as `child parent`, `source target`, `id1 id2`, in any case of
   * letters. Names of nodes may be any text, so a header of other words has to be said.
   */
  readonly header?: boolean;
  /**
   * Edges from a node to itself, as some files hold to say that it is there. 'drop' keeps the node and
   * leaves out the edge. Default 'keep'.
   */
  readonly selfLoops?: 'keep' | 'drop';
  readonly signal?: AbortSignal;
}

const LAYOUTS = {
  tab: { delimiter: '\t' },
  comma: { delimiter: ',' },
  space: { delimiter: [' ', '\t'] },
} as const;

/** Names of the two columns in headers of edge lists. */
const HEADERS: readonly (readonly [string, string])[] = [
  ['child', 'parent'],
  ['hyponym', 'hypernym'],
  ['source', 'target'],
  ['src', 'dst'],
  ['from', 'to'],
  ['head', 'tail'],
  ['id1', 'id2'],
  ['node1', 'node2'],
  ['u', 'v'],
];

/**
 * Read a list of edges: one `child parent [weight]` per line, names or integers, separated by tabs, commas
 * or spaces.
 *
 * Empty lines and lines that start with `#` are left out. Names are kept as text (integers too) and are
 * case-sensitive; a name with a delimiter in it is put in double quotes. Equal edges are all kept.
 *
 * @param input Path of a file (also gzip), or a stream with the name that errors give it.
 * @param options Delimiter, header, self-loops; see {@link EdgeListOptions}.
 * @returns Names in order of first appearance, edges (child, parent), weights where the file has them.
 * @throws DataError naming file and line: a line of other than two cells (or three, in all lines or none),
 * an empty name, a weight that is not a finite number; a file that cannot be read or holds no edge.
 * @example
 * const { names, edges } = await readEdgeList('mammals.tsv', { selfLoops: 'drop' });
 */
export async function readEdgeList(input: Input, options: EdgeListOptions = {}): Promise<EdgeList> {
  const path = inputName(input);
  const delimiter = options.delimiter ?? delimiterOf(path);
  const layout: CsvLayout = { op: OP, comment: '#', ragged: true, ...asMutable(delimiter) };
  const index = new Map<string, number>();
  const edges: number[] = [];
  const weights: number[] = [];
  let width = 0;
  const idOf = (name: string): number => {
    const known = index.get(name);
    if (known !== undefined) return known;
    index.set(name, index.size);
    return index.size - 1;
  };
  let first = true;
  for await (const record of csvRecords(input, options.signal, layout)) {
    const cells = delimiter === 'space' ? record.cells.filter((cell) => cell !== '') : record.cells;
    const isFirst = first;
    first = false;
    if (isFirst && (options.header ?? looksLikeHeader(cells))) continue;
    width = checkLine(path, cells, record, width, delimiter);
    const [child, parent] = [idOf(cells[0]), idOf(cells[1])];
    const weight = width === 3 ? weightOf(path, cells[2], record) : 1;
    if (child === parent && options.selfLoops === 'drop') continue;
    edges.push(child, parent);
    weights.push(weight);
  }
  if (index.size === 0) {
    const got = first ? 'none' : 'a header only';
    throw new DataError({ op: OP, arg: path, expected: 'hold at least one edge', got });
  }
  const list = { names: [...index.keys()], edges: Int32Array.from(edges) };
  return width === 3 ? { ...list, weights: Float64Array.from(weights) } : list;
}

function delimiterOf(path: string): keyof typeof LAYOUTS {
  if (/\.tsv(\.gz)?$/.test(path)) return 'tab';
  return /\.csv(\.gz)?$/.test(path) ? 'comma' : 'space';
}

function asMutable(delimiter: keyof typeof LAYOUTS): CsvLayout {
  const own = LAYOUTS[delimiter].delimiter;
  return { delimiter: typeof own === 'string' ? own : [...own] };
}

function looksLikeHeader(cells: readonly string[]): boolean {
  if (cells.length === 3 && parseNumber(cells[2]) === undefined) return true;
  const [a, b] = cells.map((cell) => cell.toLowerCase());
  return HEADERS.some(([one, other]) => (a === one && b === other) || (a === other && b === one));
}

/** Cells per line, which all lines share. */
function checkLine(
  path: string,
  cells: readonly string[],
  { line }: CsvRecord,
  width: number,
  delimiter: keyof typeof LAYOUTS,
): number {
  const fits = width === 0 ? cells.length === 2 || cells.length === 3 : cells.length === width;
  if (!fits) {
    const want = width === 0 ? 'child and parent, and a weight or not,' : `${width} cells`;
    throw new DataError({
      op: OP,
      arg: path,
      expected: `hold ${want} in line ${line}`,
      got: `${cells.length} cell${cells.length === 1 ? '' : 's'}`,
      fix: `Cells were separated by ${delimiter}; option delimiter takes tab, comma or space.`,
    });
  }
  const empty = cells.findIndex((cell) => cell === '');
  if (empty < 0) return cells.length;
  const what = ['child', 'parent', 'weight'][empty];
  const got = 'an empty cell';
  throw new DataError({ op: OP, arg: path, expected: `name the ${what} in line ${line}`, got });
}

function weightOf(path: string, cell: string, { line }: CsvRecord): number {
  const value = parseNumber(cell);
  if (value !== undefined && Number.isFinite(value)) return value;
  throw new DataError({
    op: OP,
    arg: path,
    expected: `hold a finite number as weight in line ${line}`,
    got: `'${cell.slice(0, 40)}'`,
  });
}
