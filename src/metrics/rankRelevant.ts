import { notANumber } from './distanceRows.js';
import type { DistanceRow } from './distanceRows.js';

/** How well a row of distances puts the relevant nodes first. */
export interface RelevantRanks {
  /** Sum over relevant nodes of their rank among the nodes that are not relevant, the best being 1. */
  readonly rankSum: number;
  readonly averagePrecision: number;
}

/** Ranks relevant nodes in rows of distances to n nodes; keeps its buffers from row to row. */
export class RelevantRanker {
  private readonly marks: Uint8Array;

  constructor(
    private readonly op: string,
    private readonly nodes: number,
    private readonly sign: 1 | -1,
  ) {
    this.marks = new Uint8Array(nodes);
  }

  /**
   * Rank the nodes `relevant` (at least one, each once, without the node itself) in a row.
   *
   * With t a relevant node's distance: its rank is 1 + (nodes nearer than t) + (nodes at t) / 2, over nodes
   * that are neither relevant nor the node itself; its precision is (relevant nodes at most at t) / (nodes
   * at most at t), so that equal distances count as found together.
   * @throws DomainError where a distance is NaN.
   */
  rank({ node, distances }: DistanceRow, relevant: Int32Array): RelevantRanks {
    const { marks, nodes, sign } = this;
    const limits = new Float64Array(relevant.length);
    for (let i = 0; i < relevant.length; i++) limits[i] = sign * distances[relevant[i]];
    limits.sort();
    const most = limits[limits.length - 1];
    marks[node] = 1;
    for (const other of relevant) marks[other] = 1;
    // Others by the first limit that is not below them: at it, or between the one before and it.
    const nearer = new Float64Array(limits.length);
    const level = new Float64Array(limits.length);
    let bad = -1;
    for (let j = 0; j < nodes; j++) {
      const distance = sign * distances[j];
      if (distance > most) continue;
      if (Number.isNaN(distance) && j !== node) bad = j;
      if (marks[j] !== 0) continue;
      const at = lowerBound(limits, distance);
      if (limits[at] === distance) level[at]++;
      else nearer[at]++;
    }
    marks[node] = 0;
    for (const other of relevant) marks[other] = 0;
    if (Number.isNaN(most)) bad = relevant.find((other) => Number.isNaN(distances[other])) ?? bad;
    if (bad >= 0) throw notANumber(this.op, node, bad);
    return collect(limits, nearer, level);
  }
}

function collect(limits: Float64Array, nearer: Float64Array, level: Float64Array): RelevantRanks {
  let rankSum = 0;
  let precisionSum = 0;
  let before = 0;
  for (let i = 0; i < limits.length;) {
    let end = i + 1;
    while (end < limits.length && limits[end] === limits[i]) end++;
    // Counts of a group of equal limits stand at its first.
    before += nearer[i];
    rankSum += (end - i) * (1 + before + level[i] / 2);
    before += level[i];
    precisionSum += ((end - i) * end) / (end + before);
    i = end;
  }
  return { rankSum, averagePrecision: precisionSum / limits.length };
}

/** First place whose limit is not below the value; the value is at most the last limit. */
function lowerBound(limits: Float64Array, value: number): number {
  let low = 0;
  let high = limits.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (limits[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
