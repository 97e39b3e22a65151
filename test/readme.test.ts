/** The README says what the source says: options, events, errors, the tests that keep its promises, links and names. */

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import * as door from '../src/index.js';

const ROOT = new URL('../', import.meta.url);
const read = (path: string) => readFile(new URL(path, ROOT), 'utf8');
const readme = await read('README.md');

/** The cells of every row of the table whose first header is `header`. */
function tableOf(header: string): string[][] {
  const lines = readme.split('\n');
  const cells = (row: string) =>
    row
      .replace(/^\||\|$/g, '')
      .split('|')
      .map((cell) => cell.trim());
  const top = lines.findIndex((line) => line.startsWith('|') && cells(line)[0] === header);
  if (top < 0) throw new Error(`the README has no table that begins with ${header}`);
  const length = lines.slice(top).findIndex((line) => !line.startsWith('|'));
  return lines.slice(top + 2, top + length).map(cells);
}

/** The names in the first column, without backticks and what stands before them. */
function namesIn(header: string): string[] {
  return tableOf(header).map(([cell = '']) => /`(\w+)`$/.exec(cell)?.[1] ?? cell);
}

/** The members of an interface, as they stand in the source. */
async function membersOf(path: string, name: string): Promise<string[]> {
  const [, body] =
    new RegExp(`interface ${name}(?:<\\w+>)?(?: extends \\w+)? \\{\n(.*?)\n\\}`, 's').exec(await read(path)) ?? [];
  if (body === undefined) throw new Error(`${path} has no interface ${name}`);
  return [...body.matchAll(/^ {2}(?:readonly )?(\w+)\??: /gm)].map(([, member = '']) => member);
}

describe('the README', () => {
  it('has every option of the verbs, under the verb that takes it', async () => {
    const inSource = async (name: string) => await membersOf('src/download-options.ts', name);
    const rows = tableOf('option').map(([cell]) => cell);
    const [both, file, stream] = await Promise.all([
      inSource('DownloadOptions'),
      inSource('DownloadFileOptions'),
      inSource('DownloadStreamOptions'),
    ]);
    expect(rows).toEqual([
      ...both.map((name) => `\`${name}\``),
      ...file.map((name) => `file: \`${name}\``),
      ...stream.map((name) => `stream: \`${name}\``),
    ]);
    // The source refuses what is not in its list: so the interface and the list are one.
    for (const name of ['checkpoint', ...both]) {
      const options = { [name]: undefined };
      await expect(door.downloadFile('nowhere', 'x', options)).rejects.toMatchObject({
        option: expect.not.stringMatching(`^${name}$`),
      });
    }
  });

  it('has every option of the sources', async () => {
    expect(namesIn('option of `obs()` and `s3()`')).toEqual(await membersOf('src/source-options.ts', 'StoreOptions'));
    expect(namesIn('option of `http()`')).toEqual(await membersOf('src/source-options.ts', 'HttpSourceOptions'));
  });

  it('has every event', async () => {
    expect(namesIn('event')).toEqual(await membersOf('src/events.ts', 'DownloadEventMap'));
  });

  it('has every error with its code and its own fields', async () => {
    const source = await read('src/errors.ts');
    const answer = ['statusCode', 'storeCode', 'requestId'];
    const inSource = [...source.matchAll(/^export class (\w+) extends (\w+).*?^}/gms)].map(([text, name, base]) => {
      const own = [...text.matchAll(/^ {2}readonly (\w+): /gm)].map(([, field]) => field);
      return [name, /code = '(\w+)'/.exec(text)?.[1], base === 'StoreAnswerError' ? [...answer, ...own] : own];
    });
    const inReadme = tableOf('class').map(([name, code = '', fields = '']) => {
      return [name, code.replaceAll('`', ''), [...fields.matchAll(/\w+/g)].map(([field]) => field)];
    });
    const byName = (rows: unknown[][]) => rows.sort(([a], [b]) => String(a).localeCompare(String(b)));
    expect(byName(inReadme)).toEqual(byName(inSource));
    for (const [name] of inReadme) expect(door).toHaveProperty(String(name));
  });

  it('names a test for each guarantee, and the test is there', async () => {
    const guarantees = [...readme.matchAll(/^- (.+)\.\\\n {2}`(test\/[\w./-]+)`: (.+)$/gm)];
    expect(guarantees.length).toBeGreaterThan(20);
    expect(readme.split('## Guarantees')[1]?.split('\n##')[0]?.match(/^- /gm)?.length).toBe(guarantees.length);
    for (const [, what, file = '', title = ''] of guarantees) {
      expect(await read(file), `${what}: ${title} in ${file}`).toContain(title);
    }
  });

  it('imports only names that the package has', () => {
    const imports = [...readme.matchAll(/import \{([^}]*)\} from 'partstream'/g)];
    expect(imports.length).toBeGreaterThan(3);
    for (const [, names = ''] of imports) {
      for (const name of names.split(',')) expect(door).toHaveProperty(name.trim());
    }
  });

  it('has a stream and a file example of six lines', () => {
    const examples = [...readme.matchAll(/in six lines:\n\n```js\n(.*?)\n```/gs)];
    expect(examples.map(([, code = '']) => code.split('\n').length)).toEqual([6, 6]);
  });

  it('gives a reason for each dependency', async () => {
    const { dependencies } = JSON.parse(await read('package.json'));
    expect(namesIn('package').sort()).toEqual(Object.keys(dependencies).sort());
  });

  it('leads only to files that are there, and to scripts that exist', async () => {
    const files = [...readme.matchAll(/\]\(([^)#]+)\)|`(test\/[\w./-]+\.ts)`/g)].map(
      ([, link, name]) => link ?? name ?? '',
    );
    expect(files.length).toBeGreaterThan(5);
    for (const file of files) expect(existsSync(new URL(file, ROOT)), file).toBe(true);
    const { scripts } = JSON.parse(await read('package.json'));
    for (const [, script = ''] of readme.matchAll(/npm run ([\w:]+)/g)) expect(scripts).toHaveProperty([script]);
  });
});
