/** Files whose every block is different: any misplaced byte changes their SHA-256. */

import { createCipheriv, createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';

const CHUNK_BYTES = 4 * 1024 * 1024;

/** Writes `size` bytes of the keystream of AES-128 in counter mode; returns their SHA-256 in hex. */
export async function writeNoise(path: string, size: number, seed: number = 0): Promise<string> {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, seed), Buffer.alloc(16));
  const zeros = Buffer.alloc(CHUNK_BYTES);
  const hash = createHash('sha256');
  await using file = await open(path, 'w');
  for (let at = 0; at < size; at += CHUNK_BYTES) {
    const bytes = cipher.update(zeros.subarray(0, Math.min(CHUNK_BYTES, size - at)));
    hash.update(bytes);
    await file.writeFile(bytes);
  }
  return hash.digest('hex');
}

/** In hex. */
export async function sha256OfFile(
  path: string,
  start: number = 0,
  end: number = Number.POSITIVE_INFINITY,
): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { start, end: end - 1, highWaterMark: 1024 * 1024 }), hash);
  return hash.digest('hex');
}
