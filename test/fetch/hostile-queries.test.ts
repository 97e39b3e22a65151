import { describe, expect, it } from 'vitest';
import { AccessDeniedError, discoverObject, http } from '../../src/index.js';
import { hideSecrets, requestSecrets } from '../../src/redact.js';
import { failureOf } from '../pipeline/download-bench.js';
import { answering, head, trueAnswer } from '../pipeline/raw-answers.js';

/** The longest that fits into a head. */
const QUERY_BYTES = 15_000;

/** A server that redirects to a long query of its own, and then answers. */
async function redirecting(query: string, refuse: boolean) {
  return answering((asked, socket) => {
    if (asked.number === 1) socket.write(head('307 Moved', `Location: /moved?${query}`, 'Content-Length: 0'));
    else if (refuse) socket.write(`${head('403 No', 'Content-Type: text/plain', 'Content-Length: 6')}denied`);
    else socket.write(trueAnswer(asked, Buffer.from('x'), 'ETag: "e"', 'x-obs-version-id: the-version'));
  });
}

describe.each(['%', '%25', 'é', 'a', '$&'])('a redirect to a query of many %s', (piece) => {
  const query = encodeURI(piece).repeat(QUERY_BYTES / encodeURI(piece).length);

  it('is followed, and what it leads to is read', async () => {
    const { url } = await redirecting(query, false);
    const headers = { authorization: `Bearer ${'s3cr3t'.repeat(10)}` };
    expect(await discoverObject(http(url, { headers }))).toMatchObject({ size: 1, versionId: 'the-version' });
  });

  it('is no other error than without it', async () => {
    const { url } = await redirecting(query, true);
    const error = await failureOf(discoverObject(url));
    expect(error).toBeInstanceOf(AccessDeniedError);
    expect((error as Error).message).toBe('the store answered 403: denied');
  });
});

it('thousands of values that a server put into redirects keep nobody busy', () => {
  const words = (seed: number) =>
    Array.from({ length: QUERY_BYTES / 12 }, (_, i) =>
      ((seed * 7919 + i) * 2_654_435_761).toString(36).padStart(9, 'x'),
    );
  const urls = [1, 2, 3, 4, 5].map((seed) => ({ url: `http://h.example/?${words(seed).join('%20')}` }));
  const text = 'x'.repeat(16_384);
  const before = process.cpuUsage();
  const secrets = requestSecrets(urls);
  for (let refusals = 0; refusals < 20; refusals += 1) hideSecrets(text, secrets);
  expect(process.cpuUsage(before).user / 1000).toBeLessThan(2000);
  for (const word of words(3)) expect(hideSecrets(`you sent ${word}`, secrets)).not.toContain(word);
});

it('secrets that overlap in a text are hidden to the end of the last', () => {
  const secrets = requestSecrets([{ url: '/f?a=ABCDEFGHIJKL&b=ijklmnopqrst' }]);
  expect(hideSecrets('<abcdefghijklmnopqrst> <IJKLMNOPQRST>', secrets)).toBe('<…> <…>');
});
