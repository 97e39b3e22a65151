/** Temporary URLs of objects, to hand to somebody without keys. Refuses to sign with credentials it would have to ask for. */

import { InvalidOptionError } from '../errors.js';
import { checkDate, checkInteger, checkOneOf, refuse } from '../option-checks.js';
import { type Credentials, checkCredentials, checkObsOptions, type ObsSourceOptions } from '../source-options.js';
import { wallClockMs } from '../time.js';
import { OBS_VARIABLES, readEnvironment } from './credentials.js';
import { addressObject, locateObject } from './object-place.js';
import { presignObs } from './sign-obs.js';
import { presignV4 } from './sign-v4.js';

/** Options of {@link createPresignedUrl}. */
export interface PresignedUrlOptions
  extends Pick<
    ObsSourceOptions,
    'endpoint' | 'bucket' | 'key' | 'versionId' | 'signature' | 'region' | 'addressing' | 'query'
  > {
  /** @default OBS_ACCESS_KEY_ID, OBS_SECRET_ACCESS_KEY and OBS_SECURITY_TOKEN of the environment */
  readonly credentials?: Credentials | undefined;
  /** @default 'GET' */
  readonly method?: 'GET' | 'HEAD' | undefined;
  /** 1 to 632 448 000 (20 years); 604 800 (7 days) with 'v4', which allows no more. @default 300 */
  readonly expiresInSeconds?: number | undefined;
  /** @default now */
  readonly date?: Date | undefined;
}

/**
 * A URL that holds for `expiresInSeconds`. For S3 and its relatives take `signature: 'v4'` and a region.
 *
 * @throws InvalidOptionError
 */
export function createPresignedUrl(options: PresignedUrlOptions): string {
  if (typeof options !== 'object' || options === null) refuse('options', options, 'an object');
  const { method = 'GET', expiresInSeconds = 300, date = new Date(wallClockMs()), ...store } = options;
  for (const option of ['sseC', 'requesterPays'] as const) {
    if ((store as Partial<ObsSourceOptions>)[option]) throw new InvalidOptionError(option, 'cannot be part of a URL');
  }
  const checked = checkObsOptions(store);
  if (checked.credentials !== undefined && typeof checked.credentials !== 'object') {
    throw new InvalidOptionError('credentials', 'a URL is signed with keys, not with a provider or anonymously');
  }
  checkOneOf('method', method, ['GET', 'HEAD']);
  const year = checkDate('date', date).getUTCFullYear();
  if (year < 1970 || year > 9900) refuse('date', date.toISOString(), 'a date from 1970 to 9900');
  checkInteger('expiresInSeconds', expiresInSeconds, 1, (checked.signature === 'v4' ? 7 : 20 * 366) * 86_400);
  const credentials = checked.credentials ? checkCredentials(checked.credentials) : readEnvironment(OBS_VARIABLES);
  const place = locateObject(addressObject(checked));
  const signing = { credentials, method, place, headers: {} };
  return checked.signature === 'v4'
    ? presignV4({ ...signing, region: checked.region ?? '' }, date, expiresInSeconds)
    : presignObs({ ...signing, dialect: checked.signature }, new Date(date.getTime() + expiresInSeconds * 1000));
}
