import { Option } from 'commander';
import type { Command } from 'commander';
import { action, add, backendOption, dataDirOption, epochsOption } from './commandSetup.js';
import type { EmbedOptions } from './embed.js';
import { anyNumber, collect, integerFrom } from './settings.js';
import type { Streams } from './terminal.js';

const HELP = `
Geometries: lorentz (default; hyperboloid), poincare (ball), log-polar (tangents at the origin). The steps
are the same; what differs is how points are stored and rounded.

An edge list has a node and one of its ancestors (child, then parent) per line, with names or integers:
.tsv, .csv, or separated by spaces. An embedding shows what it was given: all ancestors of a node, not just
parents, put related nodes near each other. --closure adds them.

The run folder holds weights.safetensors (points [nodes, dim]), embedding.tsv (names and coordinates),
config.json, history.csv, metrics.json, and report.html, with a drawing for --dim 2. --json prints map,
meanRank, seconds, dim, nodes and edges: mean average precision (high = good) and mean rank (low = good,
1 is best) of the edges among all nodes.

Options of their own win over --set, --set wins over --config.

Examples:
  tfjs-latent embed --wordnet mammals --out runs/mammals
  tfjs-latent embed poincare --edges taxonomy.tsv --closure --dim 2 --out runs/taxonomy
  tfjs-latent embed --wordnet nouns --dim 10 --epochs 90 --lr 5 --set batchSize=50 --set negatives=10 \\
    --set burnInEpochs=2 --out runs/nouns
`;

export function addEmbed(program: Command, streams: Streams): void {
  add(program, streams, 'embed', 'place the nodes of a hierarchy in hyperbolic space')
    .argument('[geometry]', 'lorentz, poincare or log-polar')
    .option('--edges <file>', 'edge list to embed')
    .addOption(
      new Option('--wordnet <set>', 'closure of the hypernyms of WordNet').choices([
        'mammals',
        'nouns',
      ]),
    )
    .option('--closure', 'embed the transitive closure of --edges')
    .requiredOption('--out <dir>', 'run folder to write')
    .option('--dim <n>', 'numbers per point; default 5', integerFrom(1))
    .addOption(epochsOption())
    .option('--lr <number>', 'learning rate; default 0.5', anyNumber)
    .addOption(new Option('--seed <n>', 'seed of everything random').argParser(integerFrom(0)))
    .option('--config <file>', 'JSON file with settings of the model')
    .option('--set <key=value>', 'one setting; the value is JSON or text; repeatable', collect)
    .addOption(backendOption())
    .addOption(dataDirOption())
    .option('--overwrite', 'replace a run folder that exists')
    .option('--resume', 'go on with the run that was interrupted here')
    .option('--checkpoint-seconds <n>', 'at least so long between checkpoints', integerFrom(0), 30)
    .addHelpText('after', HELP)
    .action(
      action(streams, async ([geometry], options, context) => {
        const { embed } = await import('./embed.js');
        await embed(geometry, options as EmbedOptions, context);
      }),
    );
}
