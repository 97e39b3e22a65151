/** What somebody threw, in words. Refuses to throw itself: code of others throws anything, also what is no text. */

export function messageOf(thrown: unknown): string {
  try {
    return thrown instanceof Error ? `${thrown.message}` : String(thrown);
  } catch {
    return 'something that cannot be shown as text';
  }
}

/** A process warning, not an exception: a bug in code that only listens must not end the host. */
export function warnThat(name: string, what: string, thrown: unknown): void {
  const warning = new Error(`${what} threw: ${messageOf(thrown)}`);
  warning.name = name;
  const stack = stackOf(thrown);
  if (stack !== undefined) warning.stack = stack;
  process.emitWarning(warning);
}

function stackOf(thrown: unknown): string | undefined {
  try {
    return thrown instanceof Error && typeof thrown.stack === 'string' ? thrown.stack : undefined;
  } catch {
    return undefined;
  }
}
