/**
 * Temporary keys of the agency of a Huawei Cloud server, from its metadata service. Refuses to be used unless the
 * caller asks for it, to follow a redirect, to use a proxy, and to believe an answer of another shape.
 */

import { Agent, request } from 'undici';
import { AccessDeniedError, isDownloadError, NetworkError, ProtocolError, StoreError } from '../errors.js';
import { checkKeys, checkText } from '../option-checks.js';
import { redactCause } from '../redact.js';
import type { Credentials, CredentialsProvider } from '../source-options.js';
import { formatOrigin, parseEndpoint } from './endpoint.js';

/** Options of {@link ecsMetadataCredentials}. */
export interface EcsMetadataOptions {
  /** @default 'http://169.254.169.254' */
  readonly endpoint?: string | undefined;
}

const TOKEN_LIFE_SECONDS = 21_600;
const CONNECT_MS = 2_000;
const ANSWER_MS = 5_000;
const MAX_ANSWER_BYTES = 65_536;

/**
 * A credentials provider that asks the metadata service of the server it runs on: with a token (IMDS v2), or without
 * where the service knows none. Nothing is connected to before the first request of a source that uses it.
 *
 * Rejects with NetworkError, AccessDeniedError (the server has no agency), StoreError or ProtocolError.
 *
 * @example obs({ endpoint, bucket, key, credentials: ecsMetadataCredentials() })
 * @throws InvalidOptionError
 */
export function ecsMetadataCredentials(options?: EcsMetadataOptions): CredentialsProvider {
  const given = checkKeys('options', options, ['endpoint']);
  const endpoint = given.endpoint === undefined ? 'http://169.254.169.254' : checkText('endpoint', given.endpoint);
  const origin = formatOrigin(parseEndpoint(endpoint));
  return async () => {
    const dispatcher = new Agent({
      connect: { timeout: CONNECT_MS },
      headersTimeout: ANSWER_MS,
      bodyTimeout: ANSWER_MS,
      maxResponseSize: MAX_ANSWER_BYTES,
    });
    const ask: Ask = async (method, path, headers) => {
      const answer = await request(`${origin}${path}`, { method, headers, dispatcher });
      return { statusCode: answer.statusCode, text: await answer.body.text() };
    };
    try {
      return parseSecurityKey(await askSecurityKey(ask));
    } catch (error) {
      if (isDownloadError(error)) throw error;
      throw new NetworkError(`the ECS metadata service at ${origin} cannot be reached`, { cause: redactCause(error) });
    } finally {
      await dispatcher.destroy();
    }
  };
}

interface Answer {
  readonly statusCode: number;
  readonly text: string;
}
type Ask = (method: 'GET' | 'PUT', path: string, headers: Record<string, string>) => Promise<Answer>;

async function askSecurityKey(ask: Ask): Promise<string> {
  const token = await ask('PUT', '/meta-data/latest/api/token', {
    'x-metadata-token-ttl-seconds': String(TOKEN_LIFE_SECONDS),
  });
  const knowsNoToken = token.statusCode === 404 || token.statusCode === 405;
  const tokenHeader: Record<string, string> = knowsNoToken ? {} : { 'x-metadata-token': readToken(token) };
  return accepted(await ask('GET', '/openstack/latest/securitykey', tokenHeader));
}

function readToken(answer: Answer): string {
  const token = accepted(answer).trim();
  if (!/^[\x21-\x7e]{1,4096}$/.test(token)) throw new ProtocolError('the ECS metadata service gave a malformed token');
  return token;
}

function accepted(answer: Answer): string {
  const { statusCode } = answer;
  if (statusCode === 200) return answer.text;
  const message = `the ECS metadata service answered HTTP ${statusCode}`;
  if (statusCode >= 500 || statusCode === 429) throw new StoreError(message, { statusCode });
  if (statusCode >= 400) throw new AccessDeniedError(`${message}: has this server an agency?`, { statusCode });
  throw new ProtocolError(message);
}

/** `{"credential":{"access","secret","securitytoken","expires_at"}}`. */
function parseSecurityKey(text: string): Credentials {
  const malformed = (): never => {
    // No piece of the answer is shown: it may hold the keys.
    throw new ProtocolError('the ECS metadata service gave malformed credentials');
  };
  let credential: Record<string, unknown> | undefined;
  try {
    credential = (JSON.parse(text) as { credential?: Record<string, unknown> } | null)?.credential;
  } catch {
    return malformed();
  }
  const { access, secret, securitytoken, expires_at } = credential ?? {};
  const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
  if (!isText(access) || !isText(secret) || !isText(securitytoken) || !isText(expires_at)) return malformed();
  const expiresAt = new Date(expires_at);
  if (!/^\d{4}-\d\d-\d\dT/.test(expires_at) || Number.isNaN(expiresAt.getTime())) return malformed();
  return { accessKeyId: access, secretAccessKey: secret, securityToken: securitytoken, expiresAt };
}
