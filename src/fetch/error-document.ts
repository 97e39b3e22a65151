/**
 * Reads the error document of a store (`<Error><Code>…</Code>…`) with sax, hardened: the bytes are bounded before
 * parsing, no DTD, no entities but XML's own five, bounded depth and tag count. Refuses to throw: whatever is not such a
 * document is an unparsed body.
 */

import sax from 'sax';

/** The error document is cut here; real ones are under 2 KiB. */
export const MAX_ERROR_BODY_BYTES: number = 16 * 1024;
const MAX_DEPTH = 8;
const MAX_TAGS = 64;
/** `<!` of anything but a comment or CDATA: a document type, or a declaration that sax reads in quadratic time. */
const DECLARATION = /<!(?!--|\[CDATA\[)/;

/** What of the document is used. */
export interface ErrorDocument {
  readonly code: string;
  readonly message: string | undefined;
  readonly requestId: string | undefined;
  /** 412: the condition that failed. */
  readonly condition: string | undefined;
}

/** The error document in `body`, or undefined when it is not one. */
export function parseErrorDocument(body: Uint8Array): ErrorDocument | undefined {
  try {
    return readDocument(decodeText(body.subarray(0, MAX_ERROR_BODY_BYTES)));
  } catch {
    return undefined;
  }
}

function readDocument(text: string): ErrorDocument | undefined {
  if (DECLARATION.test(text)) throw new Error('a declaration is not expected here');
  const fields = new Map<string, string>();
  const path: string[] = [];
  let tags = 0;
  // strictEntities: XML's own five and nothing else. The types do not know it yet.
  const options: sax.SAXOptions & { strictEntities: true } = { strictEntities: true };
  const parser = sax.parser(true, options);
  // Without this sax goes on after an error, and takes quadratic time over unclosed tags.
  parser.onerror = (error) => {
    throw error;
  };
  parser.onopentagstart = (tag) => {
    tags += 1;
    path.push(tag.name);
    if (path.length > MAX_DEPTH || tags > MAX_TAGS) throw new Error('not an error document');
  };
  parser.onclosetag = () => {
    path.pop();
  };
  const addText = (text: string) => {
    if (path.length !== 2 || path[0] !== 'Error' || path[1] === undefined) return;
    fields.set(path[1], (fields.get(path[1]) ?? '') + text);
  };
  parser.ontext = addText;
  parser.oncdata = addText;
  parser.write(text).close();
  const code = fields.get('Code')?.trim();
  if (!code) return undefined;
  return {
    code,
    message: fields.get('Message')?.trim(),
    requestId: fields.get('RequestId')?.trim(),
    condition: fields.get('Condition')?.trim(),
  };
}

/** UTF-8 unless a byte order mark says UTF-16; decoded once, so that no character is split. */
function decodeText(body: Uint8Array): string {
  const isUtf16 = (body[0] === 0xff && body[1] === 0xfe) || (body[0] === 0xfe && body[1] === 0xff);
  const encoding = isUtf16 ? (body[0] === 0xff ? 'utf-16le' : 'utf-16be') : 'utf-8';
  return new TextDecoder(encoding).decode(body);
}
