import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MUTATIONS } from './mutation-list.js';

describe('mutations', () => {
  it.each(MUTATIONS)('there is still a line to break: $guarantee', ({ file, line, test }) => {
    expect(readFileSync(file, 'utf8').split(line)).toHaveLength(2);
    expect(existsSync(test)).toBe(true);
  });
});
