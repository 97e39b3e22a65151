/** The door of partstream: everything public, by what it is for. */

export { discoverObject } from './discover-object.js';
export { downloadFile } from './download-file.js';
// Verbs
export { createDownloadStream, type DownloadStream } from './download-stream.js';
export { fetchParts } from './fetch-parts.js';
export { createReassembler } from './order/reassembler.js';
export { planParts } from './plan/part-planner.js';
export { openCheckpointSink } from './sink/open-checkpoint-sink.js';
export { http } from './source/http-source.js';
// Sources: where the bytes are
export { obs } from './source/obs-source.js';
export { s3 } from './source/s3-source.js';
