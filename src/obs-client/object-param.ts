/** The parameters that name an object, by the SDK's names. Refuses an SSE-C key that cannot be one. */

import type { ObsSourceOptions } from '../source-options.js';
import { invalidArgument } from './obs-client-error.js';
import { isGiven } from './read-value.js';

/** Parameters of both calls. */
export interface ObjectParam {
  /** Left out only where `getObjectMetadata` is called with `is_cname`. */
  readonly Bucket?: string | null | undefined;
  readonly Key: string;
  readonly VersionId?: string | null | undefined;
  /** 'AES256' */
  readonly SseC?: string | null | undefined;
  /** The raw 32 bytes, as text or Buffer; not base64. */
  readonly SseCKey?: string | Uint8Array | null | undefined;
  /** 'requester' */
  readonly RequestPayer?: string | null | undefined;
}

/** An object as `obs()` takes it. */
export type NamedObject = Pick<ObsSourceOptions, 'bucket' | 'key' | 'versionId' | 'sseC' | 'requesterPays'>;

/**
 * @param domain - stands for a Bucket that was left out
 * @throws ObsClientError `InvalidArgument`
 */
export function readObjectParam(param: ObjectParam, domain?: string): NamedObject {
  const bucket = param.Bucket || domain;
  if (!bucket) throw invalidArgument('Bucket is a required element!');
  if (!param.Key) throw invalidArgument('Key is a required element!');
  return {
    bucket: String(bucket),
    key: String(param.Key),
    ...(isGiven(param.VersionId) && { versionId: String(param.VersionId) }),
    ...readSseC(param),
    requesterPays: param.RequestPayer === 'requester',
  };
}

function readSseC({ SseC, SseCKey }: ObjectParam): Pick<ObsSourceOptions, 'sseC'> {
  if (!isGiven(SseC) && !isGiven(SseCKey)) return {};
  if (isGiven(SseC) && SseC !== 'AES256') throw invalidArgument("SseC must be 'AES256'");
  const key = typeof SseCKey === 'string' ? Buffer.from(SseCKey, 'utf8') : SseCKey;
  if (!(key instanceof Uint8Array) || key.byteLength !== 32) {
    throw invalidArgument('SseCKey must be 32 bytes, as text or a Buffer, not in base64');
  }
  return { sseC: { key } };
}
