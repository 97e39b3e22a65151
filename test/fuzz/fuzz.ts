/** Runs a property on very many inputs, with a seed that repeats it, and looks at how long each input takes. */

import fc from 'fast-check';
import { count, FIRST_SEED } from '../crash/suite.js';

/** An input that takes longer than this, three times in a row, is a way to keep the process busy. */
const LIMIT_MS = 50;

/** A place in something, evenly: `fc.double` is even over the bits of a number, which makes nearly all of them 0. */
export const fraction: fc.Arbitrary<number> = fc.noBias(fc.nat(10_000)).map((value) => value / 10_000);

export interface FuzzTarget<T> {
  readonly name: string;
  /** How many inputs: within `npm test`, and in the whole run. */
  readonly short: number;
  readonly whole: number;
  readonly inputs: fc.Arbitrary<T>;
  /** Throws when what came out is wrong. */
  check(input: T): void;
}

/** Prints the count; throws with the smallest input that fails. */
export function fuzz<T>({ name, short, whole, inputs, check }: FuzzTarget<T>): void {
  const numRuns = count('FUZZ_INPUTS', short, whole);
  let slowestMs = 0;
  const timed = (input: T): number => {
    const startMs = performance.now();
    check(input);
    return performance.now() - startMs;
  };
  fc.assert(
    fc.property(inputs, (input) => {
      // Once may be the garbage collector, or another process.
      let elapsedMs = timed(input);
      for (let tries = 0; elapsedMs > LIMIT_MS && tries < 2; tries += 1) elapsedMs = Math.min(elapsedMs, timed(input));
      slowestMs = Math.max(slowestMs, elapsedMs);
      if (elapsedMs > LIMIT_MS) throw new Error(`one input took ${elapsedMs} ms`);
    }),
    { numRuns, seed: FIRST_SEED },
  );
  console.log(
    `fuzz ${name}: ${numRuns} inputs, 0 crashes, 0 over ${LIMIT_MS} ms (slowest ${slowestMs.toFixed(1)} ms, seed ${FIRST_SEED})`,
  );
}
