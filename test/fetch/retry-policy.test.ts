import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  AccessDeniedError,
  ConditionNotMetError,
  InvalidOptionError,
  NetworkError,
  NotFoundError,
  ObjectChangedError,
  ProtocolError,
  RedirectError,
  StoreError,
  TimeoutError,
} from '../../src/errors.js';
import {
  asksForFewer,
  backoffDelayMs,
  decideRetry,
  isRetryable,
  type RetryHistory,
} from '../../src/fetch/retry-policy.js';
import { staleConnection } from '../../src/transport/network-failure.js';

const retry = { attempts: 6, baseDelayMs: 200, maxDelayMs: 20_000 };
const first: RetryHistory = {
  fruitlessAttempts: 1,
  protocolErrors: 0,
  credentialRefreshes: 0,
  clockCorrections: 0,
  staleConnections: 0,
};
const store = (statusCode: number, storeCode?: string) => new StoreError('refused', { statusCode, storeCode });
const denied = (storeCode?: string) => new AccessDeniedError('refused', { statusCode: 403, storeCode });
const badCertificate = new NetworkError('no', { cause: Object.assign(new Error('x'), { code: 'CERT_HAS_EXPIRED' }) });

describe('the retry table', () => {
  it.each([
    [408, undefined],
    [425, undefined],
    [429, undefined],
    [500, undefined],
    [502, undefined],
    [503, 'SlowDown'],
    [504, undefined],
    [409, 'OperationAborted'],
  ])('tries again after status %s %s', (statusCode, storeCode) => {
    expect(decideRetry(store(statusCode, storeCode), first, retry)).toEqual({ action: 'backoff', charged: true });
    expect(isRetryable(store(statusCode, storeCode))).toBe(true);
  });

  it.each([
    ['status 400', store(400, 'InvalidArgument')],
    ['status 409 of another kind', store(409, 'BucketNotEmpty')],
    ['status 416', store(416, 'InvalidRange')],
    ['status 501', store(501, 'NotImplemented')],
    ['status 404', new NotFoundError('gone', { statusCode: 404 })],
    ['a condition', new ConditionNotMetError(412, 'ifMatch')],
    ['a changed object', new ObjectChangedError('changed', 'a', 'b')],
    ['a redirect', new RedirectError('no')],
    ['an option', new InvalidOptionError('source', 'no')],
    ['a certificate that does not verify', badCertificate],
    ['a bug', new TypeError('bug')],
  ])('gives up at once after %s', (_what, error) => {
    expect(decideRetry(error, first, retry).action).toBe('fail');
    expect(isRetryable(error)).toBe(false);
  });

  it.each([
    ['a broken connection', new NetworkError('cut')],
    ['a connect timeout', new TimeoutError('connect', 'late')],
    ['a headers timeout', new TimeoutError('headers', 'late')],
    ['a stall', new TimeoutError('stall', 'late')],
  ])('tries again after %s, as often as the budget says', (_what, error) => {
    expect(decideRetry(error, { ...first, fruitlessAttempts: 5 }, retry).action).toBe('backoff');
    expect(decideRetry(error, { ...first, fruitlessAttempts: 6 }, retry).action).toBe('fail');
    expect(isRetryable(error)).toBe(true);
  });

  it('tries a protocol error once more, then takes it for how the server is', () => {
    const error = new ProtocolError('nonsense');
    expect(decideRetry(error, { ...first, protocolErrors: 1 }, retry).action).toBe('backoff');
    expect(decideRetry(error, { ...first, protocolErrors: 2 }, retry).action).toBe('fail');
    expect(isRetryable(error)).toBe(false);
  });

  it('asks for fresh credentials once, free of charge, also in the last attempt', () => {
    const last = { ...first, fruitlessAttempts: 6 };
    expect(decideRetry(denied('ExpiredToken'), last, retry)).toEqual({ action: 'refresh-credentials', charged: false });
    expect(decideRetry(denied(), { ...first, credentialRefreshes: 1 }, retry).action).toBe('fail');
  });

  it.each(['InvalidObjectState', 'SignatureDoesNotMatch', 'AllAccessDisabled'])(
    'does not ask for fresh credentials after %s, which they cannot cure',
    (storeCode) => {
      expect(decideRetry(denied(storeCode), first, retry).action).toBe('fail');
    },
  );

  it('corrects the clock once', () => {
    const skewed = denied('RequestTimeTooSkewed');
    expect(decideRetry(skewed, first, retry)).toEqual({ action: 'correct-clock', charged: false });
    expect(decideRetry(skewed, { ...first, clockCorrections: 1 }, retry).action).toBe('fail');
  });

  it('sends again at once, free of charge, when an idle connection was closed under it: twice, not for ever', () => {
    const stale = staleConnection('closed', new Error('ECONNRESET'));
    expect(decideRetry(stale, first, retry)).toEqual({ action: 'at-once', charged: false });
    expect(decideRetry(stale, { ...first, staleConnections: 2 }, retry)).toEqual({ action: 'backoff', charged: true });
  });
});

describe('the delay before a retry', () => {
  const busy = (retryAfterMs?: number) => new StoreError('busy', { statusCode: 503 }, retryAfterMs);

  it('is full jitter over an exponential back-off, within maxDelayMs', () => {
    const most = (attempts: number) => backoffDelayMs(new NetworkError('cut'), attempts, retry, () => 1);
    expect([1, 2, 3, 4, 5, 6, 7, 8, 9].map(most)).toEqual([200, 400, 800, 1600, 3200, 6400, 12_800, 20_000, 20_000]);
    expect(most(2000)).toBe(20_000);
    expect(backoffDelayMs(new NetworkError('cut'), 5, retry, () => 0)).toBe(0);
  });

  it('is at least what Retry-After asks for, and never more than maxDelayMs (T038)', () => {
    expect(backoffDelayMs(busy(3000), 1, retry, () => 0)).toBe(3000);
    expect(backoffDelayMs(busy(99_999_999_000), 1, retry, () => 0)).toBe(20_000);
    expect(backoffDelayMs(busy(0), 1, retry, () => 0.5)).toBe(100);
  });

  it('is a finite number between 0 and maxDelayMs, whatever is given', () => {
    fc.assert(
      fc.property(
        fc.option(fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }), { nil: undefined }),
        fc.integer({ min: 0, max: 1000 }),
        fc.integer({ min: 0, max: 2 ** 31 - 1 }),
        fc.integer({ min: 0, max: 2 ** 31 - 1 }),
        (retryAfterMs, attempts, baseDelayMs, maxDelayMs) => {
          const delayMs = backoffDelayMs(busy(retryAfterMs), attempts, { attempts: 6, baseDelayMs, maxDelayMs });
          expect(delayMs).toBeGreaterThanOrEqual(0);
          expect(delayMs).toBeLessThanOrEqual(maxDelayMs);
        },
      ),
    );
  });
});

describe('asksForFewer', () => {
  it('is true for a busy store and for a process without descriptors, and for nothing else', () => {
    const answer = (statusCode: number) => new StoreError('x', { statusCode });
    const network = (code: string) => new NetworkError('x', { cause: Object.assign(new Error(code), { code }) });
    expect([answer(429), answer(503), network('EMFILE'), network('ENFILE')].map(asksForFewer)).not.toContain(false);
    const others = [answer(500), answer(404), network('ECONNRESET'), new NetworkError('x'), new Error('x')];
    expect(others.map(asksForFewer)).not.toContain(true);
  });
});
