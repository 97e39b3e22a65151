/**
 * The second door: the ObsClient of the OBS Node.js SDK, for its resumable download. `require('partstream/obs-client')`
 * is the class. Refuses to be the whole SDK: it downloads and looks at objects, nothing else.
 */

import { readCertificateFile } from './obs-client/certificate-file.js';
import { requestFailure } from './obs-client/client-error-of.js';
import { type ClientSettings, type ObsClientOptions, readClientOptions } from './obs-client/client-options.js';
import { withCurrentKeys } from './obs-client/current-keys.js';
import { type DownloadFileParam, readDownloadParam } from './obs-client/download-param.js';
import { headObject } from './obs-client/head-object.js';
import { type NamedObject, type ObjectParam, readObjectParam } from './obs-client/object-param.js';
import { ObsClientError } from './obs-client/obs-client-error.js';
import { type ObsRefusal, type ObsResult, obsRefusal, obsResult } from './obs-client/obs-result.js';
import { downloadResumably } from './obs-client/resumable-download.js';
import { deliver, type ObsCallback } from './obs-client/user-callback.js';
import { checkHeaderValue } from './option-checks.js';
import { obs } from './source/obs-source.js';
import { headerPrefix } from './source/signed-request.js';
import type { ObjectSource } from './source/source.js';
import type { Credentials } from './source-options.js';
import type { TlsOptions } from './tls-options.js';

/** Parameters of {@link ObsClient.getObjectMetadata}. */
export interface GetObjectMetadataParam extends ObjectParam {
  readonly Origin?: string | null | undefined;
  /** Sent as `Access-Control-Request-Headers`. */
  readonly RequestHeader?: string | null | undefined;
}

/**
 * A client for one endpoint, as `esdk-obs-nodejs` has it. It holds no connections: there is nothing that has to be
 * closed. Every method also exists with a capital first letter.
 *
 * @example
 * const ObsClient = require('partstream/obs-client');
 * const client = new ObsClient({ access_key_id, secret_access_key, server: 'https://obs.cn-north-4.myhuaweicloud.com' });
 * client.downloadFile({ Bucket: 'films', Key: 'reel 1.mkv', DownloadFile: 'reel.mkv', EnableCheckpoint: true }, (err, result) => {
 *   console.log(err ? `failed: ${err}` : result.InterfaceResult.LastModified);
 * });
 */
export class ObsClient {
  /** The class itself, for `const { ObsClient } = require('partstream/obs-client')`. */
  static readonly ObsClient: typeof ObsClient = ObsClient;
  static readonly default: typeof ObsClient = ObsClient;
  static readonly ObsClientError: typeof ObsClientError = ObsClientError;

  declare readonly DownloadFile: ObsClient['downloadFile'];
  declare readonly GetObjectMetadata: ObsClient['getObjectMetadata'];
  declare readonly Refresh: ObsClient['refresh'];
  declare readonly Close: ObsClient['close'];
  declare readonly InitLog: ObsClient['initLog'];

  readonly #settings: ClientSettings;
  #credentials: Credentials | undefined;
  #authorities: Promise<Buffer> | undefined;
  #isClosed = false;

  /** @throws ObsClientError `InvalidArgument`: no `server`, or an option that cannot be */
  constructor(options: ObsClientOptions) {
    const given = options ?? {};
    this.#settings = readClientOptions(given);
    this.refresh(given.access_key_id, given.secret_access_key, given.security_token);
  }

  /**
   * Downloads an object into a file: in parallel, verified, published as a whole; with `EnableCheckpoint` the next call
   * with the same parameters goes on where this one ended. Resolves with the object's headers.
   *
   * Rejects with ObsClientError (or calls back with it): `InvalidArgument`, `GetObjectSizeError`, `DownloadFileFailed`,
   * `IncompletedDownload` (call again), `Download suspened` (cancelled), or the store's own code.
   */
  downloadFile(param: DownloadFileParam, callback?: undefined): Promise<ObsResult>;
  downloadFile(param: DownloadFileParam, callback: ObsCallback<ObsResult>): void;
  downloadFile(param: DownloadFileParam, callback: ObsCallback<ObsResult> | undefined): Promise<ObsResult> | undefined;
  downloadFile(param: unknown, callback?: unknown): unknown {
    return this.#call<DownloadFileParam, ObsResult>(param, callback, async (given) => {
      const request = readDownloadParam(given);
      const source = await this.#sourceOf(request.object);
      return await downloadResumably(source, request, this.#settings.transfer, this.#headerPrefix);
    });
  }

  /**
   * Asks the store about an object with HEAD. As in the SDK a refusal is a result: look at `CommonMsg.Status`.
   * Rejects with ObsClientError when there was no answer, with the system's code (ECONNREFUSED, ETIMEDOUT, ...).
   */
  getObjectMetadata(param: GetObjectMetadataParam, callback?: undefined): Promise<ObsResult | ObsRefusal>;
  getObjectMetadata(param: GetObjectMetadataParam, callback: ObsCallback<ObsResult | ObsRefusal>): void;
  getObjectMetadata(
    param: GetObjectMetadataParam,
    callback: ObsCallback<ObsResult | ObsRefusal> | undefined,
  ): Promise<ObsResult | ObsRefusal> | undefined;
  getObjectMetadata(param: unknown, callback?: unknown): unknown {
    return this.#call<GetObjectMetadataParam, ObsResult | ObsRefusal>(param, callback, async (given) => {
      const source = await this.#sourceOf(readObjectParam(given, this.#settings.domain));
      const { Origin, RequestHeader } = given;
      const cors = {
        ...(Origin && { origin: checkHeaderValue('Origin', String(Origin)) }),
        ...(RequestHeader && {
          'access-control-request-headers': checkHeaderValue('RequestHeader', String(RequestHeader)),
        }),
      };
      const { statusCode, headers } = await headObject(source, cors, this.#settings.transfer);
      return statusCode < 300
        ? obsResult(headers, this.#headerPrefix)
        : obsRefusal(statusCode, headers, this.#headerPrefix);
    });
  }

  /** Other keys, from the next request on, also of downloads that are running. Without both keys it is anonymous. */
  refresh(
    accessKeyId: string | null | undefined,
    secretAccessKey: string | null | undefined,
    securityToken?: string | null | undefined,
  ): void {
    const trimmed = (text: unknown) => (text ? String(text).trim() : '');
    const [key, secret, token] = [accessKeyId, secretAccessKey, securityToken].map(trimmed);
    this.#credentials =
      key && secret ? { accessKeyId: key, secretAccessKey: secret, ...(token && { securityToken: token }) } : undefined;
  }

  /** Refuses later calls. Those that are running go on. */
  close(): void {
    this.#isClosed = true;
  }

  /** Does nothing: there is no log. Watch a download with its callbacks, or use the library's own events. */
  initLog(_options?: unknown): void {}

  get #headerPrefix(): 'x-obs-' | 'x-amz-' {
    return headerPrefix(this.#settings.signature);
  }

  /** The SDK's call styles: `(param, callback)`, `(callback)`, and a promise without a callback. */
  #call<P, R>(param: unknown, callback: unknown, run: (param: P) => Promise<R>): Promise<R> | undefined {
    const given = typeof param === 'function' ? undefined : param;
    const listener = [param, callback].find((value) => typeof value === 'function');
    const work = async (): Promise<R> => {
      if (this.#isClosed) throw new ObsClientError('ClientClosed', 'the client was closed');
      try {
        return await run((given ?? {}) as P);
      } catch (error) {
        throw requestFailure(error);
      }
    };
    return deliver(work(), listener as ObsCallback<R> | undefined);
  }

  async #sourceOf(object: NamedObject): Promise<ObjectSource> {
    const { endpoint, addressing, domain, signature, region } = this.#settings;
    const tls = await this.#tls();
    const place = { ...object, bucket: domain ?? object.bucket, endpoint, addressing };
    return withCurrentKeys(
      () => this.#credentials,
      (credentials) => obs({ ...place, signature, ...(region !== undefined && { region }), credentials, tls }),
    );
  }

  async #tls(): Promise<TlsOptions | undefined> {
    const verify = this.#settings.verifyCertificates;
    if (typeof verify === 'boolean') return verify ? undefined : { insecure: true };
    this.#authorities ??= readCertificateFile(verify).catch((error: unknown) => {
      // It may be there by the next call.
      this.#authorities = undefined;
      throw error;
    });
    return { ca: await this.#authorities };
  }
}

// The SDK has each of its methods under two names.
for (const name of ['downloadFile', 'getObjectMetadata', 'refresh', 'close', 'initLog'] as const) {
  const alias = name.replace(/^./, (letter) => letter.toUpperCase());
  Object.defineProperty(ObsClient.prototype, alias, {
    value: ObsClient.prototype[name],
    writable: true,
    configurable: true,
  });
}

export type { ObsClientOptions } from './obs-client/client-options.js';
export type { DownloadFileParam } from './obs-client/download-param.js';
export type { ObjectParam } from './obs-client/object-param.js';
export type { ObsClientErrorDetails } from './obs-client/obs-client-error.js';
export type { CommonMsg, InterfaceResult, ObsRefusal, ObsResult } from './obs-client/obs-result.js';
export type { ObsCallback } from './obs-client/user-callback.js';
// The last name is what Node's require() of a module returns.
export { ObsClient as default, ObsClient as 'module.exports', ObsClientError };
