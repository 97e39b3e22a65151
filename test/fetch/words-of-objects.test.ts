import { describe, expect, it } from 'vitest';
import { createStoreError } from '../../src/fetch/store-error.js';
import { errorXml } from '../fixtures/error-xml.js';

/** What every JavaScript object has. */
const WORDS = ['constructor', 'toString', 'valueOf', 'hasOwnProperty', '__proto__'];

describe('an answer of the store that consists of names that every object has', () => {
  it.each(WORDS)('is text like any other: %s', (word) => {
    const body = Buffer.from(errorXml({ Code: word, Message: word, RequestId: word, Condition: word }));
    for (const statusCode of [400, 403, 404, 412, 500]) {
      const error = createStoreError({ statusCode, headers: {}, body });
      expect(error).toMatchObject({ storeCode: word, storeMessage: word, requestId: word });
      expect(error.message).toContain(word);
      if (statusCode === 412) expect(error).toMatchObject({ condition: word });
    }
    const inHeaders = { 'x-obs-error-code': word, 'x-obs-error-message': word, 'x-obs-request-id': word };
    const ofHead = createStoreError({ statusCode: 403, headers: inHeaders, body: Buffer.alloc(0) });
    expect(ofHead).toMatchObject({ storeCode: word, storeMessage: word, requestId: word });
  });
});

describe('a name of a condition', () => {
  it('is the option only where the store names the condition', () => {
    const body = Buffer.from(errorXml({ Code: 'If-Match', Message: 'If-None-Match', Condition: 'If-Modified-Since' }));
    const error = createStoreError({ statusCode: 412, headers: {}, body });
    expect(error).toMatchObject({
      storeCode: 'If-Match',
      storeMessage: 'If-None-Match',
      condition: 'ifModifiedSince',
    });
  });
});
