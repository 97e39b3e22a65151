/** An object in Huawei OBS, or in a store that speaks its protocol. Refuses wrong options before any request. */

import { checkObsOptions, type ObsSourceOptions } from '../source-options.js';
import { obsChecksum } from './announced-checksum.js';
import { OBS_VARIABLES } from './credentials.js';
import type { ObjectSource } from './source.js';
import { createStoreSource } from './store-source.js';

/**
 * An object in Huawei OBS. Keys default to OBS_ACCESS_KEY_ID, OBS_SECRET_ACCESS_KEY and OBS_SECURITY_TOKEN of the
 * environment, read now.
 *
 * @example obs({ endpoint: 'https://obs.cn-north-4.myhuaweicloud.com', bucket: 'films', key: 'reel 1.mkv' })
 * @throws InvalidOptionError
 */
export function obs(options: ObsSourceOptions): ObjectSource {
  return createStoreSource(
    // Bucket names are unique in all of OBS, so the endpoint is no part of an object's name.
    { variables: OBS_VARIABLES, headers: {}, identityPrefix: () => 'obs://', checksum: obsChecksum },
    checkObsOptions(options),
  );
}
