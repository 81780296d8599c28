import { Readable, Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { Terminal, formatSeconds } from '../../src/cli/terminal.js';
import { formatTable } from '../../src/cli/table.js';
import { testStreams } from './streams.js';

describe('Terminal', () => {
  it('prints results on stdout and remarks on stderr', () => {
    const io = testStreams();
    const terminal = new Terminal(io.streams);
    terminal.print('result');
    terminal.say('remark');
    expect(io.stdout()).toBe('result\n');
    expect(io.stderr()).toBe('remark\n');
  });

  it('--quiet keeps results and warnings', () => {
    const io = testStreams();
    const terminal = new Terminal(io.streams, { quiet: true });
    terminal.print('result');
    terminal.say('remark');
    terminal.warn('warning');
    terminal.step('load', 'rows').end();
    expect(io.stdout()).toBe('result\n');
    expect(io.stderr()).toBe('warning\n');
  });

  it('a step says how long it took, and draws no bar on a pipe', () => {
    const io = testStreams();
    const step = new Terminal(io.streams).step('load', 'rows');
    step.update(1, 2);
    step.end('2 rows');
    expect(io.stderr()).toMatch(/^load: 0\.\d\d s, 2 rows\n$/);
  });

  it('draws no bar for a short step on a terminal either', () => {
    let drawn = '';
    const stderr = new Writable({
      write: (chunk: Buffer, _, done) => {
        drawn += chunk.toString();
        done();
      },
    });
    const tty = Object.assign(stderr, { isTTY: true });
    const streams = { stdin: Readable.from([]), stdout: stderr, stderr: tty };
    new Terminal(streams).step('load', 'rows').update(1, 2);
    expect(drawn).toBe('');
  });
});

describe('formatSeconds', () => {
  it.each([
    [0.042, '0.04 s'],
    [3.21, '3.2 s'],
    [9.97, '10 s'],
    [100, '100 s'],
    [200, '3 min 20 s'],
  ])('%d', (seconds, text) => {
    expect(formatSeconds(seconds)).toBe(text);
  });
});

describe('formatTable', () => {
  it('aligns text left and numbers right', () => {
    const table = formatTable(
      [
        ['set', 'rows'],
        ['a', '5'],
        ['long', '12345'],
      ],
      [0],
    );
    expect(table.split('\n')).toEqual(['set    rows', '----  -----', 'a         5', 'long  12345']);
  });
});
