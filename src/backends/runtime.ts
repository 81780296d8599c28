interface HostProcess {
  readonly versions?: { readonly node?: string };
  readonly platform?: string;
}

/** The process object of Node; undefined in a browser. */
export function nodeProcess(): HostProcess | undefined {
  const host = (globalThis as { readonly process?: HostProcess }).process;
  return host?.versions?.node === undefined ? undefined : host;
}

/** Text of whatever was thrown: its first line, as messages of native code run over many. */
export function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.trim().split('\n', 1)[0];
}

/** Whether an import failed because that very package is not installed. */
export function isMissingPackage(error: unknown, name: string): boolean {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  return (
    (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') &&
    typeof message === 'string' &&
    message.includes(name)
  );
}
