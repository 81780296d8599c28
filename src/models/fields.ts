import { z } from 'zod';
import { DomainError } from '../errors.js';

// Each rule is the text that follows "must" in the error message.

/** Largest integer that a field may hold when nothing else bounds it. */
export const COUNT = Number.MAX_SAFE_INTEGER;

export function integer(min: number, max = COUNT, noun = 'an integer'): z.ZodNumber {
  const top = max === COUNT ? '' : ` and <= ${max}`;
  const error = `be ${noun} >= ${min}${top}`;
  return z.number({ error }).int({ error }).min(min, { error }).max(max, { error });
}

export function real(min: number, max = Infinity): z.ZodNumber {
  const error =
    max === Infinity ? `be a finite number >= ${min}` : `be a number in [${min}, ${max}]`;
  return z.number({ error }).min(min, { error }).max(max, { error });
}

export function positive(): z.ZodNumber {
  const error = 'be a finite number > 0';
  return z.number({ error }).positive({ error });
}

/** A positive number, or 'auto' for one that is chosen by the data. */
export function autoOrPositive(): z.ZodUnion<readonly [z.ZodLiteral<'auto'>, z.ZodNumber]> {
  const error = "be 'auto' or a finite number > 0";
  return z.union([z.literal('auto'), z.number({ error }).positive({ error })], { error });
}

export function choice<const T extends readonly [string, ...string[]]>(
  ...values: T
): z.ZodEnum<{ [K in T[number]]: K }> {
  return z.enum(values, { error: `be one of ${values.join(', ')}` });
}

export function flag(): z.ZodBoolean {
  return z.boolean({ error: 'be true or false' });
}

/** Sizes of layers; may be empty. */
export function widths(): z.ZodArray<z.ZodNumber> {
  const error = 'be a list of integers >= 1';
  return z.array(integer(1, COUNT, 'a list of integers'), { error });
}

export type DeepReadonly<T> = T extends object
  ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
  : T;

/**
 * Check a config, from code or from a file, and fill in the defaults.
 * @param op Name of the model. @param schema A strict object of the fields above.
 * @returns A frozen config.
 * @throws DomainError naming the first field at fault, its rule and the value.
 */
export function parseConfig<S extends z.ZodObject>(
  op: string,
  schema: S,
  value: unknown,
): DeepReadonly<z.output<S>> {
  const result = schema.safeParse(value, { reportInput: true });
  if (!result.success) throw configError(op, schema, result.error.issues[0]);
  return deepFreeze(result.data) as DeepReadonly<z.output<S>>;
}

function configError(op: string, schema: z.ZodObject, issue: z.core.$ZodIssue): DomainError {
  const path = issue.path.join('.');
  const arg = path === '' ? 'config' : `config.${path}`;
  if (issue.code === 'unrecognized_keys') {
    const got = issue.keys.map((key) => `'${key}'`).join(', ');
    const fix = `Known: ${keysAt(schema, issue.path).join(', ')}.`;
    return new DomainError({ op, arg, expected: 'have known keys only', got, fix });
  }
  const got = typeof issue.input === 'number' ? String(issue.input) : JSON.stringify(issue.input);
  const expected = path === '' ? 'be an object of settings' : issue.message;
  return new DomainError({ op, arg, expected, got });
}

/** Keys of the object at a path of a schema. */
function keysAt(schema: z.ZodObject, path: readonly PropertyKey[]): string[] {
  let at: unknown = schema;
  for (const key of path) {
    at = at instanceof z.ZodObject ? at.shape[String(key)] : undefined;
    while (at instanceof z.ZodDefault || at instanceof z.ZodPrefault || at instanceof z.ZodNullable)
      at = at.unwrap();
  }
  return at instanceof z.ZodObject ? Object.keys(at.shape) : [];
}

function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value) as unknown[]) {
    if (typeof part === 'object' && part !== null) deepFreeze(part);
  }
  return Object.freeze(value);
}
