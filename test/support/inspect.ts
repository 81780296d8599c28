import { inspectBackends } from '../../src/backends/doctor.js';

// The last line; native packages may print before it.
process.stdout.write(`\n${JSON.stringify(await inspectBackends())}`);
