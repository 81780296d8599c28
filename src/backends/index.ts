/** Start a tfjs backend with our kernels, and find out what runs on this machine. */
export { inspectBackends } from './doctor.js';
export type { BackendReport } from './doctor.js';
export { startBackend } from './start.js';
export type { StartedBackend, StartOptions } from './start.js';
