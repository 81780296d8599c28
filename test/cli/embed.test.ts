import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/program.js';
import { loadArtifacts } from '../../src/data/index.js';
import { HyperbolicEmbedding } from '../../src/models/index.js';
import { testStreams } from './streams.js';

let dir = '';
const at = (name: string): string => join(dir, name);

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function cli(...args: readonly string[]): Promise<Outcome> {
  const { streams, stdout, stderr } = testStreams();
  const code = await runCli(args, streams);
  return { code, stdout: stdout(), stderr: stderr() };
}

const QUICK = [
  '--backend',
  'cpu',
  '--epochs',
  '60',
  '--set',
  'negatives=8',
  '--set',
  'batchSize=4',
];
const embed = (out: string, ...more: readonly string[]): Promise<Outcome> =>
  cli('embed', '--edges', at('tree.tsv'), '--closure', '--out', at(out), ...QUICK, ...more);

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'embed-test-'));
  // A binary tree of 15 nodes, parents only.
  const lines = Array.from({ length: 14 }, (_, i) => `n${i + 1}\tn${Math.floor(i / 2)}`);
  writeFileSync(at('tree.tsv'), `child\tparent\n${lines.join('\n')}\n`);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('embed', () => {
  it('writes a whole run folder, and the points come back from it', async () => {
    const { code, stdout, stderr } = await embed('run', '--dim', '2');
    expect(stderr).toContain('wrote');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^MAP 0\.\d+|^MAP 1\.0000/);
    expect(readdirSync(at('run')).sort()).toEqual([
      'bank.safetensors',
      'config.json',
      'embedding.tsv',
      'history.csv',
      'metrics.json',
      'report.html',
      'weights.safetensors',
    ]);
    const model = HyperbolicEmbedding.fromArtifacts(await loadArtifacts(at('run')));
    const { data, count } = model.points();
    const [head, ...rows] = readFileSync(at('run/embedding.tsv'), 'utf8').trim().split('\n');
    expect(head).toBe('name\tx1\tx2');
    expect(rows).toHaveLength(count);
    rows.forEach((row, i) => {
      const [, ...cells] = row.split('\t');
      expect(cells.map(Number)).toEqual([...data.subarray(2 * i, 2 * i + 2)]);
    });
    expect(readFileSync(at('run/history.csv'), 'utf8').trim().split('\n')).toHaveLength(61);
    const report = readFileSync(at('run/report.html'), 'utf8');
    expect(report).toContain('Poincaré disc');
    expect(report).toContain('<title>n14</title>');
    // Every node but the root has a line to its parent.
    expect(report.match(/<path d="M\S+ \S+[AL]/g)).toHaveLength(14);
    expect(existsSync(at('run.checkpoint'))).toBe(false);
  });

  it('prints figures as JSON; options win over --set; a geometry is named', async () => {
    const more = ['--set', 'dim=2', '--dim', '3', '--seed', '7', '--json'];
    const args = [
      'embed',
      'log-polar',
      '--edges',
      at('tree.tsv'),
      '--closure',
      '--out',
      at('json'),
    ];
    const { code, stdout } = await cli(...args, ...QUICK, ...more);
    expect(code).toBe(0);
    const printed = JSON.parse(stdout) as Record<string, number>;
    expect(Object.keys(printed)).toEqual(['map', 'meanRank', 'seconds', 'dim', 'nodes', 'edges']);
    expect(printed).toMatchObject({ dim: 3, nodes: 15, edges: 34 });
    expect(printed.map).toBeGreaterThan(0.8);
    expect(printed.meanRank).toBeGreaterThanOrEqual(1);
    const { config } = await loadArtifacts(at('json'));
    expect(config).toMatchObject({ geometry: 'logPolar', dim: 3, seed: 7, epochs: 60 });
    expect(readFileSync(at('json/report.html'), 'utf8')).not.toContain('Poincaré disc');
  });

  it('gives the same points again for the same seed', async () => {
    expect((await embed('first')).code).toBe(0);
    expect((await embed('second')).code).toBe(0);
    const points = (name: string): string => readFileSync(at(`${name}/embedding.tsv`), 'utf8');
    expect(points('second')).toBe(points('first'));
    expect((await embed('third', '--seed', '2')).code).toBe(0);
    expect(points('third')).not.toBe(points('first'));
  });

  it.each([
    [['embed', '--out', 'x'], 'must be given by either --edges or --wordnet, got neither'],
    [['embed', '--edges', 'a', '--wordnet', 'nouns', '--out', 'x'], 'got both'],
    [['embed', 'klein', '--edges', 'a', '--out', 'x'], 'geometry must be one of poincare, lorentz'],
    [['embed', '--edges', 'missing.tsv', '--out', 'x'], 'missing.tsv'],
    [['embed', '--edges', 'a', '--out', 'x', '--set', 'rate=1'], "got 'rate'"],
    [['embed', '--edges', 'a', '--out', 'x', '--set', 'rate'], 'embed: --set must be key=value'],
    [['embed', '--edges', 'a', '--out', 'x', '--lr', '0'], 'config.learningRate must be'],
    [['embed', '--wordnet', 'verbs', '--out', 'x'], 'mammals, nouns'],
    [['embed', '--edges', 'a'], "required option '--out <dir>'"],
  ])('error: %j ends with exit code 2 and one line', async (args, message) => {
    const { code, stderr } = await cli('--quiet', ...args);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  it('error: a cycle has no closure', async () => {
    writeFileSync(at('cycle.tsv'), 'a\tb\nb\ta\n');
    const args = ['embed', '--edges', at('cycle.tsv'), '--closure', '--out', at('cycle')];
    const { code, stderr } = await cli(...args);
    expect(code).toBe(2);
    expect(stderr).toContain('cycle');
  });

  it('--help has examples', async () => {
    const { code, stdout } = await cli('embed', '--help');
    expect(code).toBe(0);
    expect(stdout).toContain('Examples:');
    expect(stdout).toContain('--wordnet mammals');
  });
});
