import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isDownloadError } from '../../src/errors.js';
import { parseErrorDocument } from '../../src/fetch/error-document.js';
import { createStoreError } from '../../src/fetch/store-error.js';
import { fuzz } from './fuzz.js';

const LONGEST = 64 * 1024;
const word = fc.oneof(
  fc.constantFrom(
    'NoSuchKey',
    'a&amp;b',
    '&lol;',
    '&#x0;',
    '&#xD800;',
    '&nbsp;',
    ']]>',
    '\u001b[31m',
    '\u202e',
    '<',
    '&',
    '"',
  ),
  fc.string({ unit: 'binary', maxLength: 20 }),
);
const name = fc.constantFrom(
  'Error',
  'Code',
  'Message',
  'RequestId',
  'HostId',
  'Condition',
  'hasOwnProperty',
  '__proto__',
  'x:y',
  'toString',
);
const token = fc.oneof(
  { weight: 4, arbitrary: name.map((n) => `<${n}>`) },
  { weight: 4, arbitrary: name.map((n) => `</${n}>`) },
  { weight: 4, arbitrary: word },
  { weight: 2, arbitrary: fc.tuple(name, word).map(([n, w]) => `<${n}>${w}</${n}>`) },
  { weight: 1, arbitrary: fc.tuple(name, word).map(([n, w]) => `<${n} ${n}="${w}" ${n}='${w}'/>`) },
  { weight: 1, arbitrary: word.map((w) => `<![CDATA[${w}]]>`) },
  { weight: 1, arbitrary: word.map((w) => `<!--${w}-->`) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '<!DOCTYPE a [<!ENTITY lol "lol">]>',
      '<!ENTITY x SYSTEM "file:///etc/passwd">',
      '<?xml version="1.0" encoding="UTF-16"?>',
      '<?',
      '<!',
      '<![CDATA[',
      '<!--',
    ),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom('<a>', '</a>', '<', '&', 'x', '<a b="c">', '<!--', ']'), fc.nat(20_000))
      .map(([text, times]) => text.repeat(times)),
  },
);
const document = fc.array(token, { maxLength: 20 }).map((tokens) => Buffer.from(tokens.join('')));
const right = fc
  .tuple(word, word)
  .map(([code, message]) =>
    Buffer.from(
      `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${message}</Message><RequestId>1</RequestId></Error>`,
    ),
  );
const body = fc.oneof(
  { weight: 5, arbitrary: document },
  { weight: 2, arbitrary: right },
  {
    weight: 1,
    arbitrary: right.map((bytes) =>
      Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(bytes.toString(), 'utf16le')]),
    ),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 2000 }).map((bytes) => Buffer.from(bytes)) },
  { weight: 1, arbitrary: fc.tuple(right, fc.nat(120)).map(([bytes, cut]) => bytes.subarray(0, cut)) },
);

it('an error document of any kind becomes an error that is fit to print (T049, T130)', { timeout: 600_000 }, () => {
  fuzz({
    name: 'error XML',
    short: 2500,
    whole: 50_000,
    inputs: fc.tuple(
      body,
      fc.constantFrom(400, 403, 404, 409, 412, 416, 500, 503),
      fc.constantFrom('application/xml', 'text/html', 'image/png'),
    ),
    check([bytes, statusCode, type]) {
      const given = bytes.subarray(0, LONGEST);
      const parsed = parseErrorDocument(given);
      expect(parsed === undefined || parsed.code !== '').toBe(true);
      const error = createStoreError({ statusCode, headers: { 'content-type': type }, body: given });
      expect(isDownloadError(error)).toBe(true);
      const {
        message,
        storeCode = '',
        storeMessage = '',
        requestId = '',
      } = error as typeof error & Record<string, string>;
      for (const text of [message, storeCode, storeMessage, requestId]) {
        if (text.length > 700 || /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u.test(text))
          throw new Error(`not fit to print: ${JSON.stringify(text)}`);
      }
      if (/ENTITY/.test(message)) expect(message).not.toContain('root:');
      expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
    },
  });
});

it.each(['<!', '<!<!--', '<!-', '<!A "', '<Error><Code><!x'])('a body of %j without end takes no time', (text) => {
  const body = Buffer.from(text + 'x<!--'.repeat(16_000));
  const tries = [1, 2, 3].map(() => {
    const startMs = performance.now();
    expect(parseErrorDocument(body)).toBeUndefined();
    return performance.now() - startMs;
  });
  expect(Math.min(...tries)).toBeLessThan(50);
});
