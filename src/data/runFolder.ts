import { readFile, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { z } from 'zod';
import { DataError, DomainError } from '../errors.js';
import type { Artifacts, Json, SavedArray } from '../util/artifacts.js';
import { formatShape } from '../util/shape.js';
import { systemCode, withFileErrors } from './fileErrors.js';
import { readSafetensors, writeSafetensors } from './safetensors.js';
import { CONFIG_FILE, withStagedFolder } from './stagedFolder.js';
import type { OverwriteOptions } from './stagedFolder.js';

const OP = 'run folder';

/** Version of the folder's layout; the model's own format has a version of its own. */
export const RUN_LAYOUT_VERSION = 1;

/** Arrays of the reference set: names that start so go into a file of their own. */
const BANK_PREFIX = 'bank/';

const WEIGHTS_FILE = 'weights.safetensors';
const BANK_FILE = 'bank.safetensors';

const arraySchema = z.object({ dtype: z.string(), shape: z.array(z.number()).readonly() });
const fileSchema = z.object({
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  tensors: z.record(z.string(), arraySchema),
});
const configSchema = z.object({
  layoutVersion: z.number(),
  model: z.string(),
  formatVersion: z.number(),
  libraryVersion: z.string(),
  config: z.record(z.string(), z.json()),
  arrays: z.record(z.string(), fileSchema),
});

/**
 * Write a fitted model into a folder that exists: config.json (model, versions, hyper-parameters,
 * and for each file of arrays its checksum, names, types and shapes), weights.safetensors, and
 * bank.safetensors for arrays named `bank/...`. For a folder that must appear complete or not at
 * all, call it inside withStagedFolder, or call saveArtifacts.
 * @throws DomainError when the configuration holds a number that JSON cannot, before any writing.
 * @throws DataError when the disk is full or read-only.
 */
export async function writeArtifacts(dir: string, artifacts: Artifacts): Promise<void> {
  const { model, formatVersion, config } = artifacts;
  checkJson(config, 'config');
  const files: { readonly [file: string]: [string, SavedArray][] } = {
    [WEIGHTS_FILE]: [],
    [BANK_FILE]: [],
  };
  for (const [name, array] of Object.entries(artifacts.arrays)) {
    files[name.startsWith(BANK_PREFIX) ? BANK_FILE : WEIGHTS_FILE].push([name, array]);
  }
  const arrays: { [file: string]: unknown } = {};
  for (const [file, entries] of Object.entries(files)) {
    const sha256 = await writeSafetensors(join(dir, file), Object.fromEntries(entries));
    const tensors = entries.map(([name, { dtype, shape }]) => [name, { dtype, shape }] as const);
    arrays[file] = { sha256, tensors: Object.fromEntries(tensors) };
  }
  const path = join(dir, CONFIG_FILE);
  const content = {
    layoutVersion: RUN_LAYOUT_VERSION,
    model,
    formatVersion,
    libraryVersion: libraryVersion(),
    config,
    arrays,
  };
  const text = `${JSON.stringify(content, null, 2)}\n`;
  await withFileErrors(OP, path, () => writeFile(path, text));
}

/**
 * Save a fitted model as a folder that appears complete under its name or not at all.
 * @param options `overwrite`: replace an earlier run (default false).
 * @throws DataError when the folder may not be replaced, or the disk is full or read-only.
 * @example
 * await saveArtifacts('runs/digits', await model.toArtifacts());
 */
export async function saveArtifacts(
  dir: string,
  artifacts: Artifacts,
  options: OverwriteOptions = {},
): Promise<void> {
  await withStagedFolder(dir, (staged) => writeArtifacts(staged, artifacts), options);
}

/**
 * Read what saveArtifacts or writeArtifacts wrote; every array has the same bits.
 * @returns the model's name, format version, configuration and arrays.
 * @throws DataError naming the path when a file is missing, damaged, truncated, or of another layout.
 * @example
 * const model = Sage.fromArtifacts(await loadArtifacts('runs/digits'));
 */
export async function loadArtifacts(dir: string): Promise<Artifacts> {
  const { model, formatVersion, config, arrays: index } = await readConfig(dir);
  const arrays: [string, SavedArray][] = [];
  for (const [file, { sha256, tensors }] of Object.entries(index)) {
    if (file !== WEIGHTS_FILE && file !== BANK_FILE) {
      const rule = `list ${WEIGHTS_FILE} and ${BANK_FILE} only`;
      throw new DataError({ op: OP, arg: join(dir, CONFIG_FILE), expected: rule, got: file });
    }
    const path = join(dir, file);
    const read = await readSafetensors(path);
    if (read.sha256 !== sha256) {
      throw new DataError({
        op: OP,
        arg: path,
        expected: `have the sha256 ${sha256} that ${CONFIG_FILE} names`,
        got: read.sha256,
        fix: 'The file was changed or belongs to another run; train again or restore it.',
      });
    }
    checkIndex(path, tensors, read.arrays);
    arrays.push(...Object.entries(read.arrays));
  }
  return { model, formatVersion, config, arrays: Object.fromEntries(arrays) };
}

async function readConfig(dir: string): Promise<z.infer<typeof configSchema>> {
  const path = join(dir, CONFIG_FILE);
  const fail = (arg: string, expected: string, got: string, fix: string): DataError =>
    new DataError({ op: OP, arg, expected, got, fix });
  await withFileErrors(OP, dir, async () => {
    const facts = await stat(dir);
    if (facts.isDirectory()) return;
    throw fail(dir, 'be a folder', 'a file', 'Name the folder that training wrote.');
  });
  const text = await withFileErrors(OP, path, () =>
    readFile(path, 'utf8').catch((error: unknown) => {
      if (systemCode(error) !== 'ENOENT') throw error;
      const fix = 'Name the folder that training wrote.';
      throw fail(dir, `hold a ${CONFIG_FILE}`, 'a folder without it (not a run)', fix);
    }),
  );
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    const got = error instanceof Error ? error.message : String(error);
    throw fail(path, 'be JSON', got, 'The file was changed or cut short.');
  }
  const layout = z.object({ layoutVersion: z.number() }).safeParse(json);
  if (layout.success && layout.data.layoutVersion !== RUN_LAYOUT_VERSION) {
    throw fail(
      path,
      `have layoutVersion ${RUN_LAYOUT_VERSION}`,
      String(layout.data.layoutVersion),
      `Load it with the version of tfjs-latent that wrote it (this is ${libraryVersion()}).`,
    );
  }
  const parsed = configSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const rule = 'be as saveArtifacts wrote it';
  const got = `${issue.path.join('.') || 'its top level'}: ${issue.message}`;
  throw fail(path, rule, got, 'The file was changed, or it is not of a run.');
}

/** The arrays must be those that config.json lists, in type and shape. */
function checkIndex(
  path: string,
  listed: z.infer<typeof fileSchema>['tensors'],
  arrays: { readonly [name: string]: SavedArray },
): void {
  const describe = (list: typeof listed): string =>
    Object.entries(list)
      .map(([name, { dtype, shape }]) => `${name} ${dtype} ${formatShape(shape)}`)
      .sort()
      .join(', ');
  const [expected, got] = [describe(listed), describe(arrays)];
  if (expected === got) return;
  const rule = `hold the arrays that ${CONFIG_FILE} lists (${expected})`;
  throw new DataError({ op: OP, arg: path, expected: rule, got: got || 'none' });
}

/** JSON has no NaN and no infinities: it would turn them into null without a word. */
function checkJson(value: Json, where: string): void {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    const rule = 'hold finite numbers only, as JSON does';
    throw new DomainError({ op: OP, arg: where, expected: rule, got: String(value) });
  }
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) checkJson(inner, `${where}.${key}`);
}

/** The version in our own package.json, found by name: its place differs between src/ and dist/. */
function libraryVersion(): string {
  const require = createRequire(import.meta.url);
  const content = require('tfjs-latent/package.json') as { readonly version: string };
  return content.version;
}
