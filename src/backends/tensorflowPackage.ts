/** What is known of the npm packages that hold the tensorflow backend. */

/** In the order in which they are tried. */
export const PACKAGES = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'] as const;

/** Written into the package by `setup tensorflow`: the binding there was built by us, against what. */
export const PROVENANCE_FILE = 'lib/tfjs-latent.json';
export const PROVENANCE_PATTERN = /tfjs-latent\.json$/;

export const BINDING_PATTERN = /tfjs_binding\.node$/;

/** Folder of an installed npm package; undefined when it is not installed. */
export function packageFolder(
  require: NodeJS.Require,
  dirname: (path: string) => string,
  name: string,
): string | undefined {
  try {
    return dirname(require.resolve(`${name}/package.json`));
  } catch {
    return undefined;
  }
}

/** The functions of node:util that tfjs-node 4.22 calls and Node 23 removed. */
const REMOVED: Readonly<Record<string, (value: unknown) => boolean>> = {
  isArray: (value) => Array.isArray(value),
  isNullOrUndefined: (value) => value === null || value === undefined,
};

/**
 * Give node:util back what tfjs-node calls, where this Node has it no more. Existing functions stay.
 * @param util The object that `require('node:util')` gives.
 */
export function restoreUtil(util: Record<string, unknown>): void {
  for (const [name, test] of Object.entries(REMOVED)) util[name] ??= test;
}
