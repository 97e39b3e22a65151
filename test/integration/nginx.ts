/**
 * An nginx of our own: own configuration, own directory, free ports, no daemon. Each location serves the same files
 * with one habit. Its access log tells how many bytes it sent. Ends with the process that is stopped, by its pid.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { selfSignedCertificate } from '../fixtures/certificate.js';
import { freePort, untilListening } from './free-port.js';

const HABITS = {
  plain: '',
  gzip: 'gzip on; gzip_types *; gzip_min_length 1; gzip_proxied any;',
  'short-lived': 'keepalive_requests 3;',
  'no-ranges': 'max_ranges 0;',
  // Without sendfile and with small buffers the rate is even, and not one burst per second.
  slow: 'limit_rate 8m; sendfile off; output_buffers 1 64k;',
} as const;

export interface Nginx {
  /** What is put here is served. */
  readonly root: string;
  /** PEM, to trust it by. */
  readonly certificate: string;
  url(habit: keyof typeof HABITS, name: string, scheme?: 'http' | 'https'): string;
  /** The answers to GET so far, once no connection is open. */
  served(): Promise<{ status: number; bodyBytes: number; connection: string; encoding: string }[]>;
  stop(): Promise<void>;
}

export async function startNginx(): Promise<Nginx> {
  const home = await mkdtemp(join(tmpdir(), 'partstream-nginx-'));
  const root = join(home, 'root');
  await mkdir(root);
  const { cert, key } = selfSignedCertificate();
  await writeFile(join(home, 'cert.pem'), cert);
  await writeFile(join(home, 'key.pem'), key, { mode: 0o600 });
  try {
    const { child, port, tlsPort } = await launch(home, root);
    const stop = async () => {
      const exit = once(child, 'exit');
      if (child.exitCode === null && child.kill('SIGTERM')) await exit;
      await rm(home, { recursive: true, force: true });
    };
    return {
      root,
      certificate: cert,
      url: (habit, name, scheme = 'http') =>
        `${scheme}://127.0.0.1:${scheme === 'http' ? port : tlsPort}/${habit}/${name}`,
      served: async () => {
        await untilIdle(port);
        const lines = (await readFile(join(home, 'access.log'), 'utf8')).split('\n');
        return lines
          .filter((line) => line.startsWith('GET '))
          .map((line) => {
            const [, status, bodyBytes, connection = '', encoding = ''] = line.split(' ');
            return { status: Number(status), bodyBytes: Number(bodyBytes), connection, encoding };
          });
      },
      stop,
    };
  } catch (error) {
    await rm(home, { recursive: true, force: true });
    throw error;
  }
}

/** nginx cannot choose a port: another process may take the one that was free a moment ago. */
async function launch(home: string, root: string): Promise<{ child: ChildProcess; port: number; tlsPort: number }> {
  const errorLog = join(home, 'error.log');
  for (let attempt = 1; ; attempt += 1) {
    const [port, tlsPort] = [await freePort(), await freePort()];
    await writeFile(join(home, 'nginx.conf'), configuration(home, root, port, tlsPort));
    const child = spawn('nginx', ['-p', home, '-c', join(home, 'nginx.conf'), '-e', errorLog], { stdio: 'inherit' });
    const ended = Promise.race([once(child, 'exit'), once(child, 'error').then(([error]) => Promise.reject(error))]);
    const isUp = await Promise.race([untilListening(port).then(() => true), ended.then(() => false)]);
    if (isUp) return { child, port, tlsPort };
    if (attempt === 3) throw new Error(`nginx does not start: ${await readFile(errorLog, 'utf8')}`);
  }
}

function configuration(home: string, root: string, port: number, tlsPort: number): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const locations = Object.entries(HABITS).map(([name, habit]) => `location /${name}/ { alias ${root}/; ${habit} }`);
  return `
daemon off;
${process.getuid?.() === 0 ? 'user root;' : ''}
worker_processes 2;
pid ${home}/nginx.pid;
events { worker_connections 512; }
http {
  ${temporary.map((kind) => `${kind}_temp_path ${home}/${kind};`).join('\n  ')}
  types { text/plain txt; }
  default_type application/octet-stream;
  log_format counted '$request_method $status $body_bytes_sent $sent_http_connection $sent_http_content_encoding';
  access_log ${home}/access.log counted;
  sendfile on;
  server {
    listen 127.0.0.1:${port};
    listen 127.0.0.1:${tlsPort} ssl;
    ssl_certificate ${home}/cert.pem;
    ssl_certificate_key ${home}/key.pem;
    location = /status { stub_status; access_log off; }
    ${locations.join('\n    ')}
  }
}
`;
}

/** A request is logged when its connection has ended; the one that asks is left. */
async function untilIdle(port: number): Promise<void> {
  for (;;) {
    const response = await fetch(`http://127.0.0.1:${port}/status`, { headers: { connection: 'close' } });
    const [, reading, writing] = /Reading: (\d+) Writing: (\d+)/.exec(await response.text()) ?? [];
    if (reading === '0' && writing === '1') return;
    await sleep(20);
  }
}
