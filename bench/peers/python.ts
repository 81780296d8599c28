import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encodeNpy } from '../../src/data/npyWrite.js';
import { checkNeighbours } from '../check.js';
import type { TrueNeighbours } from '../check.js';
import type { HostRows } from '../data.js';
import type { NotRun, OutsideTimes } from '../harness.js';

/** Settings for the OpenBLAS of another machine. */
const FOREIGN = ['OPENBLAS_CORETYPE', 'OPENBLAS_L2_SIZE'];
const script = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const PEERS = 'peers.py';
/** Peers of peers.py, by the names it takes. */
const SUBJECTS = {
  sklearn: 'scikit-learn brute',
  faiss: 'faiss-cpu IndexFlatL2',
  torch: 'torch.cdist + topk (CUDA)',
  cuvs: 'cuVS brute_force (CUDA)',
} as const;
export type PythonSubject = keyof typeof SUBJECTS;

interface Answer {
  readonly timed: readonly (OutsideTimes & {
    readonly distances: readonly number[];
    readonly indices: readonly number[];
  })[];
  readonly missing: readonly NotRun[];
  readonly versions: Readonly<Record<string, string>>;
  readonly ceilings?: { readonly gflops: number; readonly gbytes: number };
}

export interface PythonRequest {
  readonly queries: HostRows;
  readonly points: HostRows;
  readonly k: number;
  /** In scikit-learn's spelling. */
  readonly metric: string;
  readonly threads: number;
  readonly subjects: readonly PythonSubject[];
  /** Euclidean neighbours of the first queries; undefined for another metric. */
  readonly want: TrueNeighbours | undefined;
}

/** How the Python that runs the peers was asked for. */
export interface PythonPeers {
  readonly python: string | undefined;
  readonly how: string;
}

const HOW =
  'no Python given; make one with "python3 -m venv .build/peers && .build/peers/bin/pip install numpy ' +
  'scikit-learn faiss-cpu" and pass --python .build/peers/bin/python or set TFJS_LATENT_PYTHON';

/** The Python of the command line or of the environment. */
export function findPython(option: string | undefined): PythonPeers {
  return { python: option ?? process.env.TFJS_LATENT_PYTHON, how: HOW };
}

/** Run a script on a request. @throws Error with its last words. */
export function askPython(python: string, name: string, request: object): unknown {
  const folder = mkdtempSync(join(tmpdir(), 'latent-peers-'));
  try {
    const path = join(folder, 'request.json');
    writeFileSync(path, JSON.stringify(request));
    const own = Object.entries(process.env).filter(([name]) => !FOREIGN.includes(name));
    const env = Object.fromEntries(own);
    const done = spawnSync(python, [script(name), path], {
      encoding: 'utf8',
      env,
      maxBuffer: 2 ** 28,
    });
    if (done.error !== undefined) throw done.error;
    if (done.status !== 0)
      throw new Error(done.stderr.trim().split('\n').pop() ?? `${name} failed`);
    return JSON.parse(done.stdout) as unknown;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Time the Python peers on the same rows. */
export function timePython(
  { python, how }: PythonPeers,
  request: PythonRequest,
  budgetMs: number,
): { readonly timed: OutsideTimes[]; readonly notRun: NotRun[] } {
  const names = request.subjects.map((name) => SUBJECTS[name]);
  if (python === undefined) {
    return { timed: [], notRun: names.map((subject) => ({ subject, reason: how })) };
  }
  const folder = mkdtempSync(join(tmpdir(), 'latent-rows-'));
  try {
    const write = (name: string, { data, rows, d }: HostRows): string => {
      const path = join(folder, name);
      writeFileSync(path, encodeNpy(data, [rows, d]));
      return path;
    };
    const { k, metric, threads, subjects, want } = request;
    const answer = askPython(python, PEERS, {
      queries: write('queries.npy', request.queries),
      points: write('points.npy', request.points),
      k,
      metric,
      threads,
      subjects,
      budget: budgetMs / 1000,
      rows: want?.rows ?? 1,
    }) as Answer;
    return judged(answer, want);
  } catch (error) {
    const reason = `failed: ${error instanceof Error ? error.message : String(error)}`;
    return { timed: [], notRun: names.map((subject) => ({ subject, reason })) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** An epoch of a SAGE network in PyTorch, see bench/training.bench.ts. */
export interface TrainingRequest {
  readonly kind: 'dense' | 'conv';
  readonly batches: number;
  readonly batch: number;
  readonly device: 'cpu' | 'cuda';
  /** undefined: as many as PyTorch takes by itself. */
  readonly threads: number | undefined;
}

/** Time PyTorch on the same network. */
export function timeTraining(
  { python, how }: PythonPeers,
  { threads, ...train }: TrainingRequest,
  budgetMs: number,
): { readonly timed: OutsideTimes[]; readonly notRun: NotRun[] } {
  const subject = train.device === 'cpu' ? 'PyTorch (CPU)' : 'PyTorch (CUDA)';
  if (python === undefined) return { timed: [], notRun: [{ subject, reason: how }] };
  try {
    const request = { train, threads: threads ?? null, budget: budgetMs / 1000 };
    const answer = askPython(python, PEERS, request) as Answer;
    return { timed: [...answer.timed], notRun: [...answer.missing] };
  } catch (error) {
    const reason = `failed: ${error instanceof Error ? error.message : String(error)}`;
    return { timed: [], notRun: [{ subject, reason }] };
  }
}

/** Peers whose neighbours are right, and the others with the reason. */
function judged(
  { timed, missing }: Answer,
  want: TrueNeighbours | undefined,
): { readonly timed: OutsideTimes[]; readonly notRun: NotRun[] } {
  const notRun = [...missing];
  const right = timed.filter((peer) => {
    if (want === undefined) return true;
    try {
      checkNeighbours(peer, want, false);
      return true;
    } catch (error) {
      notRun.push({ subject: peer.subject, reason: error instanceof Error ? error.message : '' });
      return false;
    }
  });
  return { timed: right.map(({ subject, items, times }) => ({ subject, items, times })), notRun };
}

/** Ceilings of the machine as numpy reaches them, and versions of the peers. */
export function pythonCeilings({ python }: PythonPeers, threads: number): Answer | undefined {
  if (python === undefined) return undefined;
  return askPython(python, PEERS, { ceilings: true, threads }) as Answer;
}
