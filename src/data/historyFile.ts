import { open, readFile } from 'node:fs/promises';
import { writeFileAtomic } from './atomicFile.js';
import { systemCode, withFileErrors } from './fileErrors.js';

const OP = 'write';

/** One epoch: its number and whatever is measured in it. */
export type HistoryLine = Readonly<Record<string, number | string>> & { readonly epoch: number };

/** CSV without quoting: names and values here have neither commas nor line ends. */
function formatLine(cells: readonly (number | string)[]): string {
  return `${cells.map((cell) => String(cell).replace(/[",\r\n]/g, ' ')).join(',')}\n`;
}

/**
 * A history of training as CSV, one line per epoch, that can be read while training goes on. A line is
 * appended and flushed; when it has a new column, the whole file is replaced by a new one, which appears
 * complete or not at all. A crash can therefore cut off the last line at most, and opening the file again
 * removes it.
 * @example
 * const file = await HistoryFile.open('history.csv', { keep: resume?.history?.length ?? 0 });
 * await trainLoop({ ...options, onEpochEnd: ({ epoch, loss }) => file.append({ epoch, loss }) });
 */
export class HistoryFile {
  private constructor(
    readonly path: string,
    private columns: readonly string[],
    private lines: readonly (readonly string[])[],
  ) {}

  /**
   * Begin a file, or go on with one.
   * @param options.keep Epochs to keep of what is there: lines of later epochs, and a line that was cut off,
   * are removed, so that training which goes on from a checkpoint repeats none. Default 0.
   * @throws DataError when the file cannot be read or written.
   */
  static async open(path: string, { keep = 0 } = {}): Promise<HistoryFile> {
    const { columns, lines } = keep === 0 ? NOTHING : await readHistory(path);
    const epoch = columns.indexOf('epoch');
    const kept = epoch < 0 ? [] : lines.filter((line) => Number(line[epoch]) <= keep);
    const file = new HistoryFile(path, kept.length === 0 ? [] : columns, kept);
    await file.rewrite();
    return file;
  }

  /** Add a line. @throws DataError when the disk is full or read-only. */
  async append(line: HistoryLine): Promise<void> {
    const added = Object.keys(line).filter((name) => !this.columns.includes(name));
    this.columns = [...this.columns, ...added];
    const cells = this.columns.map((name) => String(line[name] ?? ''));
    this.lines = [...this.lines, cells];
    if (added.length > 0) await this.rewrite();
    else await withFileErrors(OP, this.path, () => appendFlushed(this.path, formatLine(cells)));
  }

  private async rewrite(): Promise<void> {
    const width = this.columns.length;
    const padded = this.lines.map((line) => Array.from({ length: width }, (_, i) => line[i] ?? ''));
    const all = width === 0 ? [] : [this.columns, ...padded];
    await writeFileAtomic(this.path, all.map(formatLine).join(''));
  }
}

const NOTHING = { columns: [] as string[], lines: [] as string[][] };

/** Complete lines of a file; nothing when there is no file. */
async function readHistory(path: string): Promise<typeof NOTHING> {
  const text = await withFileErrors(OP, path, () =>
    readFile(path, 'utf8').catch((error: unknown) => {
      if (systemCode(error) === 'ENOENT') return '';
      throw error;
    }),
  );
  // What follows the last line end was cut off.
  const [header, ...lines] = text.split('\n').slice(0, -1);
  if ((header as string | undefined) === undefined) return NOTHING;
  return { columns: header.split(','), lines: lines.map((line) => line.split(',')) };
}

async function appendFlushed(path: string, text: string): Promise<void> {
  const file = await open(path, 'a');
  try {
    await file.writeFile(text);
    await file.datasync();
  } finally {
    await file.close();
  }
}
