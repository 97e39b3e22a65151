import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent } from 'undici';
import { describe, expect, it } from 'vitest';
import { latency } from '../fixtures/connection-faults.js';
import { expectRamp, ramp } from '../fixtures/ramp.js';
import { rawServer } from '../fixtures/raw-server.js';
import { closeLater, download, PART, serve, VERBS } from './download-bench.js';

/** Ends what still runs, too. */
function agentWith(connections: number): Agent {
  const agent = new Agent({ connections });
  closeLater({ close: () => agent.destroy() });
  return agent;
}

describe.each(VERBS)("%s with a caller's Agent of fewer connections than requests", (verb) => {
  it('does not take the wait in its queue for the silence of a server', async () => {
    const size = 16 * PART;
    const server = await serve(ramp(size), [latency({ ms: 50 })]);
    const { bytes, result } = await download(verb, server.url, {
      dispatcher: agentWith(2),
      concurrency: 16,
      hedge: false,
      // Each connection brings eight parts: the last of them waits for 350 ms before it is sent.
      timeouts: { headersMs: 200 },
    });
    expect(bytes.length).toBe(size);
    expectRamp(bytes);
    expect(result).toMatchObject({ requests: 16, retries: 0 });
  });
});

describe("a rate limit with a caller's Agent", () => {
  const SIZE = 256 * 1024;
  const CUT_AT = 128 * 1024;

  /** What the process printed, and the code that it ended with. */
  async function runApart(url: string): Promise<{ output: string; errors: string; code: unknown }> {
    const script = new URL('./rate-limited-download.ts', import.meta.url).pathname;
    const child = spawn(process.execPath, ['--import', 'tsx', script, url, String(2 * SIZE)], { timeout: 10_000 });
    let output = '';
    let errors = '';
    child.stdout.on('data', (bytes) => {
      output += bytes;
    });
    child.stderr.on('data', (bytes) => {
      errors += bytes;
    });
    const [code] = await once(child, 'close');
    return { output, errors, code };
  }

  // undici does not see that it ends with the connection, and pauses a parser that then has to finish.
  it.each([
    ['HTTP/1.0', 'HTTP/1.0 200 OK\r\n'],
    ['Proxy-Connection: close', 'HTTP/1.1 200 OK\r\nProxy-Connection: close\r\n'],
  ])(
    "a caller's dispatcher is not paused for a rate limit, so that a cut body ends no process: %s",
    async (_what, head) => {
      const object = ramp(SIZE);
      const server = closeLater(
        await rawServer({
          respond(_request, socket, number) {
            socket.write(`${head}Content-Length: ${SIZE}\r\nETag: "x"\r\n\r\n`);
            // The FIN comes when the limit has already stopped the reading.
            socket.write(object.slice(0, number === 1 ? CUT_AT : SIZE), () => setTimeout(() => socket.end(), 50));
          },
        }),
      );
      const { output, errors, code } = await runApart(server.url);
      expect(errors).toBe('');
      expect(code).toBe(0);
      expect([object.sha256(), 'PS_ERR_PROTOCOL', 'PS_ERR_NETWORK', 'PS_ERR_PART_FAILED', 'PS_ERR_TIMEOUT']).toContain(
        output,
      );
    },
  );
});
