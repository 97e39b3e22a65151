/**
 * Where the file will be, and the names of what stands beside it while it is made. All that can be known before a
 * byte is fetched is checked here. Refuses to follow a symbolic link below the directory that the caller named.
 */

import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { errorCode } from '../error-code.js';
import { DestinationError, DiskError, InvalidOptionError } from '../errors.js';
import { checkText } from '../option-checks.js';
import { type FileOps, type FileStatus, nodeFileOps } from './file-ops.js';
import { fitName, MAX_NAME_BYTES } from './fit-name.js';
import { localName } from './local-name.js';
import { onDisk, statusOf } from './own-file.js';

/** Absolute paths; their directory is a real path, so that two ways to write one destination come out the same. */
export interface Destination {
  readonly path: string;
  readonly partPath: string;
  /** `undefined` when nothing is to be recorded. */
  readonly checkpointPath: string | undefined;
  /** Where the checkpoint is unless the caller names another place. An old one must not stay there. */
  readonly besideCheckpointPath: string;
  readonly lockPath: string;
  /** The lock of a checkpoint that is elsewhere: another destination could have been given the same one. */
  readonly checkpointLock?: { readonly path: string; readonly lockPath: string } | undefined;
  /** Whether a lock or a checkpoint was there: another download of it is under way, or has left something. */
  readonly hadTraces: boolean;
}

export interface DestinationOptions {
  /** `false`: whatever is at the destination stays. */
  overwrite: boolean;
  /** `true`: beside the destination; a string: there; `false`: none. */
  checkpoint: boolean | string;
}

// The lock and the checkpoint have temporary neighbours of their own, with longer names (`.new`).
const MAX_NEIGHBOUR_BYTES = MAX_NAME_BYTES - 16;

/**
 * Resolves and checks a destination, and creates the directories it needs.
 * @throws {DestinationError} when it exists (`overwrite: false`, or not a file), is a directory, or leads outside
 * @throws {DiskError} when a directory cannot be looked at or created
 */
export async function resolveDestination(
  destination: string | { readonly directory: string },
  sourceName: string,
  options: DestinationOptions,
  ops: FileOps = nodeFileOps,
): Promise<Destination> {
  const { checkpoint } = options;
  const isPath = typeof destination === 'string';
  const segments = isPath ? [] : localName(sourceName);
  const asked = isPath ? filePath('destination', destination) : resolve(destination.directory, ...segments);
  // Before any directory is made.
  if (typeof checkpoint === 'string') checkOtherPlace(filePath('checkpoint', checkpoint), placesOf(asked));
  const given = isPath ? asked : await resolveInside(destination.directory, segments, ops);
  const elsewhere = typeof checkpoint === 'string' ? await resolveCheckpoint(checkpoint, ops) : undefined;
  const name = basename(given);
  const near = placesOf(given);
  // Looked at while the directory is being resolved: whichever way leads there, these are the same files.
  const [directory, , , ...traces] = await Promise.all([
    isPath ? realDirectory(dirname(given), ops) : dirname(given),
    checkPlace(given, options.overwrite, ops),
    checkWritable(dirname(given), ops),
    statusOrUnknown(near.lockPath, ops),
    statusOrUnknown(near.besideCheckpointPath, ops),
    // A call with another checkpoint, or without one, can have left the bytes alone.
    statusOrUnknown(near.partPath, ops),
    elsewhere === undefined ? undefined : statusOrUnknown(elsewhere, ops),
  ]);
  const place = placesOf(join(directory, name));
  if (elsewhere !== undefined) checkOtherPlace(elsewhere, place);
  return {
    ...place,
    checkpointPath: checkpoint === false ? undefined : (elsewhere ?? place.besideCheckpointPath),
    ...(elsewhere !== undefined &&
      elsewhere !== place.besideCheckpointPath && {
        checkpointLock: { path: elsewhere, lockPath: neighbourOf(elsewhere, '.lock') },
      }),
    hadTraces: traces.some((found) => found !== undefined),
  };
}

type Places = Pick<Destination, 'path' | 'partPath' | 'lockPath' | 'besideCheckpointPath'>;

/** A destination and what stands beside it. */
function placesOf(path: string): Places {
  return {
    path,
    partPath: join(dirname(path), fitName(basename(path), '.part')),
    lockPath: neighbourOf(path, '.part.lock'),
    besideCheckpointPath: neighbourOf(path, '.part.checkpoint'),
  };
}

/** Where the bytes of an answer without a length go while the part file of an earlier process is kept. */
export function unsizedPartPath({ path }: Pick<Destination, 'path'>): string {
  return neighbourOf(path, '.part.unsized');
}

function neighbourOf(path: string, suffix: string): string {
  return join(dirname(path), fitName(basename(path), suffix, MAX_NEIGHBOUR_BYTES));
}

/** Invariant: neither a checkpoint nor what stands beside it is ever in the place of the own files. */
function checkOtherPlace(checkpointPath: string, { path, partPath, lockPath }: Places): void {
  const own = [path, partPath, unsizedPartPath({ path }), lockPath, neighbourOf(lockPath, '.new')];
  const its = ['', '.new', '.lock', '.lock.new'].map((suffix) => neighbourOf(checkpointPath, suffix));
  const taken = its.find((one) => own.includes(one));
  if (taken === undefined) return;
  throw new InvalidOptionError('checkpoint', `${taken} is needed for the download itself`);
}

async function resolveCheckpoint(given: string, ops: FileOps): Promise<string> {
  const path = filePath('checkpoint', given);
  const checkpointPath = join(await realDirectory(dirname(path), ops), basename(path));
  if ((await lookAt(checkpointPath, ops))?.isDirectory()) {
    throw new DestinationError(checkpointPath, 'directory', 'the checkpoint is a file, this is a directory');
  }
  return checkpointPath;
}

/** The path of a file, as the caller gave it: made absolute, otherwise taken as it is. */
function filePath(option: string, given: string): string {
  const path = resolve(checkText(option, given));
  if (/\/\.{0,2}$/.test(given.replaceAll(sep, '/')) || basename(path) === '') {
    throw new DestinationError(path, 'directory', `names a directory; the ${option} must name a file`);
  }
  return path;
}

/** A path below the directory of the caller, from a name that a store gave. */
async function resolveInside(directory: string, segments: readonly string[], ops: FileOps): Promise<string> {
  const root = await realDirectory(resolve(checkText('destination.directory', directory)), ops);
  const path = join(root, ...segments);
  checkInside(root, path);
  let folder = root;
  for (const segment of segments.slice(0, -1)) {
    folder = join(folder, segment);
    await enterDirectory(folder, ops);
  }
  // Somebody may have swapped a directory for a link since we looked.
  const real = join(await onDisk(folder, ops.realPath(folder)), basename(path));
  checkInside(root, real);
  return real;
}

async function enterDirectory(folder: string, ops: FileOps): Promise<void> {
  if (!(await lookAt(folder, ops))) await makeDirectory(folder, ops);
  const status = await onDisk(folder, ops.linkStatus(folder));
  // Invariant: a symbolic link planted below the directory of the caller is never followed.
  if (status.isSymbolicLink()) {
    throw new DestinationError(folder, 'symlink', 'is a symbolic link, which an object key may not lead through');
  }
  if (!status.isDirectory()) throw new DestinationError(folder, 'exists', 'is a file, where a directory is needed');
}

function checkInside(root: string, path: string): void {
  const way = relative(root, path);
  if (way === '' || way === '..' || way.startsWith(`..${sep}`) || isAbsolute(way)) {
    throw new DestinationError(path, 'outside', `is not inside ${root}`);
  }
}

async function checkPlace(path: string, overwrite: boolean, ops: FileOps): Promise<void> {
  const status = await lookAt(path, ops);
  if (!status) return;
  if (status.isDirectory()) {
    throw new DestinationError(path, 'directory', 'is a directory; pass { directory } to put the file into it');
  }
  // Not following the link: a dangling one is something that is there, too.
  if (!overwrite) throw alreadyExists(path);
  // Replacing /dev/null or a pipe by a file is never what was meant.
  if (!status.isFile() && !status.isSymbolicLink()) {
    throw new DestinationError(path, 'exists', 'is neither a file nor a symbolic link, and is not replaced');
  }
}

/** In the style of EEXIST, as where the name is taken at the very end. */
export function alreadyExists(path: string): DestinationError {
  const cause = Object.assign(new Error(`EEXIST: file already exists, ${path}`), { code: 'EEXIST' });
  return new DestinationError(path, 'exists', 'already exists, and overwrite is false', { cause });
}

/** What cannot be looked at is for those who need it to complain about. */
function statusOrUnknown(path: string, ops: FileOps): Promise<FileStatus | 'unknown' | undefined> {
  return statusOf(ops, path).catch(() => 'unknown' as const);
}

async function realDirectory(directory: string, ops: FileOps): Promise<string> {
  // As a rule it is there already.
  const found = await ops.realPath(directory).catch(() => undefined);
  if (found !== undefined) return found;
  await makeDirectories(directory, ops);
  return onDisk(directory, ops.realPath(directory));
}

/** From the deepest that is there downwards. Node's own recursion never ends where a directory takes no new ones (/proc). */
async function makeDirectories(directory: string, ops: FileOps): Promise<void> {
  const missing: string[] = [];
  let parent = directory;
  for (; dirname(parent) !== parent && (await lookAt(parent, ops)) === undefined; parent = dirname(parent)) {
    missing.unshift(parent);
  }
  for (const one of missing) await makeDirectory(one, ops);
}

async function makeDirectory(path: string, ops: FileOps): Promise<void> {
  const made = ops.makeDirectory(path).catch((error: unknown) => {
    // Somebody else was quicker.
    if (errorCode(error) !== 'EEXIST') throw error;
  });
  await onDisk(path, made);
}

/** A file that cannot be made is worth no request. A directory that is only being made is ours. */
async function checkWritable(directory: string, ops: FileOps): Promise<void> {
  await ops.checkWritable(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw new DiskError(directory, error);
  });
}

function lookAt(path: string, ops: FileOps): Promise<FileStatus | undefined> {
  return onDisk(path, statusOf(ops, path));
}
