/** An object in S3, or in a store that speaks its protocol. Refuses wrong options before any request. */

import { checkS3Options, type S3SourceOptions } from '../source-options.js';
import { s3Checksum } from './announced-checksum.js';
import { AWS_VARIABLES } from './credentials.js';
import { formatAuthority } from './endpoint.js';
import type { ObjectSource } from './source.js';
import { createStoreSource } from './store-source.js';

/**
 * An object in S3 or a compatible store (Ceph RGW, MinIO, R2, ...). Keys default to AWS_ACCESS_KEY_ID,
 * AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN of the environment, read now.
 *
 * @example s3({ endpoint: 'http://127.0.0.1:9000', bucket: 'films', key: 'reel 1.mkv' })
 * @throws InvalidOptionError
 */
export function s3(options: S3SourceOptions): ObjectSource {
  return createStoreSource(
    {
      variables: AWS_VARIABLES,
      headers: { 'x-amz-checksum-mode': 'ENABLED' },
      identityPrefix: (endpoint) => `s3://${formatAuthority(endpoint)}/`,
      checksum: s3Checksum,
    },
    checkS3Options(options),
  );
}
