/** Certificates for TLS tests, made by the openssl program at test time so that none can run out in the repository. */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

/** A self-signed certificate. `days: 0` gives one that is out of date at once. */
export function selfSigned(names: string, days = 2): Certificate {
  const directory = mkdtempSync(join(tmpdir(), 'partstream-tls-'));
  try {
    const file = (name: string) => join(directory, name);
    const [key, request, extensions, cert] = [
      file('key.pem'),
      file('request.pem'),
      file('names.cnf'),
      file('cert.pem'),
    ];
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    writeFileSync(extensions, `subjectAltName=${names}\n`);
    openssl('req', '-new', ...curve, '-keyout', key, '-out', request, '-subj', '/CN=partstream test');
    // `req -x509` knows no certificate of 0 days; `x509 -req` does.
    openssl('x509', '-req', '-in', request, '-signkey', key, '-days', `${days}`, '-extfile', extensions, '-out', cert);
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function openssl(...parameters: string[]): void {
  execFileSync('openssl', parameters, { stdio: 'ignore' });
}
