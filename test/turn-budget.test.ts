import { describe, expect, it } from 'vitest';
import { TurnBudget } from '../src/turn-budget.js';

/** Takes the event loop for so many milliseconds. */
function spin(ms: number): number {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
  return ms;
}

describe('a turn budget', () => {
  it('puts off to later turns what is over its share of one', async () => {
    const budget = new TurnBudget(4);
    let turns = 0;
    let isOver = false;
    const count = () => {
      turns += 1;
      if (!isOver) setImmediate(count);
    };
    setImmediate(count);
    const turnOf: number[] = [];
    await Promise.all(Array.from({ length: 12 }, () => budget.work(() => turnOf.push(turns + 0 * spin(2)))));
    isOver = true;
    const perTurn = new Map<number, number>();
    for (const turn of turnOf) perTurn.set(turn, (perTurn.get(turn) ?? 0) + 1);
    // Two fill the share; a third may begin when the clock of the second was a little short.
    expect(Math.max(...perTurn.values())).toBeLessThanOrEqual(3);
    expect(turnOf).toHaveLength(12);
  });

  it('gives what the work returns, and what it throws', async () => {
    const budget = new TurnBudget(1);
    expect(await budget.work(() => spin(3))).toBe(3);
    const failing = budget.work(() => {
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await budget.work(() => 7)).toBe(7);
  });
});
