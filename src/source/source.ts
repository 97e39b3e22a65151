/**
 * Where the bytes are. A source turns "this range, this attempt" into one HTTP request that is ready for the wire; it
 * never sends anything itself. Anyone can write one.
 */

import type { AnnouncedChecksum } from '../checksum.js';
import type { ResponseHeaders } from '../object-info.js';
import type { TlsOptions } from '../tls-options.js';

/** What the pipeline asks a source for. A new one for EVERY attempt, so that signatures are fresh. */
export interface RequestContext {
  readonly method: 'GET' | 'HEAD';
  /** Headers the pipeline will send (range, if-match, accept-encoding, ...), lower-case; a source may sign them. */
  readonly headers: Readonly<Record<string, string>>;
  /** Counts the requests for the same bytes from 1: one with fresh credentials or on a fresh connection is another one. */
  readonly attempt: number;
  /** `expired`: the store refused the credentials or URL of the request before; get fresh ones. */
  readonly reason: 'first' | 'expired';
  /**
   * With `expired`: the request that was refused, the very object that `request` or `follow` returned. It tells the
   * source whether what it holds now is what was refused, so that many refused parts cost one renewal.
   */
  readonly refused?: SourceRequest | undefined;
  /** The store's clock minus ours in milliseconds, once a store complained about the difference; else 0. */
  readonly clockOffsetMs: number;
  readonly signal: AbortSignal;
}

/** One HTTP request, ready for the wire. */
export interface SourceRequest {
  /**
   * Absolute URL, `http://` or `https://`. Everything after the host goes on the wire byte for byte: it is never
   * parsed by WHATWG URL, which would fold dot segments and quotes.
   */
  readonly url: string;
  /** Headers of the source (authorization, host, x-obs-…), lower-case, in a plain object. They may not replace the pipeline's own. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly tls?: TlsOptions | undefined;
}

/** The extension point. */
export interface ObjectSource {
  /** Names the object in checkpoints, e.g. `obs://bucket/key?versionId=…`. Never a secret, equal for equal objects. */
  readonly identity: string;
  /** The object key or the URL's last path segment, undecorated. */
  readonly name: string;
  request(context: RequestContext): Promise<SourceRequest>;
  /** Called before `identity` and `name` are used for a file: a source that learns them from a provider asks it now. */
  prepare?(signal: AbortSignal): Promise<void>;
  /** `false`: fresh credentials cannot be had, so a refusal is final. Not there: asked once more with `expired`. */
  readonly canRefresh?: boolean | undefined;
  /**
   * `true`: the store echoes a Content-Encoding that was stored with the object and never encodes by itself, so the
   * bytes are the object's own. Not there: an encoded body is refused.
   */
  readonly echoesContentEncoding?: boolean | undefined;
  /**
   * A redirect of the store to `url`, with its status: signs a request for it when the source owns that place, else
   * undefined, and then it is followed with none of the source's headers. Not there: never signed.
   */
  follow?(url: string, statusCode: number, context: RequestContext): Promise<SourceRequest | undefined>;
  /**
   * The whole-object checksum that a response announces; undefined when it announces none that can be trusted.
   *
   * @param answeredBy - `elsewhere`: a redirect led to a place that `follow` did not sign for, whose headers may mean
   *   something else than the source's (an ETag that looks like an MD5)
   */
  checksum?(headers: ResponseHeaders, answeredBy?: 'source' | 'elsewhere'): AnnouncedChecksum | undefined;
}
