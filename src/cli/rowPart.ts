import { existsSync } from 'node:fs';
import { readFile, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeFileAtomic } from '../data/index.js';
import { DataError, DomainError, ShapeError } from '../errors.js';
import type { Artifacts } from '../util/artifacts.js';
import { differingKeys, digestOf } from './identity.js';

/** What must be equal for one run of rows to be the continuation of another. */
export interface RowsIdentity {
  /** sha256 of the model's arrays. */
  readonly model: string;
  readonly input: string;
  readonly condition?: string;
  readonly format: string;
  readonly columns: readonly string[];
  /** Whether bad rows are left out. */
  readonly onError: string;
}

/** sha256 of all arrays of a model. */
export function modelDigest({ arrays }: Artifacts): string {
  return digestOf(
    Object.keys(arrays)
      .sort()
      .map((name) => arrays[name].data),
  );
}

const factsName = (part: string): string => `${part}.json`;

/** Whether the output is a file of its own, of which a part can be kept: no pipe and no device. */
export async function canBeKept(output: string): Promise<boolean> {
  // Where the folder is missing, the writer says so.
  if (output === '-' || !existsSync(dirname(output))) return false;
  return !existsSync(output) || (await stat(output)).isFile();
}

/**
 * Find out before anything is computed whether the work may begin, and how.
 * @param op The command. @param part Where the finished part of the output stands.
 * @returns How the writer is to be opened.
 * @throws DataError when a part is there and was not asked for, or belongs to other work.
 */
export async function openPart(
  op: string,
  part: string,
  identity: RowsIdentity,
  resume: boolean,
): Promise<'new' | 'continue'> {
  const facts = factsName(part);
  const isThere = existsSync(part) && existsSync(facts);
  if (isThere && !resume) {
    throw new DataError({
      op,
      arg: part,
      expected: `not exist when ${op} begins`,
      got: 'the finished part of an interrupted run',
      fix: 'Add --resume to go on after it, or remove it.',
    });
  }
  if (isThere) {
    const before = JSON.parse(await readFile(facts, 'utf8')) as RowsIdentity;
    const other = differingKeys(identity, before, [
      'model',
      'input',
      'condition',
      'format',
      'columns',
      'onError',
    ]);
    if (other.length > 0) {
      throw new DataError({
        op,
        arg: part,
        expected: 'be the finished part of this work',
        got: `one of another ${other.join(', ')}`,
        fix: 'Give the command of the interrupted run with --resume, or remove the part.',
      });
    }
    return 'continue';
  }
  await writeFileAtomic(facts, `${JSON.stringify(identity, null, 2)}\n`);
  return 'new';
}

/** The output is complete, or the part is not worth keeping. */
export async function removeFacts(part: string): Promise<void> {
  await rm(factsName(part), { force: true });
}

/** Whether the rows that were done before an error are worth keeping: not where the input is bad. */
export function isWorthKeeping(error: unknown): boolean {
  return !(error instanceof DomainError || error instanceof ShapeError);
}
