import { describe, expect, it } from 'vitest';
import { AccessDeniedError, ConditionNotMetError, NotFoundError, ProtocolError, StoreError } from '../../src/errors.js';
import { createStoreError, parseRetryAfterMs } from '../../src/fetch/store-error.js';

const refusal = (statusCode: number, body: string | Buffer = '', headers: Record<string, string | string[]> = {}) => ({
  statusCode,
  headers,
  body: Buffer.from(body as string),
});
const xml = (code: string, message = 'said', more = '') =>
  `<Error><Code>${code}</Code><Message>${message}</Message><RequestId>R1</RequestId>${more}</Error>`;

describe('createStoreError', () => {
  it.each([
    [404, NotFoundError],
    [410, NotFoundError],
    [401, AccessDeniedError],
    [403, AccessDeniedError],
    [400, StoreError],
    [409, StoreError],
    [416, StoreError],
    [429, StoreError],
    [503, StoreError],
    [599, StoreError],
  ])('makes of status %s a %o that says what the store said', (statusCode, kind) => {
    const error = createStoreError(refusal(statusCode, xml('SomeCode')));
    expect(error).toBeInstanceOf(kind);
    expect(error).toMatchObject({ statusCode, storeCode: 'SomeCode', requestId: 'R1' });
    expect(error.message).toBe(`the store answered ${statusCode}: SomeCode: said`);
  });

  it('takes what a HEAD has in headers instead of a body', () => {
    const obs = { 'x-obs-error-code': 'NoSuchKey', 'x-obs-error-message': 'gone', 'x-obs-request-id': 'R2' };
    expect(createStoreError(refusal(404, '', obs))).toMatchObject({ storeCode: 'NoSuchKey', requestId: 'R2' });
    const amz = { 'x-amz-error-code': 'NoSuchKey', 'x-amz-request-id': ['R3', 'R4'] };
    expect(createStoreError(refusal(404, '', amz))).toMatchObject({ storeCode: 'NoSuchKey', requestId: 'R3' });
  });

  it('tells what to do about an archived object', () => {
    const error = createStoreError(refusal(403, xml('InvalidObjectState')));
    expect(error).toMatchObject({ code: 'PS_ERR_ACCESS_DENIED', storeCode: 'InvalidObjectState' });
    expect(error.message).toContain('restore it');
  });

  it('names the condition that failed, by the store or by what was sent', () => {
    const said = createStoreError(refusal(412, xml('PreconditionFailed', 'no', '<Condition>If-Match</Condition>')));
    expect(said).toMatchObject({ code: 'PS_ERR_CONDITION', statusCode: 412, condition: 'ifMatch' });
    expect(createStoreError(refusal(304), { conditions: ['ifNoneMatch'] })).toMatchObject({ condition: 'ifNoneMatch' });
    expect(createStoreError(refusal(412), { conditions: ['ifUnmodifiedSince', 'ifNoneMatch'] })).toMatchObject({
      condition: 'ifUnmodifiedSince',
    });
    const either = createStoreError(refusal(304), { conditions: ['ifNoneMatch', 'ifModifiedSince'] });
    expect(either).toBeInstanceOf(ConditionNotMetError);
    expect(either).toMatchObject({ condition: 'ifNoneMatch, ifModifiedSince' });
  });

  it('takes a status that is no refusal at all for a protocol error', () => {
    expect(createStoreError(refusal(300))).toBeInstanceOf(ProtocolError);
    expect(createStoreError(refusal(305))).toBeInstanceOf(ProtocolError);
  });

  it.each([
    ['HTML', 'text/html', '<html><title>502</title>\n<body>bad gateway</body></html>', '502 bad gateway'],
    ['JSON', 'application/json', '{"error":"slow"}', '{"error":"slow"}'],
    ['text', 'text/plain; charset=utf-8', 'try later', 'try later'],
    ['nothing', 'text/plain', '', 'no explanation'],
    ['a picture', 'image/png', '\u0089PNG secret', 'no explanation'],
    ['no type', '', 'who knows', 'no explanation'],
    ['truncated XML', 'application/xml', '<Error><Code>Slow', 'Slow'],
  ])('goes by the status when the body is %s (T049)', (_what, type, body, expected) => {
    const error = createStoreError(refusal(502, body, type === '' ? {} : { 'content-type': type }));
    expect(error).toBeInstanceOf(StoreError);
    expect(error.message).toBe(`the store answered 502: ${expected}`);
  });

  it('shows at most 256 characters of a body (T049)', () => {
    const { message } = createStoreError(refusal(500, 'x'.repeat(10_000), { 'content-type': 'text/html' }));
    expect(message.length).toBeLessThanOrEqual('the store answered 500: '.length + 256);
  });

  it('reads a body of UTF-16 or with a byte order mark (T049)', () => {
    expect(createStoreError(refusal(503, Buffer.from(`\uFEFF${xml('SlowDown')}`, 'utf16le')))).toMatchObject({
      storeCode: 'SlowDown',
    });
    expect(createStoreError(refusal(503, `\uFEFF${xml('SlowDown')}`))).toMatchObject({ storeCode: 'SlowDown' });
  });

  it('lets no control character of the server into a message or a field (T130)', () => {
    const nasty = '\u001b[31mred\u001b[0m\r\nX-Injected: 1\u202e\u0000';
    const errors = [
      createStoreError(refusal(500, nasty, { 'content-type': 'text/plain' })),
      createStoreError(refusal(500, xml('A&#10;B', 'one&#13;&#10;two'))),
      createStoreError(refusal(500, '', { 'x-obs-error-code': nasty, 'x-obs-request-id': nasty })),
      createStoreError(refusal(412, xml('x', 'y', '<Condition>a&#10;b</Condition>'))),
    ];
    for (const error of errors) {
      for (const text of [error.message, ...Object.values(error)].map(String)) {
        expect(text).not.toMatch(/[\p{Cc}\p{Cf}]/u);
      }
    }
  });
});

describe('parseRetryAfterMs', () => {
  it('reads seconds and dates; a date in the past is now', () => {
    expect(parseRetryAfterMs('0')).toBe(0);
    expect(parseRetryAfterMs('120')).toBe(120_000);
    expect(parseRetryAfterMs('Wed, 21 Oct 2015 07:28:00 GMT')).toBe(0);
    const soon = new Date(Date.now() + 60_000).toUTCString();
    expect(parseRetryAfterMs(soon)).toBeGreaterThan(55_000);
    expect(parseRetryAfterMs(soon)).toBeLessThanOrEqual(60_000);
  });

  it.each([undefined, '', '-5', 'abc', '1.5', '1e9', '0x10', ' 5', '2015-10-21', 'Wed, nonsense'])(
    'takes %j for no answer (T038)',
    (value) => {
      expect(parseRetryAfterMs(value)).toBeUndefined();
    },
  );

  it('reads 99999999 seconds as they are: the back-off clamps them (T038)', () => {
    expect(parseRetryAfterMs('99999999')).toBe(99_999_999_000);
  });
});
