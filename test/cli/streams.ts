import { Readable, Writable } from 'node:stream';
import type { Streams } from '../../src/cli/terminal.js';

/** Streams that keep what is printed. */
export function testStreams(stdin = ''): {
  readonly streams: Streams;
  readonly stdout: () => string;
  readonly stderr: () => string;
} {
  const [out, err] = [keeper(), keeper()];
  return {
    streams: { stdin: Readable.from([stdin]), stdout: out.stream, stderr: err.stream },
    stdout: out.text,
    stderr: err.text,
  };
}

function keeper(): { readonly stream: Writable; readonly text: () => string } {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write: (chunk: Buffer, _, done) => {
      chunks.push(chunk);
      done();
    },
  });
  return { stream, text: () => Buffer.concat(chunks).toString('utf8') };
}
