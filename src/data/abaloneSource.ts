import { DataError } from '../errors.js';
import { csvRecords } from './csvRecords.js';
import { parseNumber } from './csvSource.js';
import type { RowBlock, RowSource } from './rowSource.js';

const OP = 'abalone';

/** Values of the first column; each becomes a column of zeros and ones, in this order. */
const SEXES = ['M', 'F', 'I'];

/** Length, diameter, height, whole, shucked, viscera and shell weight, in the file's units. */
const MEASUREMENTS = 7;

const FEATURES = SEXES.length + MEASUREMENTS;

/**
 * UCI Abalone: sex (M, F, infant) as three columns and seven measurements; the target is the number
 * of rings, a real number. Nothing is standardised: that is the model's affair.
 * @throws DataError at the first line that is not as on the UCI site.
 */
export function abaloneSource(path: string, source: string): RowSource {
  async function* blocks(blockRows: number, signal?: AbortSignal): AsyncGenerator<RowBlock> {
    let values: number[] = [];
    let rings: number[] = [];
    const take = (): RowBlock => ({
      x: Float32Array.from(values),
      count: rings.length,
      rowShape: [FEATURES],
      y: Float64Array.from(rings),
    });
    for await (const { cells, line } of csvRecords(path, signal)) {
      const sex = SEXES.indexOf(cells[0]);
      const numbers = cells.slice(1).map(parseNumber);
      const known = numbers.filter((value) => value !== undefined);
      if (sex < 0 || cells.length !== MEASUREMENTS + 2 || known.length < numbers.length) {
        throw new DataError({
          op: OP,
          arg: path,
          expected: `hold a sex (${SEXES.join(', ')}) and ${MEASUREMENTS + 1} numbers in line ${line}`,
          got: `'${cells.join(',').slice(0, 60)}'`,
          fix: 'Use abalone.data from the UCI site as it is.',
        });
      }
      for (let i = 0; i < SEXES.length; i++) values.push(i === sex ? 1 : 0);
      values.push(...known.slice(0, MEASUREMENTS));
      rings.push(known[MEASUREMENTS]);
      if (rings.length === blockRows) {
        yield take();
        values = [];
        rings = [];
      }
    }
    if (rings.length > 0) yield take();
  }
  return { name: 'abalone', source, targets: { kind: 'real', where: path }, blocks };
}
