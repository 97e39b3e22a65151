/** A file system that keeps a list of the calls, and fails those that a test picks. */

import { type FileOps, nodeFileOps, type OpenFile } from '../../src/sink/file-ops.js';

export interface FileCall {
  readonly op: keyof FileOps | `file.${keyof OpenFile}`;
  readonly path: string;
}

export interface FaultyFileOps extends FileOps {
  readonly calls: FileCall[];
  /** Called before each call; what it throws, the call throws. May be replaced at any time. */
  before: (call: FileCall) => unknown;
  /** How many files are open. */
  openFiles: number;
}

/** An error as the system reports it. */
export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code });
}

/** Fails the calls of one kind on paths that end like this: all of them, or the first `times`. */
export function failing(
  op: FileCall['op'],
  ending: string,
  code: string,
  times: number = Number.POSITIVE_INFINITY,
): (call: FileCall) => void {
  let left = times;
  return (call) => {
    if (call.op !== op || !call.path.endsWith(ending) || left <= 0) return;
    left -= 1;
    throw systemError(code);
  };
}

export function faultyFileOps(before: (call: FileCall) => unknown = () => undefined): FaultyFileOps {
  const enter = async (op: FileCall['op'], path: string) => {
    const call = { op, path };
    ops.calls.push(call);
    await ops.before(call);
  };
  const wrap = (path: string, file: OpenFile): OpenFile => {
    const guard =
      <A extends unknown[], R>(op: keyof OpenFile, run: (...args: A) => Promise<R>) =>
      async (...args: A): Promise<R> => {
        await enter(`file.${op}`, path);
        return await run(...args);
      };
    return {
      write: guard('write', file.write),
      read: guard('read', file.read),
      datasync: guard('datasync', file.datasync),
      makeReadable: guard('makeReadable', file.makeReadable),
      sync: guard('sync', file.sync),
      truncate: guard('truncate', file.truncate),
      status: guard('status', file.status),
      async close() {
        ops.openFiles -= 1;
        // The descriptor is gone whatever close() says.
        await file.close();
        await enter('file.close', path);
      },
    };
  };
  const { unlinkNow, removeDirectoryNow, ...asynchronous } = nodeFileOps;
  const guarded = Object.fromEntries(
    Object.entries(asynchronous).map(([op, run]) => [
      op,
      async (path: string, ...rest: unknown[]) => {
        await enter(op as keyof FileOps, path);
        return await (run as (...args: unknown[]) => Promise<unknown>)(path, ...rest);
      },
    ]),
  ) as unknown as FileOps;
  const ops: FaultyFileOps = {
    ...guarded,
    unlinkNow,
    removeDirectoryNow,
    calls: [],
    before,
    openFiles: 0,
    async open(path, flags, mode) {
      await enter('open', path);
      const file = await nodeFileOps.open(path, flags, mode);
      ops.openFiles += 1;
      return wrap(path, file);
    },
  };
  return ops;
}
