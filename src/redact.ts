/**
 * The one way out for text that may hold a secret or that a stranger wrote. Messages, events and logs take URLs and
 * server text from here only. Refuses to show any query value, user info or control character.
 */

const MAX_SERVER_TEXT = 256;

/** Scheme, host and path of a URL; a query is shown as `?…`, user info never. */
export function redactUrl(url: string): string {
  const match = /^([a-z][a-z0-9+.-]*:\/\/)(?:[^/?#]*@)?([^?#]*)(\?)?/i.exec(url);
  if (match === null) return '(not a URL)';
  return sanitizeText(`${match[1]}${match[2]}${match[3] === undefined ? '' : '?…'}`, 1024);
}

/** Text that a server wrote, safe to print: one line, no control or bidi characters, at most `maxLength` characters. */
export function sanitizeText(text: string, maxLength: number = MAX_SERVER_TEXT): string {
  const oneLine = text
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]+/gu, ' ')
    .replace(/ {2,}/g, ' ')
    .trim();
  return oneLine.length > maxLength ? `${oneLine.slice(0, maxLength - 1)}…` : oneLine;
}

/**
 * A lower-level error as it may become a `cause`: name, message, code and stack, without the properties that Node and
 * undici add (sockets, raw server bytes, request headers).
 */
export function redactCause(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(sanitizeText(String(error)));
  const safe = new Error(sanitizeText(error.message));
  safe.name = error.name;
  if (error.stack !== undefined) safe.stack = cleanStack(safe, error.stack);
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' ? Object.assign(safe, { code }) : safe;
}

/** The frames of a stack below the safe name and message: its first lines repeat the message as it came. */
function cleanStack(safe: Error, stack: string): string {
  const frames = stack.split('\n').filter((line) => /^ +at /.test(line));
  return [`${safe.name}: ${safe.message}`, ...frames.map((frame) => `    ${sanitizeText(frame, 1024)}`)].join('\n');
}
