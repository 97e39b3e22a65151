/** The door of partstream: everything public, grouped by what it is for. */

// The verbs

export { downloadFile } from './download-file.js';
export { createDownloadStream, type DownloadStream } from './download-stream.js';

// Their options

export type { AnnouncedChecksum, ChecksumAlgorithm } from './checksum.js';
export type {
  Conditions,
  DownloadFileOptions,
  DownloadOptions,
  DownloadStreamOptions,
  Durability,
  RetryOptions,
  TimeoutOptions,
} from './download-options.js';

// Their results

export type { DownloadResult, UnverifiedBytes, Verification, VerifiedBytes } from './download-result.js';
export type { ObjectInfo, ResponseHeaders } from './object-info.js';

// Events

export {
  type AnyDownloadListener,
  createDownloadEvents,
  type DownloadEventMap,
  type DownloadEventName,
  type DownloadEvents,
  type DownloadListener,
  type ListenerErrorHandler,
  type Progress,
} from './events.js';

// Errors

export type { AnyDownloadError } from './any-download-error.js';
export * from './errors.js';

// Sources: where the bytes are

export { type EcsMetadataOptions, ecsMetadataCredentials } from './source/ecs-metadata-credentials.js';
export { http } from './source/http-source.js';
export { obs } from './source/obs-source.js';
export { createPresignedUrl, type PresignedUrlOptions } from './source/presigned-url.js';
export { s3 } from './source/s3-source.js';
export type { ObjectSource, RequestContext, SourceRequest } from './source/source.js';
export type {
  Credentials,
  CredentialsProvider,
  HttpSourceOptions,
  ObsSourceOptions,
  S3SourceOptions,
  UrlProvider,
} from './source-options.js';
export type { TlsOptions } from './tls-options.js';

// Building blocks: the stations of the pipeline, for people who compose their own

export type { ByteRange } from './byte-range.js';
export { discoverObject } from './discover-object.js';
export { fetchParts } from './fetch-parts.js';
export { createReassembler, type ReassemblerOptions } from './order/reassembler.js';
export type { Part, PlacedChunk } from './part.js';
export { planParts } from './plan/part-planner.js';
export type { CheckpointSink } from './sink/checkpoint-sink.js';
export type { CheckpointSinkOptions } from './sink/checkpoint-sink-options.js';
export { openCheckpointSink } from './sink/open-checkpoint-sink.js';
export type { CrcAlgorithm } from './verify/crc-algorithm.js';
