// Repeats a request until it is stopped.

/** Runs `load` at once and every `everyMs` while `may` returns true. Returns a function to stop. */
export function repeat(
  load: (signal: AbortSignal) => Promise<void>,
  everyMs: number,
  may: () => boolean,
): () => void {
  const stop = new AbortController();
  void load(stop.signal);
  const timer = setInterval(() => {
    if (may() && !document.hidden) void load(stop.signal);
  }, everyMs);
  return () => {
    stop.abort();
    clearInterval(timer);
  };
}
