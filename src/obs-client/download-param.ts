/**
 * The parameters of `downloadFile`, by the SDK's names, with the defaults that OBS documents. Refuses values out of range,
 * which the SDK silently replaces.
 */

import {
  type Conditions,
  DEFAULT_PART_SIZE,
  type DownloadFileOptions,
  MAX_PART_SIZE,
  MIN_PART_SIZE,
} from '../download-options.js';
import { describeValue, workingDirectory } from '../option-checks.js';
import { type NamedObject, type ObjectParam, readObjectParam } from './object-param.js';
import { invalidArgument } from './obs-client-error.js';
import { isGiven, readDate, readInteger } from './read-value.js';

const DEFAULT_TASK_NUM = 20;
const MAX_TASK_NUM = 1000;

type Optional<T> = T | null | undefined;

/** Parameters of {@link ObsClient.downloadFile}; numbers may be numeric strings. */
export interface DownloadFileParam extends ObjectParam {
  readonly Bucket: string;
  /** Path of the file. @default the object's name in the working directory, and never outside it */
  readonly DownloadFile?: Optional<string>;
  /** Bytes of one part; 102 400 .. 5 368 709 120. @default 5 MiB */
  readonly PartSize?: Optional<number | string>;
  /** Parts in flight; 1 .. 1000. @default 20 */
  readonly TaskNum?: Optional<number | string>;
  /** Record what is on disk, so that the next call goes on from there. @default false */
  readonly EnableCheckpoint?: Optional<boolean>;
  /** With EnableCheckpoint. @default a file beside the downloaded one */
  readonly CheckpointFile?: Optional<string>;
  /** An ETag, with or without its quotes. */
  readonly IfMatch?: Optional<string>;
  readonly IfNoneMatch?: Optional<string>;
  readonly IfModifiedSince?: Optional<string | Date>;
  readonly IfUnmodifiedSince?: Optional<string | Date>;
  /** At most every 100 ms and once at the end; `transferred` counts resumed bytes. */
  readonly ProgressCallback?: Optional<(transferred: number, total: number, seconds: number) => unknown>;
  /** Once, when the object is found and before its first part; `cancel()` ends the call and keeps the checkpoint. */
  readonly ResumeCallback?: Optional<(control: { cancel(): void }) => unknown>;
}

/** What is to be downloaded, where to and how. */
export interface DownloadRequest {
  readonly object: NamedObject;
  readonly destination: string | { directory: string };
  readonly options: Required<Pick<DownloadFileOptions, 'partSize' | 'concurrency' | 'conditions' | 'checkpoint'>>;
  readonly onProgress: DownloadFileParam['ProgressCallback'];
  readonly onResume: DownloadFileParam['ResumeCallback'];
}

/** @throws ObsClientError `InvalidArgument` */
export function readDownloadParam(param: DownloadFileParam): DownloadRequest {
  const { PartSize, TaskNum, DownloadFile, CheckpointFile } = param;
  return {
    object: readObjectParam(param),
    destination: DownloadFile ? String(DownloadFile) : { directory: workingDirectory('DownloadFile') },
    options: {
      partSize: isGiven(PartSize) ? readInteger('PartSize', PartSize, MIN_PART_SIZE, MAX_PART_SIZE) : DEFAULT_PART_SIZE,
      concurrency: isGiven(TaskNum) ? readInteger('TaskNum', TaskNum, 1, MAX_TASK_NUM) : DEFAULT_TASK_NUM,
      conditions: readConditions(param),
      checkpoint: param.EnableCheckpoint ? (CheckpointFile ? String(CheckpointFile) : true) : false,
    },
    onProgress: readCallback('ProgressCallback', param.ProgressCallback),
    onResume: readCallback('ResumeCallback', param.ResumeCallback),
  };
}

function readConditions(param: DownloadFileParam): Conditions {
  const { IfMatch, IfNoneMatch, IfModifiedSince, IfUnmodifiedSince } = param;
  return {
    ...(isGiven(IfMatch) && { ifMatch: String(IfMatch) }),
    ...(isGiven(IfNoneMatch) && { ifNoneMatch: String(IfNoneMatch) }),
    ...(isGiven(IfModifiedSince) && { ifModifiedSince: readDate('IfModifiedSince', IfModifiedSince) }),
    ...(isGiven(IfUnmodifiedSince) && { ifUnmodifiedSince: readDate('IfUnmodifiedSince', IfUnmodifiedSince) }),
  };
}

function readCallback<T>(name: string, value: T): T {
  if (value && typeof value !== 'function') {
    throw invalidArgument(`${name} must be a function, got ${describeValue(value)}`);
  }
  return value;
}
