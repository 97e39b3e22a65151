/** Samples how far a download is, by a timer and not per chunk. Refuses to go back, and always ends at the total. */

import type { Progress } from './events.js';
import { every, monotonicMs } from './time.js';

const INTERVAL_MS = 100;
/** The rate is averaged over about this long. */
const RATE_WINDOW_MS = 3000;

export interface ProgressSource {
  /** Body bytes received from the network. */
  transferredBytes(): number;
  /** Bytes that are done, resumed ones included. */
  completedBytes(): number;
  totalBytes(): number;
}

/** The highest that was shown, for meters that follow one another. */
export interface ShownProgress {
  completedBytes: number;
}

export interface ProgressMeter {
  /** Emits the last sample and stops. */
  finish(): void;
  stop(): void;
}

export function startProgressMeter(
  source: ProgressSource,
  emit: (progress: Progress) => void,
  shown: ShownProgress = { completedBytes: 0 },
): ProgressMeter {
  const samples = [{ atMs: monotonicMs(), bytes: source.transferredBytes() }];
  const sample = (isLast: boolean = false) => {
    const now = { atMs: monotonicMs(), bytes: source.transferredBytes() };
    samples.push(now);
    while (samples.length > 2 && now.atMs - (samples[0]?.atMs ?? 0) > RATE_WINDOW_MS) samples.shift();
    const oldest = samples[0] ?? now;
    const elapsedMs = now.atMs - oldest.atMs;
    const bytesPerSecond = elapsedMs > 0 ? Math.round(((now.bytes - oldest.bytes) * 1000) / elapsedMs) : 0;
    const completedBytes = source.completedBytes();
    const known = source.totalBytes();
    const totalBytes = isLast && Number.isNaN(known) ? completedBytes : known;
    const most = Number.isNaN(totalBytes) ? Number.POSITIVE_INFINITY : totalBytes;
    // A damaged block that is fetched again takes bytes back, and so does a new version; a progress bar should not.
    // But for a smaller object less has to be shown.
    const highest = shown.completedBytes > most ? 0 : shown.completedBytes;
    shown.completedBytes = Math.min(most, Math.max(highest, completedBytes));
    const leftBytes = totalBytes - shown.completedBytes;
    emit({
      transferredBytes: now.bytes,
      completedBytes: shown.completedBytes,
      totalBytes,
      bytesPerSecond,
      etaSeconds: leftBytes === 0 ? 0 : leftBytes / bytesPerSecond,
    });
  };
  const timer = every(INTERVAL_MS, () => sample());
  return {
    finish() {
      timer.stop();
      sample(true);
    },
    stop: timer.stop,
  };
}
