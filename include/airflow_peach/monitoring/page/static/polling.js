// @ts-check
/** Keeps an answer of the server fresh, while somebody looks. */

import { useCallback, useEffect, useRef, useState } from "./host.js";

const SLOWEST_MS = 60_000;

/**
 * @template T
 * @typedef {{ data: T|undefined, error: (Error & {kind?: string})|undefined, updatedAt: Date|undefined,
 *   refresh: () => void }} Polled
 */

/**
 * Ask now and again every `intervalMs`; not while the tab is hidden, less often while it fails. What was known stays
 * until something newer is known. Another `key` begins anew.
 * @template T
 * @param {string} key what is asked for
 * @param {(signal: AbortSignal) => Promise<T>} ask
 * @param {number} intervalMs
 * @returns {Polled<T>}
 */
export function usePolled(key, ask, intervalMs) {
  const [answer, setAnswer] = useState(/** @type {any} */ ({ key }));
  const asking = useRef(ask);
  asking.current = ask;
  const [turn, setTurn] = useState(0);

  useEffect(() => {
    const abort = new AbortController();
    let timer = 0;
    let failures = 0;
    let busy = false;

    async function round() {
      if (busy) return;
      busy = true;
      clearTimeout(timer);
      try {
        const data = await asking.current(abort.signal);
        failures = 0;
        if (!abort.signal.aborted) setAnswer({ key, data, updatedAt: new Date() });
      } catch (error) {
        failures += 1;
        if (!abort.signal.aborted) setAnswer((/** @type {any} */ old) => ({ ...(old.key === key ? old : { key }), error }));
      }
      busy = false;
      if (!abort.signal.aborted && !document.hidden)
        timer = window.setTimeout(round, Math.min(intervalMs * 2 ** failures, Math.max(SLOWEST_MS, intervalMs)));
    }

    function onVisibility() {
      clearTimeout(timer);
      if (!document.hidden) round();
    }

    document.addEventListener("visibilitychange", onVisibility);
    round();
    return () => {
      document.removeEventListener("visibilitychange", onVisibility);
      clearTimeout(timer);
      abort.abort();
    };
  }, [key, intervalMs, turn]);

  const refresh = useCallback(() => setTurn((number) => number + 1), []);
  const current = answer.key === key ? answer : {};
  return { data: current.data, error: current.error, updatedAt: current.updatedAt, refresh };
}

/**
 * Return the present time, renewed every second while `running`.
 * @param {boolean} running
 */
export function useNow(running) {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!running) return undefined;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [running]);
  return now;
}
