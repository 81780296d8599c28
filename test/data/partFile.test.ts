import { existsSync, lstatSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { columnsToRows, createRowWriter, partPath } from '../../src/data/index.js';
import { useTempFolder } from './files.js';

const files = useTempFolder();

describe('a writer whose part is kept', () => {
  it('goes on through a link, which stays one', async () => {
    const [target, link] = [files.path('real.csv'), files.path('link.csv')];
    writeFileSync(target, 'old\n');
    symlinkSync(target, link);
    const part = await partPath(link);
    expect(part).toBe(`${target}.part`);
    const options = { columns: ['a'], counter: 'row' } as const;
    const first = await createRowWriter(link, 'csv', { ...options, part: 'new' });
    await first.write(columnsToRows([[1, 2]]));
    await first.suspend();
    expect(readFileSync(part, 'utf8')).toBe('row,a\n0,1\n1,2\n');
    expect(readFileSync(target, 'utf8')).toBe('old\n');

    const second = await createRowWriter(link, 'csv', { ...options, part: 'continue' });
    expect(second.rows).toBe(2);
    await second.write(columnsToRows([[3]]));
    await second.close();
    expect(readFileSync(target, 'utf8')).toBe('row,a\n0,1\n1,2\n2,3\n');
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(existsSync(part)).toBe(false);
  });

  it.each(['csv', 'ndjson', 'npy'] as const)(
    'begins anew without a whole row: %s',
    async (format) => {
      const path = files.path(`torn.${format}`);
      writeFileSync(await partPath(path), 'ro');
      const writer = await createRowWriter(path, format, { columns: ['a'], part: 'continue' });
      expect(writer.rows).toBe(0);
      await writer.write(columnsToRows([[1]]));
      await writer.close();
      const whole = await createRowWriter(`${path}.2`, format, { columns: ['a'] });
      await whole.write(columnsToRows([[1]]));
      await whole.close();
      expect(readFileSync(path).equals(readFileSync(`${path}.2`))).toBe(true);
    },
  );
});
