#!/usr/bin/env node
import { runCli } from './program.js';

const code = await runCli(process.argv.slice(2), process);

// A GPU device or a worker thread may keep the event loop alive after the work is done, so the process
// ends here, once what was printed has left it.
await Promise.all(
  [process.stdout, process.stderr].map(
    (stream) => new Promise<void>((done) => stream.write('', () => done())),
  ),
);
process.exit(code);
