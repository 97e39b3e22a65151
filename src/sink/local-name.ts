/**
 * From the name of an object to a relative path on this machine. Sub-directories are kept; empty and `.` segments mean
 * nothing, as in any path. Refuses every name that could leave the directory that it is put in, or that names one, and
 * never decodes or repairs it: what is refused can be named by hand.
 */

import { posix, win32 } from 'node:path';
import { DestinationError, InvalidOptionError } from '../errors.js';
import { fitName } from './fit-name.js';

// Win32: a device whatever follows the first dot; the superscript digits count as digits.
const WINDOWS_DEVICE = /^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3])\s*(\.|$)/i;
// Win32: separators, drives and streams, wildcards, control characters; endings that the system drops (`.. ` is `..`).
const WINDOWS_UNSAFE = /[\\:*?"<>|\x00-\x1f]|[. ]$/;

/** What stands beside a file while it is made: the file of one object must not be the working file of another. */
const WORKING_FILE = /\.part(?:\.unsized|\.(?:checkpoint|lock)(?:\.new)?)?$/i;

/**
 * The path segments of an object's name.
 * @throws {DestinationError} reason `outside` or `directory`
 */
export function localName(sourceName: string, platform: NodeJS.Platform = process.platform): string[] {
  const onWindows = platform === 'win32';
  if (typeof sourceName !== 'string') throw new InvalidOptionError('source', 'has no name to call a file by');
  const segments = sourceName.split('/').filter((segment) => segment !== '' && segment !== '.');
  const refuse = (problem: string): never => {
    throw new DestinationError(sourceName, 'outside', `the object's name ${problem}; give the file's path instead`);
  };
  if (sourceName.includes('\0')) refuse('holds a NUL');
  // Invariant: no object key leads out of the destination directory.
  if ((onWindows ? win32 : posix).isAbsolute(sourceName)) refuse('is an absolute path');
  if (segments.includes('..')) refuse("holds a '..' segment");
  if (onWindows && segments.some((segment) => WINDOWS_UNSAFE.test(segment) || WINDOWS_DEVICE.test(segment))) {
    refuse('is not a safe file name on Windows');
  }
  if (segments.some((segment) => WORKING_FILE.test(segment))) {
    refuse("ends in '.part', '.part.checkpoint' or '.part.lock', as the working files of a download do");
  }
  if (/(^|\/)\.?$/.test(sourceName)) {
    throw new DestinationError(
      sourceName,
      'directory',
      'the object has no file name of its own; give the path of the file, not only a directory',
    );
  }
  return segments.map((segment) => fitName(segment, ''));
}
