import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { loadArtifacts, saveArtifacts } from '../data/index.js';
import { DataError } from '../errors.js';
import type { TrainSnapshot } from '../models/index.js';
import { packSnapshot, unpackSnapshot } from '../train/index.js';
import type { Json } from '../util/artifacts.js';
import { differingKeys } from './identity.js';
import type { HistoryRow } from './report/data.js';

const FORMAT_VERSION = 1;

/** What must be equal for one run to be the continuation of another. */
export interface RunIdentity {
  readonly model: string;
  readonly settings: { readonly [key: string]: Json };
  readonly data: string;
  /** Spec of the conditions, of a model that takes them. */
  readonly condition?: string;
  /** sha256 of the rows, targets and conditions that are trained on. */
  readonly rows: string;
}

export interface CheckpointOptions {
  /** Continue what is there. */
  readonly resume: boolean;
  /** Begin anew although something is there. */
  readonly overwrite: boolean;
  /** The command, for errors. */
  readonly op: string;
}

/** The folder beside a run's own that holds its checkpoint until the run is complete. */
export function checkpointFolder(out: string): string {
  return `${out.replace(/[/\\]+$/, '')}.checkpoint`;
}

/**
 * Find out before the work starts whether it may begin.
 * @throws DataError when an interrupted run left a checkpoint and the user said neither to go on with it
 * nor to begin anew.
 */
export function checkCheckpoint(out: string, { resume, overwrite, op }: CheckpointOptions): void {
  const folder = checkpointFolder(out);
  if (resume || overwrite || !existsSync(folder)) return;
  throw new DataError({
    op,
    arg: folder,
    expected: 'not exist when a run begins',
    got: 'the checkpoint of an interrupted run',
    fix: 'Add --resume to go on with it, or --overwrite to begin anew.',
  });
}

export interface Resumed {
  readonly snapshot: TrainSnapshot;
  readonly history: readonly HistoryRow[];
}

/** A setting that was another one up to a step: facts of a run that its settings do not tell. */
export interface SettingChange {
  readonly setting: string;
  readonly from: Json;
  readonly to: Json;
  readonly afterStep: number;
}

/** The checkpoint of one run. */
export class RunCheckpoint {
  readonly folder: string;
  /** What was changed when the run went on, in order. */
  changes: readonly SettingChange[] = [];
  private saved = false;

  /** @param changeable Settings with which a run may go on in another way than it began. */
  constructor(
    out: string,
    private readonly identity: RunIdentity,
    private readonly op: string,
    private readonly changeable: readonly string[] = [],
  ) {
    this.folder = checkpointFolder(out);
  }

  /** Whether there is a checkpoint to go on with. */
  get exists(): boolean {
    return this.saved || existsSync(this.folder);
  }

  /**
   * What an interrupted run left.
   * @throws DataError when it was another run: other settings, data or version.
   */
  async load(): Promise<Resumed> {
    const { config, arrays, model, formatVersion } = await loadArtifacts(this.folder);
    const {
      identity,
      history,
      snapshot,
      changes = [],
    } = config as unknown as {
      readonly identity: RunIdentity;
      readonly history: HistoryRow[];
      readonly snapshot: { readonly [key: string]: Json };
      readonly changes?: SettingChange[];
    };
    if (model !== `${this.identity.model}.checkpoint` || formatVersion !== FORMAT_VERSION) {
      throw this.foreign(`a checkpoint of ${model}, version ${formatVersion}`);
    }
    const { settings, others } = differences(this.identity, identity);
    const foreign = settings.filter((key) => !this.changeable.includes(key));
    const differing = [...foreign.map((key) => `setting ${key}`), ...others];
    if (differing.length > 0) throw this.foreign(`another ${differing.join(', ')}`);
    const unpacked = unpackSnapshot(snapshot, arrays);
    const { settings: now } = this.identity;
    const changed = settings.map((setting): SettingChange => {
      return {
        setting,
        from: identity.settings[setting],
        to: now[setting],
        afterStep: unpacked.steps,
      };
    });
    this.changes = [...changes, ...changed];
    return { snapshot: unpacked, history };
  }

  /** Put a checkpoint in the place of the one before; it appears complete or not at all. */
  async save(snapshot: TrainSnapshot, history: readonly HistoryRow[]): Promise<void> {
    const { config, arrays } = packSnapshot(snapshot);
    // Plain numbers and texts.
    const { identity, changes } = this;
    const facts = { identity, history, snapshot: config, changes } as unknown as {
      [key: string]: Json;
    };
    const model = `${this.identity.model}.checkpoint`;
    const artifacts = { model, formatVersion: FORMAT_VERSION, config: facts, arrays };
    await saveArtifacts(this.folder, artifacts, { overwrite: true });
    this.saved = true;
  }

  /** The run is complete. */
  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  private foreign(got: string): DataError {
    return new DataError({
      op: this.op,
      arg: this.folder,
      expected: 'be the checkpoint of this run',
      got,
      fix: 'Give the command of the interrupted run with --resume, or --overwrite to begin anew.',
    });
  }
}

/** Names of what differs; settings one by one. */
function differences(
  want: RunIdentity,
  got: RunIdentity,
): { readonly settings: readonly string[]; readonly others: readonly string[] } {
  const names = Object.keys({ ...want.settings, ...got.settings });
  const settings = differingKeys(want.settings, got.settings, names);
  return { settings, others: differingKeys(want, got, ['data', 'condition', 'rows']) };
}
