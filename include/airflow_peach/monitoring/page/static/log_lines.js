// @ts-check
/** The events of Airflow's log as lines to show. Pure. */

import { readAnsi } from "./ansi.js";

/**
 * @typedef {{ text: string, spans: import("./ansi.js").Span[]|null, time: string|null, level: string, platform: boolean }} Line
 *   `platform`: Airflow's own words, not the task's output
 * @typedef {{ timestamp?: string|null, event: string, level?: string, logger?: string, error_detail?: any[],
 *   [other: string]: unknown }|string} LogEvent
 */

// The operator writes a task's output under its own logger; what Airflow says of itself has others.
const TASK_LOGGERS = ["airflow.task.operators.airflow_peach", "task.stdout", "task.stderr"];
const GRAVE = new Set(["error", "critical"]);
const KNOWN = new Set("timestamp event level logger filename lineno error_detail dag_id task_id run_id try_number map_index ti_id chan".split(" "));
const GROUP = "::group::";
const GROUP_END = "::endgroup::";

/**
 * @param {LogEvent[]} events as `api/v2/…/logs` answers them
 * @returns {Line[]}
 */
export function linesOf(events) {
  return events.flatMap(linesOfEvent);
}

/** @param {LogEvent} event @returns {Line[]} */
function linesOfEvent(event) {
  if (typeof event === "string") return event.split("\n").map((text) => line(text, null, "info", false));
  const level = (event.level ?? "info").toLowerCase();
  const ofTask = TASK_LOGGERS.some((logger) => event.logger?.startsWith(logger));
  const platform = !ofTask && !GRAVE.has(level);
  const time = event.timestamp ?? null;
  let text = String(event.event ?? "");
  if (!ofTask) {
    if (text === GROUP_END) return [];
    if (text.startsWith(GROUP)) text = `── ${text.slice(GROUP.length)}`;
    text += othersOf(event);
  }
  return [text, ...traceback(event.error_detail)].flatMap((part) => part.split("\n")).map((part) => line(part, time, level, platform));
}

/** @param {string} raw @param {string|null} time @param {string} level @param {boolean} platform @returns {Line} */
function line(raw, time, level, platform) {
  return { ...readAnsi(raw), time, level, platform };
}

/** @param {Record<string, unknown>} event */
function othersOf(event) {
  return Object.entries(event)
    .filter(([name, value]) => !KNOWN.has(name) && value !== null)
    .map(([name, value]) => ` ${name}=${typeof value === "object" ? JSON.stringify(value) : value}`)
    .join("");
}

/**
 * Return a structured exception as Python prints it.
 * @param {any[]|undefined} details
 * @returns {string[]}
 */
function traceback(details) {
  if (!Array.isArray(details)) return [];
  return details.flatMap((detail) => [
    ...(detail.frames ?? []).map((/** @type {any} */ frame) => `  File "${frame.filename}", line ${frame.lineno}, in ${frame.name}`),
    `${detail.exc_type}: ${detail.exc_value}`,
  ]);
}
