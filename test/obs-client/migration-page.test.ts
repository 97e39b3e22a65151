import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { migrationTable } from './migration-table.js';

const readme = await readFile(fileURLToPath(new URL('../../README.md', import.meta.url)), 'utf8');

describe('the migration page', () => {
  it('lists every difference, and no other', () => {
    const rows = readme.split('\n').filter((line) => line.startsWith('|'));
    const expected = migrationTable().split('\n');
    const start = rows.indexOf(expected[0] ?? '');
    expect(rows.slice(start, start + expected.length)).toEqual(expected);
  });
});
