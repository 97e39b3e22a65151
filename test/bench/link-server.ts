/** The process of link-server-main.mjs, and what it is told before each run. */

import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const MIB = 1024 * 1024;

/** What the server does from now on; connections that are open are closed. */
export interface LinkScript {
  /** Of the first connection, the second, ...; after the last one it starts again. */
  readonly bytesPerSecond: readonly number[];
  /** From a request to the first byte of its answer. */
  readonly latencyMs: number;
  /** Bytes of the object that it says to have. */
  readonly size: number;
  /** Bodies are chunked, one byte per chunk. */
  readonly oneByteChunks?: boolean;
  /** Every answer on this connection stops after so many bytes. */
  readonly stall?: { readonly connection: number; readonly afterBytes: number };
  /** When to resolve {@link LinkServer.reached}. */
  readonly tellAtBytes?: number;
}

/** What the server did since it was told. */
export interface LinkStats {
  /** Of bodies. */
  readonly bytesSent: number;
  readonly requests: number;
  readonly connections: number;
}

interface Message extends LinkStats {
  readonly id?: number;
  readonly event?: 'listening' | 'reached';
  readonly port?: number;
}

export class LinkServer {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #answers = new Map<number, (stats: LinkStats) => void>();
  #lastId = 0;
  #onReached: () => void = () => {};

  constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.url = `http://127.0.0.1:${port}/bench/object.bin`;
    child.on('message', (message: Message) => {
      if (message.event === 'reached') this.#onReached();
      if (message.id === undefined) return;
      this.#answers.get(message.id)?.(message);
      this.#answers.delete(message.id);
    });
  }

  /** @returns resolves when `tellAtBytes` were sent. */
  async reset(script: LinkScript): Promise<{ readonly reached: Promise<void> }> {
    const reached = new Promise<void>((resolve) => {
      this.#onReached = resolve;
    });
    await this.#ask({ type: 'reset', script });
    return { reached };
  }

  stats(): Promise<LinkStats> {
    return this.#ask({ type: 'stats' });
  }

  close(): void {
    if (this.#child.connected) this.#child.disconnect();
  }

  #ask(question: object): Promise<LinkStats> {
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve) => {
      this.#answers.set(id, resolve);
      this.#child.send({ id, ...question });
    });
  }
}

export async function startLinkServer(): Promise<LinkServer> {
  const child = fork(fileURLToPath(new URL('link-server-main.mjs', import.meta.url)), [], { execArgv: [] });
  const port = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`the link server ended with ${code}`)));
    child.once('message', ({ port: bound }: Message) => resolve(bound ?? 0));
  });
  return new LinkServer(child, port);
}

/** Connections that all contestants open at first. */
const LINKS = 20;
export const LATENCY_MS = 30;
/** 1.6 s for 256 MiB over twenty of them. */
const EQUAL_RATE: number = 8 * MIB;

export function equalLinks(): number[] {
  return Array.from({ length: LINKS }, () => EQUAL_RATE);
}

/** One of twenty equal links at 1 % of the speed: another one in each round. */
export function linksWithStraggler(round: number): number[] {
  return equalLinks().map((rate, index) => (index === (round * 7 + 3) % LINKS ? rate / 100 : rate));
}

/**
 * Rates of 400 connections: lognormal around 6 MiB/s, and one of every twenty, at a place of its own, twenty times
 * slower. The same for every contestant of a round.
 */
export function lognormalLinks(round: number): number[] {
  const random = mulberry32(round + 1);
  return Array.from({ length: 20 }, () => {
    const slow = Math.floor(random() * LINKS);
    return Array.from({ length: LINKS }, (_, index) => {
      const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
      return (6 * MIB * Math.exp(0.6 * normal)) / (index === slow ? 20 : 1);
    });
  }).flat();
}

/** Seconds in which the first twenty links together bring `size` bytes, once the first byte is there. */
export function idealSeconds(size: number, rates: readonly number[]): number {
  const sum = rates.slice(0, LINKS).reduce((total, rate) => total + rate, 0);
  return LATENCY_MS / 1000 + size / sum;
}

/** Seeded: the same sequence on every run. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
