import { readFile } from 'node:fs/promises';
import { InvalidArgumentError } from 'commander';
import { DataError, DomainError } from '../errors.js';
import type { Json } from '../util/artifacts.js';

/** Settings of a model, as a config file holds them. */
export type Settings = Record<string, Json>;

/** Commander parser of a share in (0, 1). */
export function shareOf(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value > 0 && value < 1) return value;
  throw new InvalidArgumentError(`It must be a number in (0, 1), got ${JSON.stringify(text)}.`);
}

/** Commander parser of an integer that is at least `min`. */
export function integerFrom(min: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^[+-]?\d+$/.test(text.trim()) || !Number.isSafeInteger(value) || value < min) {
      throw new InvalidArgumentError(`It must be an integer >= ${min}.`);
    }
    return value;
  };
}

/** Commander parser of a number, also infinite. */
export function anyNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || Number.isNaN(value))
    throw new InvalidArgumentError('It must be a number.');
  return value;
}

/** One of several equal parts of the work, counted from 1. */
export interface Shard {
  readonly part: number;
  readonly parts: number;
}

/** Commander parser of `i/n`. */
export function shardOf(text: string): Shard {
  const [part, parts] = (/^(\d+)\/(\d+)$/.exec(text.trim()) ?? []).slice(1).map(Number);
  if (part >= 1 && part <= parts && Number.isSafeInteger(parts)) return { part, parts };
  throw new InvalidArgumentError('It must be i/n with 1 <= i <= n, as in 2/8.');
}

/** Commander parser that collects the values of an option given several times. */
export function collect(value: string, previous: readonly string[] | undefined): string[] {
  return [...(previous ?? []), value];
}

/**
 * Read a config file: one JSON object of settings, or the config.json of a run, whose settings are taken.
 * @param saved Name of the model in saved files: a run must be of it.
 * @throws DataError naming the file and what is wrong with it.
 */
export async function readSettings(path: string, saved?: string): Promise<Settings> {
  const refuse = (expected: string, got: string): DataError =>
    new DataError({ op: '--config', arg: path, expected, got });
  let text: string;
  try {
    // A byte order mark is left out.
    text = new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path));
  } catch (error) {
    throw refuse('be a file of UTF-8 text', messageOf(error));
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw refuse('be valid JSON', messageOf(error));
  }
  if (!isObject(value)) {
    const got = value === null ? 'null' : Array.isArray(value) ? 'an array' : typeof value;
    throw refuse('hold one JSON object', got);
  }
  if (!('layoutVersion' in value) || !isObject(value.config)) return value;
  if (saved !== undefined && value.model !== saved) {
    throw refuse(`be of a run of '${saved}'`, `one of ${JSON.stringify(value.model)}`);
  }
  // What was measured in training is no setting.
  return Object.fromEntries(Object.entries(value.config).filter(([key]) => key !== 'fitted'));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Apply `key=value` pairs to settings. Keys are dotted paths; a value is JSON when it parses as JSON
 * and a plain string otherwise, so `latentDim=8`, `metric=manhattan` and `hidden=[64,32]` all work.
 * Whether a key exists is for the model's schema to say.
 * @param op Command that errors name.
 * @throws DomainError for a pair without "=", an empty key, or a path through a plain value.
 */
export function applySettings(
  settings: Settings,
  pairs: readonly string[],
  op = 'train',
): Settings {
  const out = structuredClone(settings);
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    const path = pair.slice(0, Math.max(at, 0)).trim().split('.');
    if (at < 1 || path.some((part) => part === '' || part === '__proto__')) {
      throw new DomainError({
        op,
        arg: '--set',
        expected: 'be key=value with a dotted key',
        got: JSON.stringify(pair),
        fix: 'Example: --set latentDim=8',
      });
    }
    setPath(out, path, parseValue(pair.slice(at + 1)), pair, op);
  }
  return out;
}

function setPath(
  target: Settings,
  path: readonly string[],
  value: Json,
  pair: string,
  op: string,
): void {
  let node = target;
  for (const part of path.slice(0, -1)) {
    const next = (node[part] ??= {});
    if (!isObject(next)) {
      throw new DomainError({
        op,
        arg: '--set',
        expected: `name a setting inside an object, but "${part}" is a plain value`,
        got: JSON.stringify(pair),
      });
    }
    node = next;
  }
  node[path[path.length - 1]] = value;
}

function parseValue(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

function isObject(value: unknown): value is Settings {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
