/** The door of partstream: everything public, grouped by what it is for. */

export type { ByteRange } from './byte-range.js';
export type { AnnouncedChecksum, ChecksumAlgorithm } from './checksum.js';
// Building blocks: the stations of the pipeline, for people who compose their own
export { discoverObject } from './discover-object.js';
export { downloadFile } from './download-file.js';
export type {
  Conditions,
  DownloadFileOptions,
  DownloadOptions,
  DownloadStreamOptions,
  Durability,
  RetryOptions,
  TimeoutOptions,
} from './download-options.js';
// Results
export type { DownloadResult, Verification } from './download-result.js';
// Verbs
export { createDownloadStream, type DownloadStream } from './download-stream.js';
// Errors
export * from './errors.js';
// Events
export {
  createDownloadEvents,
  type DownloadEventMap,
  type DownloadEventName,
  type DownloadEvents,
  type Progress,
} from './events.js';
export { fetchParts } from './fetch-parts.js';
export type { ObjectInfo } from './object-info.js';
export { createReassembler, type ReassemblerOptions } from './order/reassembler.js';
export type { Part, PlacedChunk } from './part.js';
export { planParts } from './plan/part-planner.js';
export type { CheckpointSink } from './sink/checkpoint-sink.js';
export type { CheckpointSinkOptions } from './sink/checkpoint-sink-options.js';
export { openCheckpointSink } from './sink/open-checkpoint-sink.js';
export { type EcsMetadataOptions, ecsMetadataCredentials } from './source/ecs-metadata-credentials.js';
export { http } from './source/http-source.js';
// Sources: where the bytes are
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
