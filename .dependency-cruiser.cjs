/**
 * Import direction: a folder may import only what stands to its left.
 * errors, numerics, util <- specs <- kernels/<backend>; specs <- ops <- neighbors, linalg, manifolds, metrics <- calibration, scorers, models;
 * ops <- train; train, data <- models; specs, ops <- verify; backends may start a backend's kernels/register; cli sees all.
 */
const BASE = '^src/(errors|numerics)\\.ts$|^src/util/';
/** Forbid imports inside src from `from` to anything but itself, the base and `allowed`. */
const only = (name, from, allowed) => ({
  name,
  severity: 'error',
  from: { path: from },
  to: { path: '^src/', pathNot: [BASE, from, ...allowed].join('|') },
});
module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-orphans', severity: 'error', from: { orphan: true, path: '^src/' }, to: {} },
    {
      name: 'declared-packages-only',
      severity: 'error',
      from: { path: '^src/' },
      // An optional peer is reported as npm-no-pkg besides npm-peer.
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['npm-peer'] },
    },
    {
      name: 'base-imports-nothing-above',
      severity: 'error',
      from: { path: BASE },
      to: { path: '^src/', pathNot: BASE },
    },
    only('specs', '^src/specs/', []),
    only('ops', '^src/ops/', ['^src/specs/']),
    only('neighbors', '^src/neighbors/', ['^src/specs/', '^src/ops/']),
    only('metrics', '^src/metrics/', ['^src/specs/', '^src/ops/']),
    only('calibration', '^src/calibration/', ['^src/metrics/']),
    only('scorers', '^src/scorers/', ['^src/(specs|ops|neighbors|metrics)/']),
    only('verify', '^src/verify/', ['^src/(specs|ops)/']),
    only('train', '^src/train/', ['^src/(specs|ops)/']),
    only('data', '^src/data/', []),
    only('models', '^src/models/', [
      '^src/(specs|ops|neighbors|linalg|manifolds|metrics|calibration|optim|train|data)/',
    ]),
    only('backends', '^src/backends/', ['^src/specs/', '^src/kernels/[^/]+/register\\.ts$']),
    ...['cpu', 'wasm', 'webgpu', 'tensorflow'].map((backend) =>
      only(`kernels-${backend}`, `^src/kernels/${backend}/`, [
        '^src/specs/',
        '^src/kernels/shared/',
      ]),
    ),
    {
      name: 'nothing-imports-cli-or-the-barrel',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/cli/' },
      to: { path: '^src/cli/|^src/index\\.ts$' },
    },
    {
      name: 'reference-imports-nothing-from-src',
      severity: 'error',
      from: { path: '^test/reference/' },
      to: { path: '^src/' },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^src/kernels/wasm/assembly/' },
  },
};
