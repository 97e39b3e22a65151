/** Runs one call with the official SDK and with the drop-in, each against a server of its own, and tells how it went. */

import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Agent } from 'undici';
import ObsClient, { type ObsClientOptions } from '../../src/obs-client.js';
import { loopbackLookup } from '../fixtures/loopback-lookup.js';
import { type ObsServer, type ObsServerOptions, obsServer } from '../fixtures/obs-server.js';
import { sdkClient } from '../fixtures/sdk-client.js';

export type Who = 'sdk' | 'ours';
// biome-ignore lint/suspicious/noExplicitAny: both clients, called in ways that no type allows
export type AnyClient = any;

/** What a case has to work with. */
export interface Stage {
  readonly who: Who;
  readonly server: ObsServer;
  readonly client: AnyClient;
  /** Empty, and the working directory. */
  readonly directory: string;
  readonly file: string;
  /** More clients for the same server. */
  connect(options?: Record<string, unknown>): Promise<AnyClient>;
}

/** How a call ended, without what differs from run to run. */
export interface Outcome {
  readonly settled: 'resolved' | 'rejected' | 'pending';
  /** The last error's code, or all of it when it is the store's own. */
  readonly error?: string;
  readonly result?: unknown;
  /** How often the callback was called; 1 for a promise. */
  readonly calls: number;
  readonly resumes: number;
  /** The last call of ProgressCallback: bytes and total. */
  readonly progress: readonly [number, number] | undefined;
  /** What is in the directory, by name: a digest of each file. */
  readonly files: Readonly<Record<string, string>>;
}

export async function onStage<T>(
  who: Who,
  options: ObsServerOptions,
  clientOptions: (server: ObsServer) => Record<string, unknown>,
  use: (stage: Stage) => Promise<T>,
): Promise<T> {
  const server = await obsServer({ customDomains: { 'downloads.test': 'data' }, ...options });
  const directory = await realpath(await mkdtemp(join(tmpdir(), 'partstream-both-')));
  const agent = new Agent({ connect: { lookup: loopbackLookup } });
  const before = process.cwd();
  const connect = async (more: Record<string, unknown> = {}): Promise<AnyClient> => {
    const all = { ...clientOptions(server), ...more };
    if (who === 'sdk') return sdkClient(server, all);
    return new ObsClient({ ...ownOptions(server, agent), ...all } as ObsClientOptions);
  };
  try {
    process.chdir(directory);
    return await use({
      who,
      server,
      client: await connect(),
      directory,
      file: join(directory, 'out.bin'),
      connect,
    });
  } finally {
    process.chdir(before);
    await agent.destroy();
    await server.close();
    await rm(directory, { recursive: true, force: true });
  }
}

/** The drop-in as sdkClient() makes the SDK: the same place, the same keys. */
function ownOptions(server: ObsServer, dispatcher: Agent): ObsClientOptions {
  const { accessKeyId, secretAccessKey } = server.credentials;
  return {
    access_key_id: accessKeyId,
    secret_access_key: secretAccessKey,
    server: `http://obs.test:${server.port}`,
    region: 'cn-north-4',
    max_retry_count: 1,
    dispatcher,
  };
}

/** One call of a method, with a callback unless `style` says otherwise. */
export async function callOnce(
  { client, directory, server, who }: Stage,
  param: Record<string, unknown> | undefined,
  { style = 'callback', method = 'downloadFile' }: { style?: 'callback' | 'promise' | 'async'; method?: string } = {},
): Promise<Outcome> {
  const calls: [error: unknown, result: unknown][] = [];
  let resumes = 0;
  let progress: [number, number] | undefined;
  const watched = param && {
    ...param,
    ProgressCallback: (transferred: number, total: number, seconds: number) => {
      if (!(seconds >= 0)) throw new Error('no time');
      progress = [transferred, total];
      return (param.ProgressCallback as ((...all: number[]) => void) | undefined)?.(transferred, total, seconds);
    },
    ResumeCallback: (control: { cancel(): void }) => {
      resumes += 1;
      return (param.ResumeCallback as ((all: unknown) => void) | undefined)?.(control);
    },
  };
  const listener = (error: unknown, result: unknown) => void calls.push([error, result]);
  if (style === 'promise') {
    client[method](watched).then(
      (result: unknown) => calls.push([null, result]),
      (error: unknown) => calls.push([error, undefined]),
    );
  } else if (style === 'async') {
    client[method](watched, async (error: unknown, result: unknown) => listener(error, result));
  } else {
    client[method](watched, listener);
  }
  // After a failed part the SDK goes on with the others, and fails again at the end.
  const mayGoOn = () => calls.length === 0 || String(calls.at(-1)?.[0]).startsWith('DownloadFileFailed');
  await settled(() => calls.length > 0, mayGoOn, server, who);
  return { ...describe(calls), resumes, progress, files: await digests(directory) };
}

/** Until the call has settled and, for the SDK, which goes on after that, the wire is quiet. */
async function settled(isSettled: () => boolean, mayGoOn: () => boolean, server: ObsServer, who: Who): Promise<void> {
  let quietMs = 0;
  for (let waitedMs = 0; waitedMs < 8000; waitedMs += 5) {
    if (who === 'ours' && isSettled()) return;
    quietMs = server.openSockets() === 0 ? quietMs + 5 : 0;
    // What is not on the wire for so long never goes on.
    if (who === 'sdk' && quietMs >= (mayGoOn() ? 250 : 30)) return;
    await delay(5);
  }
}

function describe(calls: readonly [unknown, unknown][]): Pick<Outcome, 'settled' | 'error' | 'result' | 'calls'> {
  const last = calls.at(-1);
  if (last === undefined) return { settled: 'pending', calls: 0 };
  const [error, result] = last;
  if (error) return { settled: 'rejected', error: comparable(String(error)), calls: calls.length };
  return { settled: 'resolved', result: withoutRequest(result), calls: calls.length };
}

const CLIENT_CODES = [
  'GetObjectSizeError',
  'DownloadFileFailed',
  'IncompletedDownload',
  'InvalidArgument',
  'Download suspened',
];

/** The store's errors are the same word for word; of a client's own only the code is a promise. */
function comparable(text: string): string {
  return CLIENT_CODES.find((code) => text === code || text.startsWith(`${code}:`)) ?? text;
}

function withoutRequest(result: unknown): unknown {
  const { CommonMsg, InterfaceResult } = result as Record<string, Record<string, unknown> | undefined>;
  return {
    CommonMsg: { ...CommonMsg, RequestId: typeof CommonMsg?.RequestId, Id2: undefined },
    ...(InterfaceResult && {
      InterfaceResult: {
        ...InterfaceResult,
        RequestId: typeof InterfaceResult.RequestId,
        Id2: typeof InterfaceResult.Id2,
        Date: typeof InterfaceResult.Date,
      },
      keys: Object.keys(InterfaceResult).sort(),
    }),
  };
}

/** Every file below a directory. */
async function digests(directory: string): Promise<Record<string, string>> {
  const found = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = found.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const entries = await Promise.all(
    files.sort().map(async (path) => [path.slice(directory.length + 1), digest(await readFile(path))] as const),
  );
  return Object.fromEntries(entries);
}

function digest(bytes: Uint8Array): string {
  return `${bytes.length} bytes, ${createHash('md5').update(bytes).digest('hex')}`;
}
