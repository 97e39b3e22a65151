// Downloads from presigned URLs that may expire while the download runs. Your backend signs: the first argument is a
// URL that answers with a presigned URL as plain text. It is asked at the start, and again when the store refuses an
// expired URL; the parts that are done stay done.
//
//   node recipes/presigned-url.mjs https://backend.example.com/sign?key=model.bin model.bin

import { downloadFile, http } from 'partstream';

const [signer, file] = process.argv.slice(2);

const source = http(async ({ reason }) => {
  console.log(`asking for a URL (${reason})`);
  const response = await fetch(signer);
  if (!response.ok) throw new Error(`no URL: HTTP ${response.status}`);
  return await response.text();
});

const { transferredBytes, path } = await downloadFile(source, file);

console.log(`fetched ${transferredBytes} bytes into ${path}`);
