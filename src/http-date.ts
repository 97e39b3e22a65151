/** Dates as HTTP writes them, in every form that a recipient has to read (RFC 9110 section 5.6.7). */

/** A year has four digits; what lies far behind cannot be signed with, nor reckoned with. */
const LAST_MS = Date.UTC(9999, 11, 31, 23, 59, 59);

/** Milliseconds since the epoch; `NaN` when the text is no date. */
export function parseHttpDateMs(text: string): number {
  // The asctime form is in GMT without saying so.
  const isAsctime = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}$/.test(text);
  const dateMs = Date.parse(isAsctime ? `${text} GMT` : text);
  return Math.abs(dateMs) <= LAST_MS ? dateMs : Number.NaN;
}
