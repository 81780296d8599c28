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
    expect(interrupted.line).toContain('only when they are complete');
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

  it.each([
    ['Error', 'Invalid TF_Status: 8\nMessage: OOM when allocating tensor', 'smaller batches'],
    ['Error', 'Invalid TF_Status: 13\nMessage: CUDA_ERROR_LAUNCH_FAILED', 'The CUDA driver'],
    ['DeviceError', 'the GPU device was lost (unknown): reset', 'The driver reset it'],
    ['DeviceError', 'knn: out of memory', 'smaller batches'],
    ['DeviceError', 'knn: a shader does not compile', 'tfjs-latent verify'],
  ])('names the mend of a failing device: %s %j', (name, message, mend) => {
    const { code, line } = endingOf(Object.assign(new Error(message), { name }));
    expect(code).toBe(1);
    expect(line).toContain('the device failed:');
    expect(line).toContain(mend);
    expect(line).toContain('--resume');
  });

  it('calls anything else unexpected and points to --debug', () => {
    const ending = endingOf(new TypeError('x is not\n a function'));
    expect(ending.code).toBe(1);
    expect(ending.line).toMatch(/^unexpected failure: x is not a function .*--debug/);
  });
});
