/**
 * The words that option checks are written in. Each takes the dotted name of the option and throws an
 * InvalidOptionError that names it, what was given and what is allowed. Values of secrets are never shown.
 */

import { InvalidOptionError } from './errors.js';

/** Shows what was given, cut short; objects and functions by their type only. */
export function describeValue(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (typeof value === 'number' || typeof value === 'boolean' || value == null) return String(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? `an object (${value.constructor?.name ?? 'no prototype'})` : `a ${typeof value}`;
}

export function refuse(option: string, given: unknown, allowed: string): never {
  throw new InvalidOptionError(option, `got ${describeValue(given)}, expected ${allowed}`);
}

/** Like {@link refuse}, for options that hold secrets: only the type of what was given is shown. */
export function refuseSecret(option: string, given: unknown, allowed: string): never {
  throw new InvalidOptionError(option, `got a ${given === null ? 'null' : typeof given}, expected ${allowed}`);
}

/** A plain options object with known keys only; `undefined` stands for an empty one. */
export function checkKeys(option: string, value: unknown, known: readonly string[]): Record<string, unknown> {
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null || Array.isArray(value)) refuse(option, value, 'an object');
  for (const key of Object.keys(value)) {
    if (!known.includes(key)) {
      throw new InvalidOptionError(
        option === 'options' ? key : `${option}.${key}`,
        `unknown option; known are ${known.join(', ')}`,
      );
    }
  }
  return value as Record<string, unknown>;
}

export function checkInteger(option: string, value: unknown, min: number, max: number): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max) {
    refuse(option, value, `an integer from ${min} to ${max}`);
  }
  return value;
}

export function checkBoolean(option: string, value: unknown): boolean {
  if (typeof value !== 'boolean') refuse(option, value, 'true or false');
  return value;
}

/** A string that is not empty and holds no NUL. */
export function checkText(option: string, value: unknown): string {
  if (typeof value !== 'string' || value === '' || value.includes('\0')) refuse(option, value, 'a non-empty string');
  return value;
}

export function checkOneOf<T extends string>(option: string, value: unknown, allowed: readonly T[]): T {
  if (!allowed.includes(value as T)) refuse(option, value, allowed.map((name) => `'${name}'`).join(' | '));
  return value as T;
}

export function checkDate(option: string, value: unknown): Date {
  if (!(value instanceof Date) || Number.isNaN(value.getTime())) refuse(option, value, 'a valid Date');
  return new Date(value);
}

export function checkFunction<T>(option: string, value: unknown): T {
  if (typeof value !== 'function') refuse(option, value, 'a function');
  return value as T;
}

/** A header value as it may go on the wire: visible latin-1, inner spaces and tabs (RFC 9110 section 5.5). */
export function checkHeaderValue(option: string, value: unknown): string {
  if (typeof value !== 'string' || !/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) {
    refuseSecret(option, value, 'a header value without line breaks or control characters');
  }
  return value;
}
