/** Values as callers of the SDK pass them: numbers in strings, dates as text, null for nothing. Refuses to guess. */

import { parseHttpDateMs } from '../http-date.js';
import { describeValue } from '../option-checks.js';
import { invalidArgument } from './obs-client-error.js';

/** Whether there is a value: null and empty text are none, as an unset variable of the environment is. */
export function isGiven<T>(value: T | null | undefined): value is T {
  return value !== undefined && value !== null && (value as unknown) !== '';
}

/** A number, or text that is one; fractions are cut off. */
export function readInteger(name: string, value: unknown, min: number, max: number): number {
  const isNumeric = typeof value === 'number' || (typeof value === 'string' && /^\s*[+-]?\d+(\.\d*)?\s*$/.test(value));
  const number = isNumeric ? Math.trunc(Number(value)) : Number.NaN;
  if (!(number >= min && number <= max)) {
    throw invalidArgument(`${name} must be a number from ${min} to ${max}, got ${describeValue(value)}`);
  }
  return number;
}

/** A Date, or the text of one in any form of HTTP (RFC 9110 section 5.6.7) or of `Date.parse`. */
export function readDate(name: string, value: unknown): Date {
  // Date.parse takes 0 for the year 2000, and 5 for a May.
  const text = typeof value === 'number' ? '' : String(value).trim();
  const date = new Date(value instanceof Date ? value : parseHttpDateMs(text));
  if (Number.isNaN(date.getTime())) throw invalidArgument(`${name} must be a date, got ${describeValue(value)}`);
  return date;
}
