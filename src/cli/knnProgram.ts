import { Option } from 'commander';
import type { Command } from 'commander';
import { DomainError } from '../errors.js';
import { METRICS } from '../specs/metric.js';
import { MODES } from '../specs/metricForm.js';
import { SPECS_HELP, action, add, backendOption, dataDirOption } from './commandSetup.js';
import type { KnnCommandOptions, KnnMergeOptions } from './knn.js';
import { anyNumber, integerFrom, shardOf } from './settings.js';
import type { Streams } from './terminal.js';

function formatOption(): Option {
  const option = new Option('--format <name>', 'default: by the name of --output');
  return option.choices(['npz', 'csv', 'ndjson']);
}

const KNN_HELP = `
Metrics: ${METRICS.join(', ')}
  and l1 = manhattan = cityblock, l2 = euclidean, linf = chebyshev, lp = minkowski, dot = ip = innerProduct.

Output: .npz holds float32 distances and int32 indices [queries, k] (numpy.load) and knn.json about the
search; .csv has the columns query, rank, index, distance; .ndjson one object per query. Neighbours are
sorted by (distance, index); innerProduct descending. Empty slots hold index -1 (npz) or are left out.

References are read in blocks and may be larger than memory; queries are held in memory. Shards of one
search may run on different machines; merged, they are the result of one search to the bit (mode exact).

Examples:
  tfjs-latent knn --queries q.npy --references r.npy --k 10 --output nn.npz
  tfjs-latent knn --queries x.npy --references x.npy --exclude-self --metric cosine --output nn.csv
  tfjs-latent knn --queries q.npy --references r.npy --shard 1/2 --output part1.npz
  tfjs-latent knn merge part1.npz part2.npz --output nn.npz
`;

const MERGE_HELP = `
Of the options of knn, --output and --format apply; the parts say what was searched.

Example:
  tfjs-latent knn merge part1.npz part2.npz --output nn.npz
`;

/** `knn`, and `knn merge` below it. */
export function addKnn(program: Command, streams: Streams): void {
  // The required options are checked by the command: commander would ask `knn merge` for them too.
  const knn = add(program, streams, 'knn', 'exact nearest neighbours of rows among rows')
    .option('--queries <spec>', 'rows to find neighbours of (required)')
    .option('--references <spec>', 'rows to find them among (required)')
    .option('--output <file>', '.npz, .csv or .ndjson; "-" prints CSV (required)')
    .option('--k <n>', 'neighbours per query', integerFrom(1), 10)
    .option('--metric <name>', 'see below', 'euclidean')
    .option('--p <number>', 'power of minkowski', anyNumber)
    .option('--c <number>', 'curvature of poincare and lorentz is -c', anyNumber)
    .option('--vi <file>', 'inverse covariance of mahalanobis, e.g. an .npy file [d, d]')
    .option('--variances <file>', 'variances of seuclidean, e.g. an .npy file [1, d]')
    .option('--exclude-self', 'query i is reference i, which it does not get')
    .addOption(
      new Option('--mode <name>', 'how neighbours are found').choices([...MODES]).default('exact'),
    )
    .option('--shard <i/n>', 'search only part i of n of the references, for knn merge', shardOf)
    .option('--pad', 'allow k above the number of references')
    .addOption(formatOption())
    .option('--block-rows <n>', 'references read at a time; default: 8 MiB', integerFrom(1))
    .addOption(backendOption())
    .addOption(dataDirOption())
    .addHelpText('after', `${KNN_HELP}${SPECS_HELP}`)
    .action(
      action(streams, async (_, options, context) => {
        const { knnCommand } = await import('./knn.js');
        await knnCommand(options as KnnCommandOptions, context);
      }),
    );
  add(knn, streams, 'merge', 'join the neighbours of all shards')
    .argument('<parts...>', '.npz files that knn --shard wrote')
    .addHelpText('after', MERGE_HELP)
    .action(
      action(streams, async (parts, _, context) => {
        const { knnMerge } = await import('./knn.js');
        await knnMerge(parts, mergeOptions(knn), context);
      }),
    );
}

/**
 * Options of `knn merge`. commander gives options that `knn` has to `knn`, wherever they stand, so they
 * are taken from there, and what only `knn` uses is refused.
 */
function mergeOptions(knn: Command): KnnMergeOptions {
  for (const option of knn.options) {
    const name = option.attributeName();
    const isGiven = knn.getOptionValueSource(name) === 'cli';
    if (!isGiven || name === 'output' || name === 'format') continue;
    throw new DomainError({
      op: 'knn merge',
      arg: option.long ?? name,
      expected: 'be left out, as the parts say what was searched',
      got: 'a value',
    });
  }
  return knn.opts<KnnMergeOptions>();
}
