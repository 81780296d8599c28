import * as tf from '@tensorflow/tfjs';
import { BACKENDS, CAPABILITIES } from '../specs/capabilities.js';
import type { BackendName, CapabilityState } from '../specs/capabilities.js';
import { PROBES } from './probes.js';
import { activeBackend } from './registry.js';
import { firstLine } from './runtime.js';
import type { DeviceKind, Probe } from './types.js';

/** What one backend is like on this machine. */
export interface BackendReport {
  readonly name: BackendName;
  readonly available: boolean;
  /** Where its arithmetic runs; undefined when it does not run here. */
  readonly device: DeviceKind | undefined;
  readonly adapter: string | undefined;
  /** One clause: what was found, or what is missing. */
  readonly why: string;
  /** The command or step that makes it run; only where it does not. */
  readonly fix?: string;
  /** Number of our ops by how they run on it, from the capability table. */
  readonly kernels?: Readonly<Record<CapabilityState, number>>;
}

/**
 * Look for every backend without starting one: the active backend stays what it was.
 * @param probes How to look; for tests.
 * @returns One report per backend, in the order of {@link BACKENDS}.
 */
export async function inspectBackends(
  probes: Readonly<Record<BackendName, () => Promise<Probe>>> = PROBES,
): Promise<BackendReport[]> {
  const before = activeBackend();
  const reports: BackendReport[] = [];
  // One after the other: probes touch the registry of tfjs.
  for (const name of BACKENDS) reports.push(report(name, await probeSafely(name, probes[name])));
  if (before !== undefined && activeBackend() !== before) await tf.setBackend(before);
  return reports;
}

/** A report must come out even where a driver or a native package throws something unforeseen. */
async function probeSafely(name: BackendName, probe: () => Promise<Probe>): Promise<Probe> {
  try {
    return await probe();
  } catch (error) {
    const fix = 'Report this with the output of tfjs-latent doctor --json.';
    return { name, available: false, why: `looking for it failed: ${firstLine(error)}`, fix };
  }
}

function report(name: BackendName, probe: Probe): BackendReport {
  const { available, why } = probe;
  const kernels = { kernel: 0, composed: 0, unsupported: 0 };
  for (const { backend, state } of CAPABILITIES) if (backend === name) kernels[state]++;
  return probe.available
    ? { name, available, device: probe.device, adapter: probe.adapter, why, kernels }
    : { name, available, device: undefined, adapter: undefined, why, fix: probe.fix, kernels };
}
