import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';

/** From the bottom to the top. A file imports lower layers and its own folder only. */
const LAYERS = [
  ['words'],
  ['options.ts', 'source-options.ts'],
  ['source/source.ts'],
  ['transport', 'verify'],
  ['source', 'plan', 'fetch', 'order', 'sink'],
  ['verbs'],
  ['obs-client'],
  ['index.ts', 'obs-client.ts'],
];
const VERBS = [
  ...['download.ts', 'download-file.ts', 'download-stream.ts', 'open-file-download.ts', 'verify-file.ts'],
  ...['fetch-parts.ts', 'discover-object.ts', 'download-unsized.ts', 'download-whole.ts', 'ordered-flow.ts'],
];

const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));

function roomOf(file: string): string {
  if (LAYERS.flat().includes(file)) return file;
  if (file.includes('/')) return dirname(file);
  return VERBS.includes(file) ? 'verbs' : 'words';
}

function levelOf(file: string): number {
  return LAYERS.findIndex((rooms) => rooms.includes(roomOf(file)));
}

function importsOf(file: string): string[] {
  const text = readFileSync(join('src', file), 'utf8');
  const specifiers = [...text.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)].map((match) => match[1] ?? '');
  return specifiers.map((specifier) => normalize(join(dirname(file), specifier)).replace(/\.js$/, '.ts'));
}

describe('layers', () => {
  it('are kept: a file imports lower layers and its own folder, and stations never import each other', () => {
    const wrong = files.flatMap((file) =>
      importsOf(file)
        .filter((other) => !(levelOf(other) < levelOf(file) || roomOf(other) === roomOf(file)))
        .map((other) => `${file} imports ${other}`),
    );
    expect(wrong).toEqual([]);
  });

  it('keep fs to file-ops.ts, timers to time.ts, and inclusive ranges to byte-range.ts', () => {
    const users = (pattern: RegExp) => files.filter((file) => pattern.test(readFileSync(join('src', file), 'utf8')));
    expect(users(/from 'node:fs/)).toEqual(['sink/file-ops.ts']);
    expect(users(/\b(setTimeout|setInterval|performance\.now|Date\.now)\(/)).toEqual(['time.ts']);
    expect(users(/bytes=\$\{/)).toEqual(['byte-range.ts']);
  });

  it('keep every file under 250 lines, opened by a comment that says what it is for', () => {
    const lengths = files.map((file) => [file, readFileSync(join('src', file), 'utf8')] as const);
    expect(lengths.filter(([, text]) => text.trimEnd().split('\n').length > 250).map(([file]) => file)).toEqual([]);
    expect(lengths.filter(([, text]) => !text.startsWith('/**')).map(([file]) => file)).toEqual([]);
  });
});
