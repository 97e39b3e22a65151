/**
 * What every contestant does around its call: the same clock, the same counters, one JSON line at the end. Nothing here
 * runs per chunk.
 */

import { subscribe } from 'node:diagnostics_channel';
import { readdirSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';

/** What the runner said. */
export const config = JSON.parse(process.argv[2] ?? '{}');

const wire = { receivedBytes: 0, requests: 0, connections: 0 };
const open = new Set();

// tls.connect() does not announce itself on a diagnostics channel, but it connects through this method too.
const { connect } = Socket.prototype;
Socket.prototype.connect = function connectCounted(...args) {
  wire.connections += 1;
  open.add(this);
  this.once('close', () => {
    open.delete(this);
    wire.receivedBytes += this.bytesRead;
  });
  return connect.apply(this, args);
};
subscribe('http.client.request.start', () => {
  wire.requests += 1;
});
subscribe('undici:request:create', () => {
  wire.requests += 1;
});

/** A contestant that speaks HTTP by hand says so itself. */
export function countRequest() {
  wire.requests += 1;
}

/** Runs the call and prints what it took: seconds of the call only, not of the start of the process. */
export async function measure(call) {
  resetPeakRss();
  const cpuBefore = process.cpuUsage();
  const threadsBefore = threadTimes();
  const startedAtMs = performance.now();
  const own = await call();
  const wallS = (performance.now() - startedAtMs) / 1000;
  const cpu = process.cpuUsage(cpuBefore);
  let { receivedBytes } = wire;
  for (const socket of open) receivedBytes += socket.bytesRead;
  const cpuS = (cpu.user + cpu.system) / 1e6;
  const threads = threadTimes();
  for (const name of Object.keys(threads)) threads[name] -= threadsBefore[name];
  finish({ wallS, cpuS, peakRssMiB: peakRssBytes() / 2 ** 20, ...wire, receivedBytes, ...threads, ...own });
}

/** Seconds of CPU so far: of the main thread, and of all others (V8's helpers, libuv's pool). Nothing where there is no /proc. */
function threadTimes() {
  const times = { mainUserS: 0, mainSystemS: 0, othersUserS: 0, othersSystemS: 0 };
  try {
    for (const thread of readdirSync('/proc/self/task')) {
      const status = readFileSync(`/proc/self/task/${thread}/stat`, 'utf8');
      const fields = status.slice(status.lastIndexOf(')') + 2).split(' ');
      const who = Number(thread) === process.pid ? 'main' : 'others';
      // utime and stime, in ticks of 10 ms.
      times[`${who}UserS`] += Number(fields[11]) / 100;
      times[`${who}SystemS`] += Number(fields[12]) / 100;
    }
  } catch {
    return {};
  }
  return times;
}

/** Prints the line and ends: a contestant's idle connections are not waited for. */
export function finish(line) {
  writeSync(1, `${JSON.stringify(line)}\n`);
  process.exit(0);
}

/** So that the peak is that of what follows. */
export function resetPeakRss() {
  try {
    writeFileSync('/proc/self/clear_refs', '5');
  } catch {
    // Not Linux: the peak is then that of the whole process.
  }
}

export function peakRssBytes() {
  try {
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024;
  } catch {
    return process.resourceUsage().maxRSS * 1024;
  }
}

/** Calls `work(index)` for 0 .. count-1, `atOnce` of them at a time. */
export async function eachOf(count, atOnce, work) {
  let next = 0;
  const worker = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
