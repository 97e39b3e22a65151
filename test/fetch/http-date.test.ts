import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseRetryAfterMs } from '../../src/fetch/store-error.js';
import { parseHttpDateMs } from '../../src/http-date.js';
import { discoverObject, obs } from '../../src/index.js';
import { readObjectInfo } from '../../src/object-info.js';
import { answering, head, trueAnswer } from '../pipeline/raw-answers.js';

const zone = process.env.TZ;
beforeAll(() => {
  process.env.TZ = 'Asia/Shanghai';
});
afterAll(() => {
  if (zone === undefined) delete process.env.TZ;
  else process.env.TZ = zone;
});

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

/** The three forms of RFC 9110 section 5.6.7, of a whole second. */
const FORMS: [string, (date: Date) => string][] = [
  ['IMF-fixdate', (date) => date.toUTCString()],
  [
    'RFC 850',
    (date) => {
      const [, day, month, year, time] = date.toUTCString().split(' ');
      return `${DAYS[date.getUTCDay()]}, ${day}-${month}-${year?.slice(2)} ${time} GMT`;
    },
  ],
  [
    'asctime',
    (date) => {
      const [, , month, year, time] = date.toUTCString().split(' ');
      return `${DAYS[date.getUTCDay()]?.slice(0, 3)} ${month} ${String(date.getUTCDate()).padStart(2)} ${time} ${year}`;
    },
  ],
];

describe.each(FORMS)('a date in the form %s, away from Greenwich', (_form, format) => {
  const SECOND = 1000;
  const soon = () => new Date(Math.floor(Date.now() / SECOND) * SECOND + 3600 * SECOND);

  it('is read in GMT', () => {
    expect(new Date(0).getTimezoneOffset()).toBe(-480);
    for (const text of ['1994-11-06T08:49:37Z', '2026-01-02T23:59:59Z']) {
      const date = new Date(text);
      expect(parseHttpDateMs(format(date)), format(date)).toBe(date.getTime());
    }
  });

  it('is when to come back', () => {
    const waitMs = parseRetryAfterMs(format(soon())) ?? 0;
    expect(waitMs).toBeGreaterThan(3_590_000);
    expect(waitMs).toBeLessThanOrEqual(3_600_000);
    expect(parseRetryAfterMs(format(new Date('1994-11-06T08:49:37Z')))).toBe(0);
  });

  it('is when the object was modified', () => {
    const date = new Date('1994-11-06T08:49:37Z');
    expect(readObjectInfo({ 'last-modified': format(date) }, 1).lastModified).toEqual(date);
  });

  it('is the time of the store', async () => {
    const theirs = soon();
    const { port } = await answering((asked, socket) => {
      const complaint = ['x-obs-error-code: RequestTimeTooSkewed', `Date: ${format(theirs)}`, 'Content-Length: 0'];
      socket.write(
        asked.number === 1 ? head('403 No', ...complaint) : trueAnswer(asked, Buffer.from('x'), 'ETag: "e1"'),
      );
      if (asked.number === 2) signedAt.push(Date.parse(asked.header('date') ?? ''));
    });
    const signedAt: number[] = [];
    const credentials = { accessKeyId: 'AK', secretAccessKey: 'SK' };
    await discoverObject(obs({ endpoint: `http://127.0.0.1:${port}`, bucket: 'films', key: 'k', credentials }));
    expect(Math.abs((signedAt[0] ?? 0) - theirs.getTime())).toBeLessThan(10_000);
  });
});

describe('what is no date', () => {
  it.each(['', 'soon', 'Sun Nov 36 08:49:37 1994'])('stays none: %j', (text) => {
    expect(parseHttpDateMs(text)).toBeNaN();
    expect(readObjectInfo({ 'last-modified': text }, 1)).not.toHaveProperty('lastModified');
  });
});
