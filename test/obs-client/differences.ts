/**
 * Where the drop-in differs from the SDK, on purpose. Every row is shown by at least one case of the differential test,
 * and is on the migration page word for word.
 */

export interface Difference {
  /** What the SDK does. */
  readonly sdk: string;
  /** What the drop-in does. */
  readonly ours: string;
  readonly why: string;
}

export const DIFFERENCES = {
  retries: {
    sdk: 'a part is requested once; a 503 or a reset fails the download',
    ours: 'requests are repeated with back-off, and a cut body is continued from the byte reached',
    why: 'most failures pass',
  },
  'status-without-code': {
    sdk: '`err` is `:` where the answer has no error document (304)',
    ours: '`NotModified:…`, with `err.status`',
    why: 'a colon says nothing',
  },
  'quoted-etag': {
    sdk: 'IfMatch and IfNoneMatch are percent-encoded, so that an ETag as `getObjectMetadata` returns it never matches',
    ours: 'sent as given; with and without quotes',
    why: 'a bug of the SDK',
  },
  'part-size-range': {
    sdk: 'a PartSize that is no number, or out of 100 KB to 5 GB, silently becomes 5 MB',
    ours: '`InvalidArgument:…`',
    why: 'a typing error should be seen',
  },
  'task-num-range': {
    sdk: 'TaskNum 0 or not a number becomes 10, a negative one never settles, and there is no upper limit',
    ours: '`InvalidArgument:…` unless it is from 1 to 1000',
    why: 'a typing error should be seen',
  },
  'pinned-version': {
    sdk: 'parts of two versions of an object that is replaced meanwhile end up in one file, reported as success',
    ours: 'all parts are of one ETag; `IncompletedDownload:…` (or `DownloadFileFailed:…`), and the next call starts afresh',
    why: 'the file would be of neither version',
  },
  'checked-ranges': {
    sdk: 'whatever answers a part is written: a 200 with the whole object, a 206 that is too short',
    ours: 'only the bytes that belong there; what is missing is requested',
    why: 'the file would be wrong, reported as success',
  },
  checksum: {
    sdk: 'nothing is verified',
    ours: "the file is compared with the object's CRC-64 or MD5 before it gets its name",
    why: 'wrong bytes, reported as success',
  },
  'conditions-on-empty': {
    sdk: 'conditions are not looked at when the object is empty',
    ours: 'they hold for every object',
    why: 'a bug of the SDK',
  },
  'directory-with-checkpoint': {
    sdk: 'a DownloadFile that is a directory fails after the download, with `IncompletedDownload:…` where EnableCheckpoint is on',
    ours: '`DownloadFileFailed:…`, before the first request',
    why: 'calling again cannot help',
  },
  'default-name': {
    sdk: 'without DownloadFile the key is appended to the working directory, `../` and all',
    ours: 'a key that holds a `..` segment or begins with `/` is `InvalidArgument:…`; a name that is too long for the disk is cut',
    why: 'whoever can name an object could write anywhere',
  },
  'one-settlement': {
    sdk: 'the callback is called once per failing part, and a promise rejects with the first of these errors (`DownloadFileFailed:…`)',
    ours: 'one call, with the final state: `IncompletedDownload:…` where EnableCheckpoint is on',
    why: 'a callback that is called twice breaks programs',
  },
  'async-callback': {
    sdk: 'an `async` function is not recognised as the callback and is never called',
    ours: 'it is called',
    why: 'a bug of the SDK',
  },
  progress: {
    sdk: 'ProgressCallback is called for every chunk, and counts failed bytes and whole parts: it can pass the total',
    ours: 'at most every 100 ms and once at the end, which is the total',
    why: 'a progress bar should not slow the download down',
  },
  'request-errors': {
    sdk: "`getObjectMetadata` without an answer gives Node's own error",
    ours: 'an error of the same `code` and, as everywhere, `Code:Message` as its text',
    why: 'one kind of error',
  },
} satisfies Record<string, Difference>;

export type DifferenceName = keyof typeof DIFFERENCES;

/**
 * Differences that no comparison of outcomes can show; other tests do, or they are about options that have no effect.
 */
export const OTHER_DIFFERENCES: readonly Difference[] = [
  {
    sdk: '`err` is a string',
    ours: '`err` is an Error whose `String(err)` and `message` are that string, with `code`, `status`, `requestId` and `cause`',
    why: 'it has a stack and can be thrown; `typeof err` and `err.indexOf(…)` have to be changed, `String(err)` works with both',
  },
  {
    sdk: 'certificates are not verified unless ssl_verify is set',
    ours: 'verified, unless `ssl_verify: false`; a path is a file of authorities, and one that cannot be read is an error, as is either beside a `dispatcher`',
    why: 'keys and data would be open to anyone in between',
  },
  {
    sdk: 'the constructor goes on in the background: a client cannot be used in the same tick, a missing server is an unhandled rejection',
    ours: 'it is ready when it returns, and throws',
    why: 'a bug of the SDK',
  },
  {
    sdk: 'TaskNum is 10 by default',
    ours: '20',
    why: 'OBS documents 20',
  },
  {
    sdk: '`timeout` is 60 s by default, and only until the headers come',
    ours: '15 s to the headers, 20 s without a byte of the body; a `timeout` that is given holds for both',
    why: 'a stalled body would hang for ever; what timed out is asked for again',
  },
  {
    sdk: '`F.obsnodejssdk.tmp` and `F.obsnodejssdk.chkpt` stand beside the file F while it is downloaded; the checkpoint holds the SSE-C key',
    ours: '`F.part`, `F.part.checkpoint` and `F.part.lock`; no key in any of them. Checkpoints of the SDK are not read',
    why: 'theirs prove little, and a crash can cost all of their progress',
  },
  {
    sdk: 'two downloads of the same file at the same time damage each other',
    ours: 'the second one fails: `DownloadFileFailed:… is locked`',
    why: 'the file would be wrong',
  },
  {
    sdk: '`cancel()` calls back at once, leaves requests running, and success may follow',
    ours: 'requests end at once; the one error comes when the checkpoint is written, so that the call can be repeated there and then. In the last ProgressCallback it is too late: the file is there, and success follows',
    why: 'a retry would race with the rest of the first call',
  },
  {
    sdk: 'a part counts as done when its response ends, before it is written: now and then the last one fails after the file got its name, or is missing in it',
    ours: 'a file gets its name when all its bytes are written, synced and verified',
    why: 'a bug of the SDK',
  },
  {
    sdk: 'a callback that throws ends the process',
    ours: 'it becomes a process warning',
    why: 'a bug in a progress bar should not end the host',
  },
  {
    sdk: 'HEAD of the bucket, HEAD of the object, then the parts; RequestId is that of the HEAD',
    ours: 'the first part tells what the object is; RequestId is that of its GET',
    why: 'two requests fewer',
  },
  {
    sdk: 'the signature is negotiated: an old store gets v2',
    ours: '`obs` (path style and custom domains: `v2`); an old store needs `signature: "v2"`. `v4` really is v4 and needs `region`',
    why: 'a request fewer, and no silent downgrade',
  },
  {
    sdk: 'redirects are followed to any host, signed with the keys, also from https to http',
    ours: 'signed for the endpoint and other regions of its service only; elsewhere followed without keys, never from https to http or into a more private network. One without a Location is an error, of `getObjectMetadata` too',
    why: 'whoever can redirect could have what the keys open',
  },
  {
    sdk: 'http_agent and https_agent carry proxies',
    ours: "agents have no effect, and a proxy agent (of `tunnel`, or Node's own with `proxyEnv`, too) is an error: pass an undici `ProxyAgent` as the option `dispatcher`",
    why: 'another HTTP client is used',
  },
  {
    sdk: 'user_agent, max_connections, long_conn_param, third_http_lib, no_proxy_list, verify_host_name, is_signature_negotiation',
    ours: 'accepted, without effect: connections are kept alive, TaskNum limits them, host names are verified with the certificates',
    why: 'not needed',
  },
  {
    sdk: 'is_shadow_client exchanges the keys',
    ours: '`InvalidArgument:…`',
    why: 'not supported; silence would use the wrong keys',
  },
  {
    sdk: 'the constructor takes a `timeout` under 1 or over 2 000 000, a `max_retry_count` that is no number, negative or over 999, a `signature` that is none, a `server` with a query or a trailing dot',
    ours: '`InvalidArgument:…`',
    why: 'a typing error should be seen',
  },
  {
    sdk: "calls take dates that are none (numbers, too), an SseC other than `AES256`, an SseCKey that is not 32 bytes, numbers as BigInt or with text behind them (`'204800abc'`), callbacks that are no functions, a Bucket that cannot be part of a host name, access keys that hold spaces or more than ASCII, and a CheckpointFile that is the DownloadFile",
    ours: '`InvalidArgument:…`',
    why: 'some are ignored, some hang, and the last one costs the file',
  },
  {
    sdk: 'a Date as IfModifiedSince or IfUnmodifiedSince is sent as text that the store ignores; an empty IfMatch or VersionId is sent',
    ours: 'a Date works; what is empty is not given',
    why: 'a bug of the SDK',
  },
  {
    sdk: 'the callback for `InvalidArgument` is called within the call',
    ours: 'later, like every callback',
    why: 'what follows the call runs first, always',
  },
  {
    sdk: 'a FIFO or device at the destination is replaced by the file',
    ours: '`DownloadFileFailed:…`',
    why: 'replacing it is never what was meant',
  },
  {
    sdk: 'without DownloadFile a key such as `movie.part` or `a.part/b` names the file',
    ours: '`InvalidArgument:…`: give a DownloadFile',
    why: 'working files are called so',
  },
  {
    sdk: 'a client works in a Proxy, as the prototype of another object, and as the base of an ES5 class',
    ours: 'a TypeError; `class … extends ObsClient` works',
    why: 'keys are in private fields, where no inspection shows them',
  },
];
