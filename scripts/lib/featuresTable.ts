import { BACKENDS, CAPABILITIES, DERIVED, SPECS } from '../../src/specs/capabilities.js';

/** The text of FEATURES.md: one row per op, one column per backend, reasons below. */
export function renderFeatures(): string {
  const rows = SPECS.map(({ op }) => {
    const states = BACKENDS.map((backend) => {
      const row = CAPABILITIES.find((entry) => entry.op === op && entry.backend === backend);
      return row?.state ?? 'unsupported';
    });
    return `| ${op} | ${states.join(' | ')} |`;
  });
  const reasons = CAPABILITIES.filter((row) => row.reason !== undefined).map(
    (row) => `- ${row.op} on ${row.backend}: ${row.state}; ${row.reason ?? ''}.`,
  );
  return [
    '# Features',
    '',
    'Generated from `src/specs/capabilities.ts` by `npm run features`; do not edit.',
    '',
    '- **kernel**: our own implementation for this backend.',
    '- **composed**: runs as a composition of the TensorFlow.js ops of the backend: same results to tolerance, slower.',
    '- **unsupported**: throws an UnsupportedError.',
    '',
    `| op | ${BACKENDS.join(' | ')} |`,
    `|---|${BACKENDS.map(() => '---').join('|')}|`,
    ...rows,
    '',
    ...(reasons.length === 0 ? [] : ['## Why an op is not a kernel', '', ...reasons, '']),
    '## On top of these ops',
    '',
    'These have no kernels of their own and run on every backend.',
    '',
    '| name | runs on | how |',
    '|---|---|---|',
    ...DERIVED.map(({ name, uses, how }) => `| ${name} | ${uses.join(', ')} | ${how} |`),
    '',
  ].join('\n');
}
