/** The package as npm would publish it, in a project of its own: what a consumer gets, and not what lies in our tree. */

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { extract } from 'tar';

const root = fileURLToPath(new URL('../..', import.meta.url));

export interface Consumer {
  readonly directory: string;
  /** Writes a file of the project. */
  write(name: string, text: string): Promise<void>;
  /** Runs one of its programs with the Node that runs the tests; returns what it printed. */
  run(...args: string[]): Promise<string>;
  /** Runs TypeScript over it; returns its complaints, nothing when it has none. */
  compile(options: Record<string, unknown>, files: readonly string[]): Promise<string>;
  remove(): Promise<void>;
}

/** Packs what was built, and lays it into a fresh project beside the dependencies that it names. */
export async function createConsumer(): Promise<Consumer> {
  const directory = await mkdtemp(join(tmpdir(), 'partstream-consumer-'));
  const installed = join(directory, 'node_modules', 'partstream');
  await mkdir(installed, { recursive: true });
  // Its scripts would build again, under the feet of other tests.
  const pack = ['pack', '--ignore-scripts', '--json', '--pack-destination', directory];
  const { stdout } = await promisify(execFile)('npm', pack, { cwd: root });
  const [{ filename }] = JSON.parse(stdout) as [{ filename: string }];
  await extract({ file: join(directory, filename), cwd: installed, strip: 1 });

  const manifest = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'));
  for (const name of Object.keys(manifest.dependencies)) {
    await link(join(installed, 'node_modules', name), join(root, 'node_modules', name));
  }
  await link(join(directory, 'node_modules', '@types', 'node'), join(root, 'node_modules', '@types', 'node'));

  const run = async (...args: string[]): Promise<string> =>
    (await promisify(execFile)(process.execPath, args, { cwd: directory })).stdout;
  return {
    directory,
    write: (name, text) => writeFile(join(directory, name), text),
    run,
    async compile(compilerOptions, files) {
      await writeFile(join(directory, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));
      const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
      return await run(compiler, '--noEmit', '-p', directory).catch((error: { stdout: string }) => error.stdout);
    },
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}

async function link(from: string, to: string): Promise<void> {
  await mkdir(dirname(from), { recursive: true });
  await symlink(to, from, 'junction');
}
