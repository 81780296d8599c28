import type { BackendName } from '../specs/capabilities.js';

/** Where the arithmetic runs. A software GPU (a Vulkan driver on the CPU) counts as 'cpu'. */
export type DeviceKind = 'cpu' | 'gpu';

/** A backend that can be started here. */
export interface PresentBackend {
  readonly name: BackendName;
  readonly available: true;
  readonly device: DeviceKind;
  /** Whether a GPU interface is emulated on the CPU: never taken unless asked for. */
  readonly software: boolean;
  /** Driver, instruction set or thread count, for people to read. */
  readonly adapter: string | undefined;
  readonly features: readonly string[];
  /** One clause that says what was found. */
  readonly why: string;
  /** Register the tfjs backend and our kernels; it does not become the active one yet. */
  readonly register: () => Promise<void>;
}

/** A backend that can't be started here. */
export interface AbsentBackend {
  readonly name: BackendName;
  readonly available: false;
  /** One clause that says what is missing. */
  readonly why: string;
  /** The command or step that mends it. */
  readonly fix: string;
}

/** What looking for a backend found. */
export type Probe = PresentBackend | AbsentBackend;
