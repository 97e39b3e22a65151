// Downloads from S3, or from a store that speaks its protocol (Ceph, MinIO, R2, ...), with signature v4.
//
//   export AWS_ACCESS_KEY_ID=... AWS_SECRET_ACCESS_KEY=...
//   node recipes/s3-compatible-endpoint.mjs http://127.0.0.1:9000 bucket some/key [directory]

import { downloadFile, s3 } from 'partstream';

const [endpoint, bucket, key, directory = '.'] = process.argv.slice(2);

// 'path' puts the bucket into the path of the URL, as most stores of one's own want it.
const source = s3({ endpoint, bucket, key, region: 'us-east-1', addressing: 'path' });

// With a directory the name of the file comes from the key, and never leads out of the directory.
const { path, object, verification } = await downloadFile(source, { directory });

console.log(`${path}: ${object.size} bytes, ETag ${object.etag}`);
console.log(verification.scope === 'object' ? `verified by ${verification.algorithm}` : verification.reason);
