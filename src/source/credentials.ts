/**
 * Where a store's keys come from: given, asked of a provider, or the environment. Refuses to sign with half a pair,
 * and to guess: no file, no metadata service is looked at unless the caller asks for it.
 */

import { AccessDeniedError, InvalidOptionError } from '../errors.js';
import { redactCause } from '../redact.js';
import { type Credentials, type CredentialsProvider, checkCredentials } from '../source-options.js';
import { Renewable } from './renewable.js';
import type { RequestContext, SourceRequest } from './source.js';

/** Hands out credentials for one request at a time; `undefined` means anonymous. */
export interface Keyring {
  readonly canRefresh: boolean;
  lend(context: RequestContext, build: (credentials: Credentials | undefined) => SourceRequest): Promise<SourceRequest>;
}

/** The names of the environment variables of one kind of store. */
export interface CredentialVariables {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly securityToken: string;
}

export const OBS_VARIABLES: CredentialVariables = {
  accessKeyId: 'OBS_ACCESS_KEY_ID',
  secretAccessKey: 'OBS_SECRET_ACCESS_KEY',
  securityToken: 'OBS_SECURITY_TOKEN',
};

export const AWS_VARIABLES: CredentialVariables = {
  accessKeyId: 'AWS_ACCESS_KEY_ID',
  secretAccessKey: 'AWS_SECRET_ACCESS_KEY',
  securityToken: 'AWS_SESSION_TOKEN',
};

/** Throws InvalidOptionError when nothing was given and the environment has no pair of keys. */
export function openKeyring(
  given: Credentials | CredentialsProvider | 'anonymous' | undefined,
  variables: CredentialVariables,
): Keyring {
  if (typeof given === 'function') return askedKeyring(given);
  const fixed = given === 'anonymous' ? undefined : (given ?? readEnvironment(variables));
  return { canRefresh: false, lend: async (_context, build) => build(fixed) };
}

/** Throws InvalidOptionError that says what to set. */
export function readEnvironment(variables: CredentialVariables, env: NodeJS.ProcessEnv = process.env): Credentials {
  const accessKeyId = env[variables.accessKeyId];
  const secretAccessKey = env[variables.secretAccessKey];
  const securityToken = env[variables.securityToken];
  if (!accessKeyId || !secretAccessKey) {
    throw new InvalidOptionError(
      'credentials',
      `not given, and ${variables.accessKeyId} and ${variables.secretAccessKey} are not both set in the environment; ` +
        "set them, or pass { accessKeyId, secretAccessKey }, a provider function, or 'anonymous' for a public object",
    );
  }
  return checkCredentials({ accessKeyId, secretAccessKey, ...(securityToken ? { securityToken } : {}) });
}

function askedKeyring(provider: CredentialsProvider): Keyring {
  const renewable = new Renewable<Credentials>({
    what: 'the credentials provider',
    ask: async ({ reason }) => checkCredentials(await provider({ reason })),
    expiresAt: (credentials) => credentials.expiresAt,
    // 401: there is nothing to authenticate with. No store was asked.
    failure: (cause) =>
      new AccessDeniedError(
        'the credentials provider failed',
        { statusCode: 401, storeCode: 'CredentialsProviderFailed' },
        { cause: redactCause(cause) },
      ),
  });
  return { canRefresh: true, lend: (context, build) => renewable.lend(context, build) };
}
