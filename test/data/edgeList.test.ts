import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { readEdgeList } from '../../src/data/index.js';
import type { EdgeListOptions } from '../../src/data/index.js';
import { failureOf, useTempFolder } from './files.js';

const files = useTempFolder();

async function read(
  text: string | Uint8Array,
  name = 'g.edges',
  options: EdgeListOptions = {},
): Promise<{ names: readonly string[]; edges: number[]; weights?: number[] }> {
  const { names, edges, weights } = await readEdgeList(await files.put(name, text), options);
  const list = { names, edges: Array.from(edges) };
  return weights === undefined ? list : { ...list, weights: Array.from(weights) };
}

const failing = async (text: string, name?: string, options?: EdgeListOptions): Promise<string> =>
  failureOf(read(text, name, options));

describe('readEdgeList', () => {
  it('golden: nodes in order of first appearance, comments and empty lines left out', async () => {
    const text = '# a tree\n\ndog  canine\n# more\ncanine\tcarnivore \ndog carnivore\n';
    expect(await read(text)).toEqual({
      names: ['dog', 'canine', 'carnivore'],
      edges: [0, 1, 1, 2, 0, 2],
    });
  });

  it('golden: integers are names, whatever their order', async () => {
    expect(await read('7 3\n3 07\n')).toEqual({ names: ['7', '3', '07'], edges: [0, 1, 1, 2] });
  });

  it('golden: tabs, commas with quotes, weights, gzip, a stream', async () => {
    expect(await read('new york\tcity\t.5\ncity\tplace\t-2e1\n', 'g.tsv')).toEqual({
      names: ['new york', 'city', 'place'],
      edges: [0, 1, 1, 2],
      weights: [0.5, -20],
    });
    expect((await read('"a, b",c\n', 'g.csv')).names).toEqual(['a, b', 'c']);
    expect((await read(gzipSync('a,b\n'), 'g.csv.gz')).names).toEqual(['a', 'b']);
    expect((await read('a,b\n', 'g.txt', { delimiter: 'comma' })).names).toEqual(['a', 'b']);
    const stream = Readable.from(['a b\nb c\n']);
    expect((await readEdgeList({ stream, name: 'standard input' })).names).toEqual(['a', 'b', 'c']);
  });

  it('golden: a header by its words, by a third cell that is no number, or as said', async () => {
    expect((await read('Child,Parent\na,b\n', 'g.csv')).names).toEqual(['a', 'b']);
    expect((await read('target source\na b\n')).names).toEqual(['a', 'b']);
    expect((await read('x,y,weight\na,b,1\n', 'g.csv')).names).toEqual(['a', 'b']);
    expect((await read('x y\na b\n')).names).toEqual(['x', 'y', 'a', 'b']);
    expect((await read('x y\na b\n', 'g', { header: true })).names).toEqual(['a', 'b']);
    const kept = await read('child parent\na b\n', 'g', { header: false });
    expect(kept.names).toEqual(['child', 'parent', 'a', 'b']);
  });

  it('golden: self-loops are kept, or dropped with their node kept', async () => {
    expect((await read('a a 2\na b 3\n')).edges).toEqual([0, 0, 0, 1]);
    expect(await read('c c 2\na b 3\n', 'g', { selfLoops: 'drop' })).toEqual({
      names: ['c', 'a', 'b'],
      edges: [1, 2],
      weights: [3],
    });
  });

  it('error: line and file are named', async () => {
    expect(await failing('a b\n\n# x\nc\n')).toMatch(
      /^DataError: readEdgeList: .*g\.edges must hold 2 cells in line 4, got 1 cell\./,
    );
    expect(await failing('a b c d\n')).toContain('in line 1, got 4 cells');
    expect(await failing('a b\na b 2\n')).toContain('must hold 2 cells in line 2, got 3 cells');
    expect(await failing('a,b\nb,\n', 'g.csv')).toContain('name the parent in line 2');
    expect(await failing('a b 1\nb c x\n')).toContain("as weight in line 2, got 'x'");
    expect(await failing('a b 1\nb c inf\n')).toContain("as weight in line 2, got 'inf'");
    expect(await failing('a,b\n')).toContain('separated by space; option delimiter takes');
    expect(await failing('# nothing\n')).toContain('must hold at least one edge, got none');
    expect(await failing('u v\n')).toContain('got a header only');
    expect(await failing('"a b\n')).toMatch(/^DataError: readEdgeList: .*well-formed CSV/);
    expect(await failureOf(readEdgeList(files.path('none')))).toContain('none must exist');
  });
});
