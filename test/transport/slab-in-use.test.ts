import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SLAB_BYTES } from '../../src/transport/slab.js';
import { SlabSocket } from '../../src/transport/slab-socket.js';

let server: net.Server;
let peer: Socket;
let socket: SlabSocket;

beforeEach(async () => {
  server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  // Every read begins another slab, as if the one before it had been full.
  socket = new SlabSocket((onread) => net.connect({ port, host: '127.0.0.1', onread }), SLAB_BYTES.max);
  [peer] = await once(server, 'connection');
  peer.on('error', () => {});
});

afterEach(() => {
  socket.destroy();
  peer.destroy();
  server.close();
});

/** Sends it, and waits until it has come. */
async function send(text: string): Promise<void> {
  const before = socket.waitingBytes;
  peer.write(text);
  await expect.poll(() => socket.waitingBytes, { interval: 2 }).toBe(before + text.length);
}

/** What the parser asks for next. */
function next(): Buffer {
  return socket.read() ?? Buffer.alloc(0);
}

describe('a slab socket', () => {
  it('bytes are over for the parser only when it asks for the next ones', async () => {
    const parsed: Buffer[] = [];
    // Taken while the socket reads, where the slab is left right after it, or later, when it has been left.
    socket.once('readable', () => parsed.push(next()));
    peer.write('first');
    await expect.poll(() => parsed.toString(), { interval: 2 }).toBe('first');
    await send('second');
    await send('third');
    expect(parsed.toString()).toBe('first');

    const second = next();
    await send('fourth');
    await send('fifth');
    expect(second.toString()).toBe('second');

    // What was over for it is read into again: were it not, nothing here would show that the others are kept.
    expect(parsed.toString()).not.toBe('first');
    expect([next(), next(), next()].map(String)).toEqual(['third', 'fourth', 'fifth']);
  });
});
