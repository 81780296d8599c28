import { CommanderError } from 'commander';
import { describe, expect, it } from 'vitest';
import { CheckFailed, endingOf } from '../../src/cli/exit.js';
import { DataError } from '../../src/errors.js';

describe('endingOf', () => {
  it('maps bad input to 2 with one line', () => {
    const error = new DataError({ op: 'npy', arg: 'a.npy', expected: 'be\n complete', got: '3' });
    expect(endingOf(error)).toEqual({ code: 2, line: 'npy: a.npy must be complete, got 3.' });
  });

  it('maps usage errors to 2 and help to 0, both already printed', () => {
    expect(endingOf(new CommanderError(1, 'commander.unknownOption', 'x'))).toEqual({ code: 2 });
    expect(endingOf(new CommanderError(1, 'commander.help', 'x'))).toEqual({ code: 2 });
    expect(endingOf(new CommanderError(0, 'commander.helpDisplayed', 'x'))).toEqual({ code: 0 });
  });

  it('maps a failed check to 1 and an interrupt to 130', () => {
    expect(endingOf(new CheckFailed('no'))).toEqual({ code: 1, line: 'no' });
    const interrupted = endingOf(AbortSignal.abort().reason);
    expect(interrupted.code).toBe(130);
    expect(interrupted.line).toContain('no file was written');
  });

  it.each([
    ['ENOSPC', 'have room left on its disk'],
    ['EROFS', 'be on a writable disk'],
    ['EACCES', 'be accessible'],
  ])('names the file of %s', (code, rule) => {
    const error = Object.assign(new Error('write'), { code, path: '/data/out.csv' });
    const ending = endingOf(error);
    expect(ending.code).toBe(2);
    expect(ending.line).toContain(`/data/out.csv must ${rule}`);
  });

  it('calls anything else unexpected and points to --debug', () => {
    const ending = endingOf(new TypeError('x is not\n a function'));
    expect(ending.code).toBe(1);
    expect(ending.line).toMatch(/^unexpected failure: x is not a function .*--debug/);
  });
});
