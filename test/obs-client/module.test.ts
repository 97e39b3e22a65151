import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Runs a program in the package, as built; returns what it printed. */
async function print(type: 'commonjs' | 'module', program: string): Promise<unknown> {
  const { stdout } = await promisify(execFile)(process.execPath, [`--input-type=${type}`, '-e', program], {
    cwd: root,
  });
  return JSON.parse(stdout);
}

describe('partstream/obs-client', () => {
  it('is the class when it is required, and carries it under its name', async () => {
    const program = `
      const Client = require('partstream/obs-client');
      const { ObsClient } = Client;
      const client = new Client({ server: 'obs.example.com' });
      console.log(JSON.stringify([Client.name, ObsClient === Client, Client.default === Client, client instanceof Client,
        require('partstream/obs-client') === Client, typeof Client.ObsClientError]));`;
    expect(await print('commonjs', program)).toEqual(['ObsClient', true, true, true, true, 'function']);
  });

  it('has the class as its default export and by name when it is imported', async () => {
    const program = `
      import Client, { ObsClient, ObsClientError } from 'partstream/obs-client';
      const names = Object.keys(await import('partstream/obs-client')).sort();
      console.log(JSON.stringify([Client === ObsClient, new ObsClientError('A', 'b') instanceof Error, names]));`;
    expect(await print('module', program)).toEqual([
      true,
      true,
      ['ObsClient', 'ObsClientError', 'default', 'module.exports'],
    ]);
  });
});
