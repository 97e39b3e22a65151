/** nginx from the system's packages, with a configuration, a directory and ports of its own. Ended by its pid. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { selfSignedCertificate } from '../fixtures/certificate.js';

export interface Nginx {
  /** `http://127.0.0.1:port` */
  readonly http: string;
  readonly https: string;
  /** Path of the certificate to trust. */
  readonly ca: string;
  readonly version: string;
  readonly child: ChildProcess;
}

/** Serves `root`, and keeps everything else that it writes in `directory`. */
export async function startNginx(root: string, directory: string): Promise<Nginx> {
  const version = nginxVersion();
  const { cert, key } = selfSignedCertificate();
  const [ca, keyPath, configPath] = ['nginx.crt', 'nginx.key', 'nginx.conf'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(ca, cert);
  writeFileSync(keyPath, key, { mode: 0o600 });
  const [httpPort, httpsPort] = await freePorts();
  writeFileSync(configPath, configuration({ root, directory, ca, keyPath, httpPort, httpsPort }));
  const child = spawn('nginx', ['-c', configPath, '-p', directory, '-e', join(directory, 'error.log')], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const http = `http://127.0.0.1:${httpPort}`;
  await untilItAnswers(http, child);
  return { http, https: `https://127.0.0.1:${httpsPort}`, ca, version, child };
}

/** The workers end with their master. */
export async function stopNginx({ child }: Nginx): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

function nginxVersion(): string {
  try {
    // It answers on stderr.
    const text = execFileSync('sh', ['-c', 'nginx -v 2>&1'], { encoding: 'utf8' });
    return text.trim().replace('nginx version: ', '');
  } catch {
    throw new Error('nginx is not installed; on Debian: apt-get install nginx');
  }
}

interface Placing {
  readonly root: string;
  readonly directory: string;
  readonly ca: string;
  readonly keyPath: string;
  readonly httpPort: number;
  readonly httpsPort: number;
}

function configuration({ root, directory, ca, keyPath, httpPort, httpsPort }: Placing): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `  ${kind}_temp_path ${join(directory, `nginx-${kind}`)};`,
  );
  // A worker of root would become nobody, who may not read a directory that is only ours.
  return `${process.getuid?.() === 0 ? 'user root;\n' : ''}daemon off;
worker_processes auto;
pid ${join(directory, 'nginx.pid')};
events { worker_connections 1024; }
http {
  access_log off;
  sendfile on;
  tcp_nodelay on;
  keepalive_requests 1000000;
  default_type application/octet-stream;
${temporary.join('\n')}
  server {
    listen 127.0.0.1:${httpPort};
    listen 127.0.0.1:${httpsPort} ssl;
    ssl_certificate ${ca};
    ssl_certificate_key ${keyPath};
    root ${root};
  }
}
`;
}

async function freePorts(): Promise<[number, number]> {
  const servers = [createServer(), createServer()];
  const ports = await Promise.all(
    servers.map(async (server) => {
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      return (server.address() as AddressInfo).port;
    }),
  );
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports as [number, number];
}

async function untilItAnswers(url: string, child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    if (child.exitCode !== null) throw new Error(`nginx ended with ${child.exitCode}`);
    const isUp = await fetch(url, { method: 'HEAD' }).then(
      () => true,
      () => false,
    );
    if (isUp) return;
    await delay(50);
  }
  throw new Error('nginx does not answer');
}
