/**
 * A Ceph cluster of our own with a RADOS gateway, which speaks S3: one monitor, one disk (a file), one manager, one
 * gateway. Own directory, loopback, free ports, no authentication inside. Ended by the pids of its processes.
 */

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { constants } from 'node:fs';
import { access, mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from './free-port.js';

const PROGRAMS = [
  'ceph',
  'ceph-mon',
  'ceph-osd',
  'ceph-mgr',
  'monmaptool',
  'ceph-authtool',
  'radosgw',
  'radosgw-admin',
];
const PACKAGES = 'ceph-mon ceph-osd ceph-mgr radosgw';
const BOOT_LIMIT_MS = 150_000;

export interface CephRgw {
  /** `http://127.0.0.1:port`. */
  readonly endpoint: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  stop(): Promise<void>;
}

/** Why a cluster cannot be started on this machine; undefined when nothing is missing. */
export async function missingCeph(): Promise<string | undefined> {
  const missing: string[] = [];
  for (const program of PROGRAMS) {
    const places = (process.env.PATH ?? '').split(delimiter).map((directory) => join(directory, program));
    const found = await Promise.any(places.map((place) => access(place, constants.X_OK))).then(
      () => true,
      () => false,
    );
    if (!found) missing.push(program);
  }
  return missing.length === 0
    ? undefined
    : `${missing.join(', ')} not installed: apt-get install --no-install-recommends ${PACKAGES}`;
}

/** Boots it, in about 20 seconds. */
export async function startCephRgw(): Promise<CephRgw> {
  const home = await mkdtemp(join(tmpdir(), 'partstream-ceph-'));
  const daemons: ChildProcess[] = [];
  const endAll = () => {
    for (const daemon of daemons) daemon.kill('SIGKILL');
  };
  process.once('exit', endAll);
  const stop = async () => {
    process.off('exit', endAll);
    // The gateway first, the monitor last: each ends while those that it needs are still there.
    for (const daemon of daemons.reverse()) await end(daemon);
    await rm(home, { recursive: true, force: true });
  };
  try {
    return { ...(await boot(home, daemons)), stop };
  } catch (error) {
    const logs = await lastLines(home);
    await stop();
    throw new Error(`the Ceph cluster does not start: ${(error as Error).message}\n${logs}`, { cause: error });
  }
}

async function boot(home: string, daemons: ChildProcess[]): Promise<Omit<CephRgw, 'stop'>> {
  const deadline = AbortSignal.timeout(BOOT_LIMIT_MS);
  const [clusterId, diskId] = [randomUUID(), randomUUID()];
  const [monitorPort, oldMonitorPort, gatewayPort] = [await freePort(), await freePort(), await freePort()];
  const monitor = `[v2:127.0.0.1:${monitorPort},v1:127.0.0.1:${oldMonitorPort}]`;
  const config = join(home, 'ceph.conf');
  await Promise.all(['mon', 'osd', 'mgr', 'rgw'].map((name) => mkdir(join(home, name))));
  await writeFile(config, configuration(home, clusterId, monitor, gatewayPort));

  const run = async (program: string, ...args: string[]): Promise<string> => {
    const { stdout } = await promisify(execFile)(program, ['-c', config, ...args], { signal: deadline });
    return stdout;
  };
  const start = async (program: string, ...args: string[]): Promise<void> => {
    const log = await open(join(home, `${program}.out`), 'w');
    const daemon = spawn(program, ['-f', '-c', config, ...args], { stdio: ['ignore', log.fd, log.fd] });
    await once(daemon, 'spawn');
    await log.close();
    daemons.push(daemon);
  };

  const [map, keyring] = [join(home, 'monmap'), join(home, 'keyring')];
  await run('monmaptool', '--create', '--fsid', clusterId, '--addv', 'a', monitor, map);
  await run('ceph-authtool', '--create-keyring', keyring, '--gen-key', '-n', 'mon.', '--cap', 'mon', 'allow *');
  await run('ceph-mon', '--mkfs', '-i', 'a', '--monmap', map, '--keyring', keyring);
  await start('ceph-mon', '-i', 'a');

  // The cluster must know the disk by the very id that the disk was made with.
  await run('ceph', 'osd', 'new', diskId);
  await Promise.all([
    start('ceph-mgr', '-i', 'a'),
    run('ceph-osd', '-i', '0', '--mkfs', '--osd-uuid', diskId).then(() => start('ceph-osd', '-i', '0')),
  ]);
  const credentials = { accessKeyId: 'AKPARTSTREAMCEPH0001', secretAccessKey: randomUUID().replaceAll('-', '') };
  // It waits until the cluster can keep data.
  await run(
    'radosgw-admin',
    ...['user', 'create', '--uid=tester', '--display-name=tester'],
    ...[`--access-key=${credentials.accessKeyId}`, `--secret-key=${credentials.secretAccessKey}`],
  );
  await start('radosgw', '-n', 'client.rgw');
  const gateway = daemons.at(-1);
  const endpoint = `http://127.0.0.1:${gatewayPort}`;
  while (!(await answers(endpoint))) {
    deadline.throwIfAborted();
    if (gateway?.exitCode !== null) throw new Error('radosgw ended');
    await sleep(100);
  }
  return { endpoint, credentials };
}

function configuration(home: string, clusterId: string, monitor: string, gatewayPort: number): string {
  return `
[global]
fsid = ${clusterId}
mon_host = ${monitor}
mon_initial_members = a
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
run_dir = ${home}
admin_socket =
pid_file =
crash_dir = ${home}
log_file = ${home}/$type.$id.log
log_to_stderr = false
err_to_stderr = true
mon_cluster_log_file = ${home}/cluster.log
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 4
osd_pool_default_pgp_num = 4
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 1000
mon_data_avail_crit = 1
mon_data_avail_warn = 2
[mon]
mon_data = ${home}/mon
[mgr]
mgr_data = ${home}/mgr
mgr_initial_modules =
[osd]
osd_data = ${home}/osd
osd_objectstore = bluestore
bluestore_block_size = 4294967296
bluestore_cache_size = 67108864
osd_memory_target = 939524096
osd_class_update_on_start = true
[client]
# Without authentication there is no secret to encrypt with.
ms_mon_client_mode = crc
keyring = ${home}/keyring
[client.rgw]
rgw_data = ${home}/rgw
rgw_frontends = beast endpoint=127.0.0.1:${gatewayPort}
rgw_crypt_require_ssl = false
rgw_thread_pool_size = 64
`;
}

async function answers(endpoint: string): Promise<boolean> {
  return await fetch(endpoint).then(
    async (response) => {
      await response.arrayBuffer();
      return response.status < 500;
    },
    () => false,
  );
}

async function end(daemon: ChildProcess): Promise<void> {
  if (daemon.exitCode !== null || daemon.signalCode !== null) return;
  const exit = once(daemon, 'exit');
  daemon.kill('SIGTERM');
  const patience = setTimeout(() => daemon.kill('SIGKILL'), 5000);
  await exit;
  clearTimeout(patience);
}

/** What the programs said at last, for whoever has to find out why they did not start. */
async function lastLines(home: string): Promise<string> {
  const names = ['ceph-mon.out', 'ceph-osd.out', 'ceph-mgr.out', 'radosgw.out', 'client.rgw.log', 'osd.0.log'];
  const texts = await Promise.all(
    names.map(async (name) => {
      const text = await readFile(join(home, name), 'utf8').catch(() => '');
      return text === '' ? '' : `--- ${name}\n${text.split('\n').slice(-8).join('\n')}`;
    }),
  );
  return texts.join('\n');
}
