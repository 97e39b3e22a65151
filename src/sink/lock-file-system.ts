/**
 * The file system that proper-lockfile sees: just one lock, whatever path it asks for. Its `mkdir` claims, its `rmdir`
 * takes away what was judged or gives back what is ours. Refuses to remove anything else.
 */

import { wallClockMs } from '../time.js';
import type { LockDirectory, LockJudgement } from './lock-directory.js';

/** New for every lock, since proper-lockfile caches things on it. */
export function lockFileSystem(directory: LockDirectory): Record<string, unknown> & { holder(): string } {
  let judged: LockJudgement | undefined;
  let refreshed = new Date(0);
  type Done = (error: unknown, value?: unknown) => void;
  const answer = (work: Promise<unknown>, done: Done) => void work.then((value) => done(null, value), done);
  const claim = async () => {
    if (!(await directory.claim())) throw Object.assign(new Error('the lock exists'), { code: 'EEXIST' });
  };
  const status = async () => {
    // The time that was asked for, whatever the file system rounds it to: the owner's name is what identifies it, and
    // the refresh that follows finds out whether it is still there.
    if (directory.claimed) return { mtime: refreshed };
    judged = await directory.judge();
    if (!judged) throw Object.assign(new Error('the lock is gone'), { code: 'ENOENT' });
    return { mtime: new Date(judged.takeable ? 0 : wallClockMs()) };
  };
  const refresh = async (time: Date) => {
    await directory.refresh(time);
    refreshed = time;
  };
  const remove = async () => {
    if (directory.claimed) await directory.remove();
    else if (judged?.takeable) await directory.takeAway(judged);
  };
  return {
    holder: () => judged?.holder ?? 'a process that was faster',
    mkdir: (_path: string, done: Done) => answer(claim(), done),
    stat: (_path: string, done: Done) => answer(status(), done),
    utimes: (_path: string, _accessTime: Date, time: Date, done: Done) => answer(refresh(time), done),
    rmdir: (_path: string, done: Done) => answer(remove(), done),
    rmdirSync: () => directory.removeNow(),
  };
}
