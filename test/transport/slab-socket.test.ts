import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SlabSocket } from '../../src/transport/slab-socket.js';

let server: net.Server;
let peer: Socket;
let socket: SlabSocket;

beforeEach(async () => {
  server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  socket = new SlabSocket((onread) => net.connect({ port, host: '127.0.0.1', onread }), 16 * 1024);
  [peer] = await once(server, 'connection');
  peer.on('error', () => {});
});

afterEach(() => {
  socket.on('error', () => {}).destroy();
  peer.destroy();
  server.close();
});

/** What happened, in order: bytes as text, then 'end', 'error …', 'close'. Reads like undici does. */
function record(): string[] {
  const events: string[] = [];
  socket
    .on('readable', () => {
      for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) events.push(chunk.toString());
    })
    .on('end', () => events.push('end'))
    .on('error', (error) => events.push(`error ${(error as { code?: string }).code}`))
    .on('close', () => events.push('close'));
  return events;
}

const turns = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('a slab socket', () => {
  it('writes, and gives what it reads as views that lie side by side', async () => {
    peer.on('data', (bytes) => peer.write(bytes));
    const views: Buffer[] = [];
    socket.on('readable', () => {
      for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) views.push(chunk);
    });
    for (const text of ['one', 'two', 'three']) {
      socket.write(text, 'latin1');
      await expect.poll(() => Buffer.concat(views).toString().endsWith(text), { interval: 2 }).toBe(true);
    }
    expect(new Set(views.map(({ buffer }) => buffer)).size).toBe(1);
    expect(views.map(({ byteOffset }) => byteOffset)).toEqual([0, 3, 6]);
  });

  it('a held connection gives nothing to the parser, and its FIN waits too, so the parser is never paused', async () => {
    peer.end('abc');
    await expect.poll(() => socket.waitingBytes).toBe(3);
    socket.hold();
    const events = record();
    socket.emit('readable');
    await turns(20);
    expect(events).toEqual([]);
    socket.letGo();
    await expect.poll(() => events).toEqual(['abc', 'end', 'close']);
  });

  it('stops the sender while it is held', async () => {
    socket.on('readable', () => {
      while (socket.read() !== null);
    });
    socket.hold();
    const block = Buffer.alloc(1024 * 1024);
    for (let written = 0; written < 32; written++) peer.write(block);
    await turns(40);
    expect(peer.writableLength).toBeGreaterThan(16 * block.length);
    expect(socket.waitingBytes).toBeLessThanOrEqual(512 * 1024);
    socket.letGo();
    await expect.poll(() => peer.writableLength).toBe(0);
  });

  it('delivers a failure after the bytes that came before it', async () => {
    peer.write('abc');
    await expect.poll(() => socket.waitingBytes).toBe(3);
    peer.resetAndDestroy();
    await turns(20);
    expect(socket.destroyed).toBe(false);
    const events = record();
    socket.emit('readable');
    await once(socket, 'close').catch(() => {});
    await turns(0);
    expect(events).toEqual(['abc', 'error ECONNRESET', 'close']);
  });

  it('destroys the connection with itself', async () => {
    peer.resume();
    socket.destroy();
    await once(peer, 'close');
  });
});
