import { describe, expect, it } from 'vitest';
import { parseHttpDateMs } from '../../src/http-date.js';
import { discoverObject, obs, ProtocolError } from '../../src/index.js';
import { readObjectInfo } from '../../src/object-info.js';
import { failureOf } from '../pipeline/download-bench.js';
import { answering, head } from '../pipeline/raw-answers.js';

/** The last one that JavaScript knows: a millisecond later it is none. */
const LAST = 'Sat, 13 Sep 275760 00:00:00 GMT';

describe('a date with a year of more than four digits', () => {
  it.each([LAST, '+275760-09-13T00:00:00Z', '-271821-04-20T00:00:00Z', 'Sat, 01 Jan 10000 00:00:00 GMT'])(
    'is none: %s',
    (text) => {
      expect(parseHttpDateMs(text)).toBeNaN();
      expect(readObjectInfo({ 'last-modified': text }, 1)).not.toHaveProperty('lastModified');
    },
  );

  it.each(['obs', 'v4'] as const)('is not the time that a request is signed with (%s)', async (signature) => {
    const dates: (string | undefined)[] = [];
    const { port } = await answering((asked, socket) => {
      dates.push(asked.header(signature === 'obs' ? 'date' : 'x-amz-date'));
      // The first answer tells the time, and later ones take theirs.
      if (dates.length > 1) socket.destroy();
      else socket.write(head('403 No', 'x-obs-error-code: RequestTimeTooSkewed', `Date: ${LAST}`, 'Content-Length: 0'));
    });
    const credentials = { accessKeyId: 'AK', secretAccessKey: 'SK' };
    const place = { endpoint: `http://127.0.0.1:${port}`, bucket: 'films', key: 'k', signature, region: 'r' } as const;
    const retry = { attempts: 3, baseDelayMs: 20, maxDelayMs: 20 };
    expect(await failureOf(discoverObject(obs({ ...place, credentials }), { retry }))).toBeDefined();
    for (const date of dates) expect(date).toMatch(/^(?:\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT|\d{8}T\d{6}Z)$/);
  });

  it('is a complaint without a time', async () => {
    const complaint = head('403 No', 'x-obs-error-code: RequestTimeTooSkewed', `Date: ${LAST}`, 'Content-Length: 0');
    const { port } = await answering((_asked, socket) => socket.write(complaint));
    const credentials = { accessKeyId: 'AK', secretAccessKey: 'SK' };
    const source = obs({ endpoint: `http://127.0.0.1:${port}`, bucket: 'films', key: 'k', credentials });
    const retry = { attempts: 3, baseDelayMs: 1, maxDelayMs: 1 };
    expect(await failureOf(discoverObject(source, { retry }))).toBeInstanceOf(ProtocolError);
  });
});
