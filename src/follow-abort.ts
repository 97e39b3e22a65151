/**
 * Many followers of one signal, and one listener on it: Node warns of a leak at the eleventh. Refuses to leave the
 * listener behind when nobody follows any more.
 */

interface Following {
  readonly followers: Set<() => void>;
  readonly listener: () => void;
}

const followings = new WeakMap<AbortSignal, Following>();

/**
 * Calls `onAbort` when the signal aborts: at once when it has.
 * @returns stops following. Idempotent.
 */
export function followAbort(signal: AbortSignal | undefined, onAbort: () => void): () => void {
  if (signal?.aborted) onAbort();
  if (signal === undefined || signal.aborted) return () => {};
  const { followers, listener } = followings.get(signal) ?? startFollowing(signal);
  // Each call its own: the same function may follow twice.
  const follower = () => onAbort();
  followers.add(follower);
  return () => {
    followers.delete(follower);
    if (followers.size > 0 || followings.get(signal)?.followers !== followers) return;
    followings.delete(signal);
    signal.removeEventListener('abort', listener);
  };
}

function startFollowing(signal: AbortSignal): Following {
  const followers = new Set<() => void>();
  const listener = () => {
    followings.delete(signal);
    for (const follower of [...followers]) if (followers.has(follower)) callAlone(follower);
  };
  const following = { followers, listener };
  followings.set(signal, following);
  signal.addEventListener('abort', listener, { once: true });
  return following;
}

/** As with listeners of the signal itself: what one throws goes to the process, and the others are called all the same. */
function callAlone(follower: () => void): void {
  try {
    follower();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
