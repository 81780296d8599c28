import type { RowNode, RowProgram } from './graph.js';

/**
 * One pass over the features of a row: what it adds up and writes, and the scalars that can be computed
 * when it has ended.
 */
export interface RowPass {
  /** Row-level nodes that the pass computes at every feature, in order. */
  readonly features: readonly number[];
  readonly reductions: readonly number[];
  /** Numbers of the outputs that it writes, feature by feature. */
  readonly outputs: readonly number[];
  /** Scalar nodes after the pass, in order. */
  readonly scalars: readonly number[];
}

export interface RowSchedule {
  /** Scalar nodes that need no pass. */
  readonly first: readonly number[];
  readonly passes: readonly RowPass[];
}

/** Order of a program's work: as few passes over the features as its reductions allow. */
export function scheduleOf(program: RowProgram): RowSchedule {
  const { nodes, outputs } = program;
  const stages: number[] = [];
  for (const node of nodes) {
    const stage = Math.max(0, ...node.args.map((arg) => stages[arg]));
    stages.push(node.kind === 'reduce' ? stage + 1 : stage);
  }
  const isRow = (id: number): boolean => nodes[id].level === 'row';
  const rowOutputs = outputs.flatMap(({ level }, i) => (level === 'row' ? [i] : []));
  const count = Math.max(
    0,
    ...nodes.map((node, id) => (node.kind === 'reduce' ? stages[id] : 0)),
    ...rowOutputs.map((i) => stages[outputs[i].node] + 1),
  );
  const scalarsAt = (stage: number): number[] =>
    nodes.flatMap((node, id) =>
      node.level === 'scalar' && node.kind !== 'reduce' && stages[id] === stage ? [id] : [],
    );
  const passes = Array.from({ length: count }, (_, p): RowPass => {
    const reductions = nodes.flatMap((node, id) =>
      node.kind === 'reduce' && stages[id] === p + 1 ? [id] : [],
    );
    const written = rowOutputs.filter((i) => stages[outputs[i].node] === p);
    const wanted = new Set<number>();
    const want = (id: number): void => {
      if (!isRow(id) || wanted.has(id)) return;
      wanted.add(id);
      nodes[id].args.forEach(want);
    };
    reductions.forEach((id) => {
      nodes[id].args.forEach(want);
    });
    written.forEach((i) => {
      want(outputs[i].node);
    });
    return {
      features: [...wanted].sort((a, b) => a - b),
      reductions,
      outputs: written,
      scalars: scalarsAt(p + 1),
    };
  });
  return { first: scalarsAt(0), passes };
}

/** The argument of a reduction that runs over the features. */
export function reducedArgument(node: Extract<RowNode, { kind: 'reduce' }>): number {
  return node.args[node.args.length - 1];
}
