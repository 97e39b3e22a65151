/**
 * The words that option checks are written in. Each takes the dotted name of the option and throws an
 * InvalidOptionError that names it, what was given and what is allowed. Values of secrets are never shown.
 */

import { isAbsolute, sep } from 'node:path';
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

/**
 * An object whose own properties are what the caller means. That of a class (`new Headers()`, `new Map()`, a promise)
 * keeps it elsewhere and would pass for an empty one; that of a class of options does not.
 */
export function checkRecord(option: string, value: unknown): Record<string, unknown> {
  const allowed = 'a plain object';
  // No text: it may be a secret that was given in the wrong place.
  if (typeof value !== 'object' || value === null) refuseSecret(option, value, allowed);
  const isMeant = Object.keys(value).length > 0 || isPlain(value);
  if (Symbol.iterator in value || !isMeant) refuse(option, value, allowed);
  return value as Record<string, unknown>;
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  // Each realm (node:vm) has an Object of its own.
  return prototype === null || (prototype as object).constructor?.name === 'Object';
}

/** A plain options object with known keys only; `undefined` stands for an empty one. */
export function checkKeys(option: string, value: unknown, known: readonly string[]): Record<string, unknown> {
  if (value === undefined) return {};
  const given = checkRecord(option, value);
  for (const key of Object.keys(given)) {
    if (!known.includes(key)) {
      throw new InvalidOptionError(
        option === 'options' ? key : `${option}.${key}`,
        `unknown option; known are ${known.join(', ')}`,
      );
    }
  }
  return given;
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
  if (typeof value !== 'string' || value === '' || value.includes('\0')) {
    refuse(option, value, 'a string that is not empty and holds no NUL');
  }
  return value;
}

/** A path, absolute from now on: a later `process.chdir()` does not move it. A slash at its end stays. */
export function checkPath(option: string, value: unknown): string {
  const path = checkText(option, value);
  return isAbsolute(path) ? path : `${workingDirectory(option)}${sep}${path}`;
}

/** What a relative path is relative to, at this moment. Another process may have removed it. */
export function workingDirectory(option: string): string {
  try {
    return process.cwd();
  } catch {
    throw new InvalidOptionError(option, 'expected an absolute path: the working directory of this process is gone');
  }
}

export function checkOneOf<T extends string>(option: string, value: unknown, allowed: readonly T[]): T {
  if (!allowed.includes(value as T)) refuse(option, value, allowed.map((name) => `'${name}'`).join(' | '));
  return value as T;
}

export function checkDate(option: string, value: unknown): Date {
  if (!(value instanceof Date) || Number.isNaN(value.getTime())) refuse(option, value, 'a valid Date');
  return new Date(value);
}

export function checkSignal(option: string, value: unknown): AbortSignal {
  if (!(value instanceof AbortSignal)) refuse(option, value, 'an AbortSignal');
  return value;
}

export function checkFunction<T>(option: string, value: unknown): T {
  if (typeof value !== 'function') refuse(option, value, 'a function');
  return value as T;
}

/** A header value as it may go on the wire: visible latin-1, inner spaces and tabs (RFC 9110 section 5.5). */
export function checkHeaderValue(option: string, value: unknown): string {
  if (typeof value !== 'string' || !/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) {
    refuseSecret(option, value, 'a header value of latin-1 characters, without line breaks or control characters');
  }
  return value;
}

/** One option as a property: what its check makes of it; none where it is not there. */
export function whenGiven<K extends string, T>(
  name: K,
  value: unknown,
  check: (name: string, value: unknown) => T,
): { [P in K]?: T } {
  return value === undefined ? {} : ({ [name]: check(name, value) } as { [P in K]: T });
}
