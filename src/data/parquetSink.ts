import { createReadStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import type { SchemaElement } from 'hyparquet-writer';
import { withFileErrors } from './fileErrors.js';
import { PartFile, partPath } from './partFile.js';
import { fromRecords, recordBytes } from './rowRecords.js';
import type { RowSink } from './rowSink.js';

const OP = 'write';

/** Rows of a group: 3 MiB with six columns, and little to hold while it fills. */
export const GROUP_ROWS = 1 << 17;

/** What a parquet file says of its columns. */
export interface ParquetColumns {
  readonly columns: readonly string[];
  /** Name of a first column with the number of the row, as int64. */
  readonly counter: string | undefined;
}

/** Turns records into the bytes of a parquet file, group by group. */
class ParquetEncoder {
  private readonly bytes = new ByteWriter(1 << 16);
  private readonly writer: ParquetWriter;

  constructor(private readonly about: ParquetColumns) {
    const required = { repetition_type: 'REQUIRED' } as const;
    const counter: SchemaElement[] =
      about.counter === undefined ? [] : [{ name: about.counter, type: 'INT64', ...required }];
    const columns = about.columns.map((name): SchemaElement => ({
      name,
      type: 'FLOAT',
      ...required,
    }));
    const leaves = [...counter, ...columns];
    this.writer = new ParquetWriter({
      writer: this.bytes,
      schema: [{ name: 'root', num_children: leaves.length }, ...leaves],
      createdBy: 'tfjs-latent',
    });
  }

  /** The bytes of one group of rows. */
  async group(records: Uint8Array): Promise<Uint8Array> {
    const { counter, columns: names } = this.about;
    const { numbers, columns } = fromRecords(records, names.length);
    await this.writer.write({
      columnData: [
        ...(counter === undefined ? [] : [{ name: counter, data: numbers }]),
        ...names.map((name, c) => ({ name, data: columns[c] })),
      ],
      rowGroupSize: numbers.length,
    });
    return this.take();
  }

  /** The bytes after the last group. */
  async end(): Promise<Uint8Array> {
    await this.writer.finish();
    return this.take();
  }

  private take(): Uint8Array {
    const taken = this.bytes.getBytes().slice();
    this.bytes.index = 0;
    return taken;
  }
}

/** Gathers records to groups and hands their bytes on. */
class GroupedRecords {
  private readonly encoder: ParquetEncoder;
  private readonly held: Uint8Array;
  private filled = 0;

  constructor(
    about: ParquetColumns,
    private readonly write: (bytes: Uint8Array) => Promise<void>,
  ) {
    this.encoder = new ParquetEncoder(about);
    this.held = new Uint8Array(GROUP_ROWS * recordBytes(about.columns.length));
  }

  async append(records: Uint8Array): Promise<void> {
    for (let at = 0; at < records.length;) {
      const some = records.subarray(at, at + this.held.length - this.filled);
      this.held.set(some, this.filled);
      this.filled += some.length;
      at += some.length;
      if (this.filled === this.held.length) await this.flush();
    }
  }

  async end(): Promise<void> {
    if (this.filled > 0) await this.flush();
    await this.write(await this.encoder.end());
  }

  private async flush(): Promise<void> {
    await this.write(await this.encoder.group(this.held.subarray(0, this.filled)));
    this.filled = 0;
  }
}

/** Takes records and writes a parquet file to another sink as its groups fill. */
export class ParquetSink implements RowSink {
  private grouped: GroupedRecords | undefined;

  constructor(private readonly inner: RowSink) {}

  get isStopped(): boolean {
    return this.inner.isStopped;
  }

  describe(about: ParquetColumns): void {
    this.grouped ??= new GroupedRecords(about, (bytes) => this.inner.append(bytes));
  }

  async append(records: string | Uint8Array): Promise<void> {
    if (typeof records !== 'string') await this.grouped?.append(records);
  }

  patch(): Promise<void> {
    throw new Error('a parquet file is not written twice');
  }

  async commit(): Promise<void> {
    try {
      await this.grouped?.end();
    } catch (error) {
      await this.inner.abort();
      throw error;
    }
    await this.inner.commit();
  }

  async abort(): Promise<void> {
    await this.inner.abort();
  }
}

/**
 * Takes records, of which an interrupted run leaves the whole ones in the part: a parquet file itself
 * cannot be continued. The file is made from them at the end, and the part goes when it is complete.
 */
export class ParquetPart implements RowSink {
  readonly isStopped = false;
  private about: ParquetColumns | undefined;

  private constructor(
    private readonly target: string,
    private readonly part: string,
    private readonly records: PartFile,
  ) {}

  /** @param length Bytes of an existing part to keep; 0 begins anew. */
  static async open(path: string, length: number): Promise<ParquetPart> {
    const part = await partPath(path);
    const records = await PartFile.open(path, length);
    return new ParquetPart(records.path, part, records);
  }

  describe(about: ParquetColumns): void {
    this.about = about;
  }

  async append(records: string | Uint8Array): Promise<void> {
    await this.records.append(records);
  }

  patch(): Promise<void> {
    throw new Error('a parquet file is not written twice');
  }

  async commit(): Promise<void> {
    await this.records.suspend();
    const { about } = this;
    if (about === undefined) throw new Error('a parquet file needs names of its columns');
    // Next to the part, so that an interrupted end leaves nothing that the next one does not replace.
    const whole = `${this.part}.whole`;
    try {
      await withFileErrors(OP, this.target, () => convert(this.part, whole, about));
      await withFileErrors(OP, this.target, () => rename(whole, this.target));
    } catch (error) {
      await rm(whole, { force: true });
      throw error;
    }
    await rm(this.part, { force: true });
  }

  async suspend(): Promise<void> {
    await this.records.suspend();
  }

  async abort(): Promise<void> {
    await this.records.abort();
  }
}

async function convert(part: string, whole: string, about: ParquetColumns): Promise<void> {
  const file = await open(whole, 'w');
  try {
    const grouped = new GroupedRecords(about, (bytes) => file.writeFile(bytes));
    for await (const chunk of createReadStream(part, { highWaterMark: 1 << 20 })) {
      await grouped.append(chunk as Uint8Array);
    }
    await grouped.end();
    await file.datasync();
  } finally {
    await file.close();
  }
}
