// @ts-check
/** Fetches the logs of executions by Airflow's own API; those of a running one as they grow. */

import { useEffect, useRef, useState } from "./host.js";
import { keyOf } from "./executions.js";
import { linesOf } from "./log_lines.js";
import { askJson } from "./server.js";

const PARALLEL = 3;
const FOLLOW_MS = 1500;
const SHOW_MS = 80;

/** @typedef {import("./types.js").Execution} Execution */
/** @typedef {{ lines: import("./log_lines.js").Line[], complete: boolean, error: string }} Log */

/**
 * Return the logs of these executions, as far as they have come; the newest are fetched first.
 * @param {Execution[]} executions newest first
 * @returns {ReadonlyMap<string, Log>} by `keyOf`; another map whenever something came
 */
export function useLogs(executions) {
  const [logs, setLogs] = useState(/** @type {ReadonlyMap<string, Log>} */ (new Map()));
  const kept = useRef(/** @type {Map<string, Log>} */ (new Map()));
  const keys = executions.map(keyOf).join("\n");
  const wanted = useRef(executions);
  wanted.current = executions;

  useEffect(() => {
    const abort = new AbortController();
    const waiting = wanted.current.filter((execution) => !kept.current.get(keyOf(execution))?.complete);
    let timer = 0;
    // Many logs come at once: show them together.
    const show = () => {
      timer ||= window.setTimeout(() => {
        timer = 0;
        setLogs(new Map(kept.current));
      }, SHOW_MS);
    };
    const worker = async () => {
      for (let next = waiting.shift(); next && !abort.signal.aborted; next = waiting.shift()) {
        const followed = follow(next, kept.current, show, abort.signal);
        // A running one is followed beside the others.
        if (next.status !== "running") await followed;
      }
    };
    for (let number = 0; number < PARALLEL; number += 1) worker();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [keys]);

  return logs;
}

/**
 * Fetch one log to its end, which for a running execution is when it has ended.
 * @param {Execution} execution
 * @param {Map<string, Log>} logs where it is kept
 * @param {() => void} show called when there is more
 * @param {AbortSignal} signal
 */
async function follow(execution, logs, show, signal) {
  const key = keyOf(execution);
  let token = "";
  let lines = /** @type {import("./log_lines.js").Line[]} */ ([]);
  while (!signal.aborted) {
    try {
      const query = token ? `?${new URLSearchParams({ token })}` : "";
      const answer = await askJson(execution.log_url + query, { signal });
      lines = [...lines, ...linesOf(answer.content)];
      token = answer.continuation_token ?? "";
      logs.set(key, { lines, complete: !token, error: "" });
    } catch (error) {
      if (signal.aborted) return;
      const message = error instanceof Error ? error.message : String(error);
      logs.set(key, { lines, complete: execution.status !== "running", error: message });
    }
    show();
    if (logs.get(key)?.complete) return;
    await pause(signal);
  }
}

/**
 * Wait a moment, and as long as nobody looks.
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
async function pause(signal) {
  do await new Promise((resolve) => setTimeout(resolve, FOLLOW_MS));
  while (document.hidden && !signal.aborted);
}
