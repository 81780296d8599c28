import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { DataError } from '../../errors.js';
import { firstLine } from '../runtime.js';

/** A libtensorflow with its C headers. */
export interface TensorflowLibrary {
  /** Files to link, absolute. */
  readonly files: readonly string[];
  /**
   * CUDA libraries beside it. TensorFlow opens them by name when it starts; linked to the binding, they
   * are loaded before, wherever they lie.
   */
  readonly preloaded: readonly string[];
  /** Folder that holds tensorflow/c/c_api.h. */
  readonly include: string;
  /** Folders in which the loader looks for these files and for what they load (CUDA). */
  readonly searchPath: readonly string[];
  /** Version, where the source tells it. */
  readonly version: string | undefined;
  /** Where it was found, for people to read. */
  readonly source: string;
}

export const SETUP_OP = 'setup tensorflow';

const WHEEL_FIX =
  'Run: python3 -m venv .venv && .venv/bin/pip install tensorflow-cpu (for CUDA: "tensorflow[and-cuda]"), ' +
  'then: tfjs-latent setup tensorflow --python .venv/bin/python.';

const HEADER = 'tensorflow/c/c_api.h';
/** The two parts of libtensorflow: as wheels name them, and as the C library's archives do. */
const PARTS = [
  /^libtensorflow(_cc)?\.so(\.\d+)*$/,
  /^libtensorflow_framework\.so(\.\d+)*$/,
] as const;

/** A library in a folder: an unpacked libtensorflow archive (or its lib), or a wheel's package. */
export function libraryAt(folder: string): TensorflowLibrary {
  const root = path.resolve(folder);
  const homes = [root, path.join(root, 'lib')];
  const home = homes.find((dir) => existsSync(dir) && partsIn(dir) !== undefined);
  const files = home === undefined ? undefined : partsIn(home);
  if (home === undefined || files === undefined) {
    throw new DataError({
      op: SETUP_OP,
      arg: '--lib',
      expected: 'be a folder with libtensorflow (or libtensorflow_cc) and libtensorflow_framework',
      got: existsSync(root) ? root : `${root}, which does not exist`,
      fix: WHEEL_FIX,
    });
  }
  const includes = [path.join(home, 'include'), path.join(home, '..', 'include')];
  const include = includes.find((dir) => existsSync(path.join(dir, HEADER)));
  if (include === undefined) {
    throw new DataError({
      op: SETUP_OP,
      arg: '--lib',
      expected: `have the headers beside it (include/${HEADER})`,
      got: `${home} without ${includes.join(' and ')}`,
      fix: WHEEL_FIX,
    });
  }
  return { files, preloaded: [], include, searchPath: [home], version: undefined, source: home };
}

function partsIn(folder: string): string[] | undefined {
  const names = readdirSync(folder).sort();
  const files = PARTS.map((part) => names.find((name) => part.test(name)));
  return files.every((name) => name !== undefined)
    ? files.map((name) => path.join(folder, name))
    : undefined;
}

/** Finds TensorFlow without importing it, which takes seconds and may fail without a GPU. */
const FIND_IN_PYTHON = `
import importlib.metadata as metadata, importlib.util, json, os
spec = importlib.util.find_spec("tensorflow")
found = None
if spec is not None and spec.submodule_search_locations:
    folder = list(spec.submodule_search_locations)[0]
    names = [d.metadata["Name"] for d in metadata.distributions() if (d.metadata["Name"] or "").lower().replace("_", "-") in
             ("tensorflow", "tensorflow-cpu", "tensorflow-intel", "tf-nightly", "tensorflow-macos")]
    nvidia = os.path.join(os.path.dirname(folder), "nvidia")
    libs = [os.path.join(nvidia, n, "lib") for n in sorted(os.listdir(nvidia))] if os.path.isdir(nvidia) else []
    found = {"folder": folder, "version": metadata.version(names[0]) if names else None,
             "cuda": [p for p in libs if os.path.isdir(p)]}
print(json.dumps(found))
`;

interface FoundInPython {
  readonly folder: string;
  readonly version: string | null;
  readonly cuda: readonly string[];
}

/** The library inside the tensorflow wheel of a Python. */
export function libraryOfPython(python: string): TensorflowLibrary {
  const found = askPython(python);
  if (found === undefined) {
    throw new DataError({
      op: SETUP_OP,
      arg: '--python',
      expected: 'be a Python with the package tensorflow or tensorflow-cpu',
      got: `${python}, which has none`,
      fix: WHEEL_FIX,
    });
  }
  const { folder, version, cuda } = found;
  const library = libraryAt(folder);
  return {
    ...library,
    preloaded: cuda.flatMap(cudaLibrariesIn),
    searchPath: [...library.searchPath, ...cuda],
    version: version ?? undefined,
    source: `${python} (tensorflow ${version ?? 'of unknown version'}${cuda.length > 0 ? ' with CUDA' : ''})`,
  };
}

/** What TensorFlow opens of the packages nvidia-*; they in turn need others, which the search path gives. */
const CUDA_LIBRARY =
  /^lib(cudart|cublas|cublasLt|cufft|cusolver|cusparse|cudnn|cupti|nccl|nvJitLink)\.so\.\d+$/;

function cudaLibrariesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => CUDA_LIBRARY.test(name));
  return names.sort().map((name) => path.join(folder, name));
}

function askPython(python: string): FoundInPython | undefined {
  let answer: string;
  try {
    answer = execFileSync(python, ['-c', FIND_IN_PYTHON], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  } catch (error) {
    throw new DataError(
      {
        op: SETUP_OP,
        arg: '--python',
        expected: 'be a Python 3.8 or newer that starts',
        got: `${python} (${firstLine(error)})`,
        fix: WHEEL_FIX,
      },
      { cause: error },
    );
  }
  // Printed by the program above.
  return (JSON.parse(answer) as FoundInPython | null) ?? undefined;
}

/** The library of the first Python that has one: that of the active environment, then of the path. */
export function libraryOfAnyPython(environment: NodeJS.ProcessEnv): TensorflowLibrary {
  const active = environment.VIRTUAL_ENV;
  const candidates = [
    ...(active === undefined ? [] : [path.join(active, 'bin', 'python')]),
    'python3',
    'python',
  ];
  const tried: string[] = [];
  for (const python of candidates) {
    try {
      return libraryOfPython(python);
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      tried.push(error.got);
    }
  }
  throw new DataError({
    op: SETUP_OP,
    arg: '--python or --lib',
    expected: 'be given where no Python on the path has TensorFlow',
    got: `neither (${tried.join('; ')})`,
    fix: WHEEL_FIX,
  });
}
