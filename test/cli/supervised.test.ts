import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/program.js';
import { splitRows } from '../../src/data/index.js';
import { Rng } from '../../src/util/rng.js';
import { testStreams } from './streams.js';

const ROWS = 200;
let dir = '';
const at = (name: string): string => join(dir, name);

async function cli(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const { streams, stdout, stderr } = testStreams();
  const code = await runCli([...args, '--backend', 'cpu'], streams);
  return { code, stdout: stdout(), stderr: stderr() };
}

/** Two clusters; of one row in four the class is told. */
const classes = Array.from({ length: ROWS }, (_, i) => i % 2);
const told = (i: number): boolean => i % 4 < 2 && i % 8 < 4;
const points = new Float32Array(ROWS * 2);

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'latent-supervised-'));
  const rng = new Rng(5);
  for (let i = 0; i < ROWS; i++) {
    points.set([4 * classes[i] - 2 + 0.3 * rng.normal(), rng.normal()], 2 * i);
  }
  const line = (i: number, target: string): string =>
    `${points[2 * i]},${points[2 * i + 1]},${target}`;
  const write = (name: string, target: (i: number) => string): void => {
    const lines = classes.map((_, i) => line(i, target(i)));
    writeFileSync(at(name), `a,b,y\n${lines.join('\n')}\n`);
  };
  write('classes.csv', (i) => (told(i) ? String(classes[i]) : ''));
  write('values.csv', (i) => (told(i) ? String(points[2 * i] + 0.5) : ''));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const settings = { hidden: [8], latentDim: 2, batchSize: 20, learningRate: 0.01, epochs: 20 };
const train = (data: string, out: string, more: object = {}): ReturnType<typeof cli> => {
  writeFileSync(at('config.json'), JSON.stringify({ ...settings, ...more }));
  const files = ['--data', `${at(data)}#target=y`, '--config', at('config.json')];
  return cli('train', 'supervised', ...files, '--out', at(out), '--seed', '1');
};

describe('supervised from a file in which some targets are missing', () => {
  it('learns the classes of all rows, and measures those that are known', async () => {
    const { code, stdout, stderr } = await train('classes.csv', 'run', { semiSupervised: true });
    expect(code, stderr).toBe(0);
    const rows = Int32Array.from(classes, (_, i) => i);
    const x = { data: points, count: ROWS, rowShape: [2] };
    const { held } = splitRows({ x, y: { kind: 'class', values: rows, classes: ROWS } }, 0.1, 1);
    const labelled = Array.from(held.y?.values ?? []).filter(told).length;
    expect(stdout).toContain(`accuracy 100.00 % of ${labelled} rows with a target (20 rows)`);
    const metrics = JSON.parse(readFileSync(at('run/metrics.json'), 'utf8')) as object;
    expect(metrics).toMatchObject({ testAccuracy: 1, labelledRows: labelled });
    const page = readFileSync(at('run/report.html'), 'utf8');
    expect(page).toContain('coloured by their targets (grey: not known)');

    const input = ['--input', `${at('classes.csv')}#target=y`, '--output', at('scores.csv')];
    const scored = await cli('score', at('run'), ...input);
    expect(scored.code, scored.stderr).toBe(0);
    const [head, ...lines] = readFileSync(at('scores.csv'), 'utf8').trim().split('\n');
    expect(head).toBe('row,error,prediction');
    const predicted = lines.map((text) => Number(text.split(',')[2]));
    expect(predicted).toEqual(classes);
  });

  it('learns values, and measures their error', async () => {
    const { code, stderr } = await train('values.csv', 'values', {
      semiSupervised: true,
      epochs: 60,
    });
    expect(code, stderr).toBe(0);
    const metrics = JSON.parse(readFileSync(at('values/metrics.json'), 'utf8')) as {
      testRmse: number;
    };
    // The values themselves have a deviation of 2.
    expect(metrics.testRmse).toBeLessThan(0.5);
  });

  it('refuses them without semiSupervised', async () => {
    const { code, stderr } = await train('classes.csv', 'never');
    expect(code).toBe(2);
    expect(stderr).toContain("column 'y', got an empty cell");
  });
});
