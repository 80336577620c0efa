// @ts-check
/** The logs of a task: of all its executions, or of the one that was chosen. */

import { h, useCallback, useEffect, useMemo, useRef, useState } from "./host.js";
import { Button, Status } from "./elements.js";
import { keyOf } from "./executions.js";
import { clock, count } from "./format.js";
import { useLogs } from "./log_feed.js";
import { matchesOf } from "./log_search.js";
import { LogView } from "./log_view.js";
import { saveText } from "./save.js";

const TOGETHER = 20;

/** @typedef {import("./types.js").Execution} Execution */
/** @typedef {import("./log_view.js").Row} Row */

/**
 * @param {{ executions: Execution[], wanted: string, task: import("./types.js").Task, showAll: () => void }} properties
 *   executions newest first; `wanted` is the key of the chosen one, empty for all
 */
export function LogFrame({ executions, wanted, task, showAll }) {
  const [limit, setLimit] = useState(TOGETHER);
  const [platform, setPlatform] = useState(false);
  const [follow, setFollow] = useState(true);
  const chosen = executions.filter((execution) => (wanted ? keyOf(execution) === wanted : true));
  const shown = wanted ? chosen : chosen.slice(0, limit);
  const logs = useLogs(shown);
  const shownKeys = shown.map((execution) => `${keyOf(execution)} ${execution.status}`).join("\n");
  const rows = useMemo(() => rowsOf(shown, logs, platform), [shownKeys, logs, platform]);
  const [query, setQuery] = useState("");
  const search = useSearch(rows, query, () => setFollow(false));
  const searchBox = useRef(/** @type {HTMLInputElement|null} */ (null));

  const frame = useRef(/** @type {HTMLElement|null} */ (null));
  const isThere = wanted !== "" && logs.has(wanted);

  useEffect(() => setFollow(true), [wanted]);
  // Who chose an execution wants to see its log; until it is there the frame has not its height.
  useEffect(() => {
    if (isThere) frame.current?.scrollIntoView({ block: "nearest" });
  }, [wanted, isThere]);

  const hidden = platform ? 0 : shown.reduce((sum, execution) => sum + (logs.get(keyOf(execution))?.lines.filter((line) => line.platform).length ?? 0), 0);
  const running = shown.some((execution) => execution.status === "running");
  const one = wanted ? chosen[0] : undefined;

  function download() {
    const name = [task.codops, task.name, one ? one.run_id : "all", "log"].join(".");
    saveText(name, rows.map((row) => (row.time ? `${row.time} ${row.text}` : row.text)).join("\n"));
  }

  /** @param {any} event */
  function onKeyDown(event) {
    // The browser's own search finds nothing in lines that are not in the page.
    if ((event.ctrlKey || event.metaKey) && event.key === "f") {
      event.preventDefault();
      searchBox.current?.select();
    }
  }

  return h(
    "section",
    { ref: frame, className: "peach-panel peach-log-frame", "aria-label": "Logs", onKeyDown },
    h(
      "div",
      { className: "peach-bar" },
      h("h3", null, "Logs"),
      one
        ? [h("span", { key: "one" }, `of the execution of ${one.start ? clock(new Date(one.start), new Date()) : "?"} `), h(Status, { key: "status", status: one.status, timedOut: one.timed_out })]
        : h("span", { className: "peach-quiet" }, wanted ? "of an execution that is not among those shown" : `of ${shown.length === executions.length ? "all" : "the last"} ${count(shown.length, "execution")}`),
      wanted && h(Button, { onClick: showAll }, "Show all"),
      running && h("span", { className: "peach-live", role: "status" }, "live"),
      h("span", { className: "peach-space" }),
      h("input", {
        ref: searchBox, type: "search", className: "peach-input peach-search", placeholder: "Search", "aria-label": "Search the logs", value: query,
        onChange: (/** @type {any} */ event) => setQuery(event.target.value),
        onKeyDown: (/** @type {any} */ event) => event.key === "Enter" && search.go(event.shiftKey ? -1 : 1),
      }),
      query && h("span", { className: "peach-quiet", role: "status" }, search.found === 0 ? "none" : `${search.place} of ${search.found.toLocaleString("en")}`),
      query && h(Button, { onClick: () => search.go(-1), label: "Previous match", disabled: search.found === 0 }, "↑"),
      query && h(Button, { onClick: () => search.go(1), label: "Next match", disabled: search.found === 0 }, "↓"),
      h(Button, { onClick: () => setPlatform(!platform), pressed: platform, title: "What Airflow says around the task's own output" }, hidden ? `Airflow's lines (${hidden})` : "Airflow's lines"),
      h(Button, { onClick: () => setFollow(!follow), pressed: follow, title: "Keep the end in sight" }, "Follow"),
      h(Button, { onClick: download, title: "What is shown, as a text file" }, "Download"),
    ),
    !wanted && chosen.length > limit && h("div", { className: "peach-inset" }, h(Button, { onClick: () => setLimit(limit + TOGETHER) }, `Also the ${Math.min(TOGETHER, chosen.length - limit)} before`)),
    h(LogView, { rows, wanted: query, target: search.target, follow, onFollow: setFollow, label: `Log lines of ${task.name}` }),
  );
}

/**
 * Return all lines, oldest execution first, under a heading each.
 * @param {Execution[]} executions newest first
 * @param {ReadonlyMap<string, import("./log_feed.js").Log>} logs
 * @param {boolean} platform with Airflow's own lines
 * @returns {Row[]}
 */
function rowsOf(executions, logs, platform) {
  /** @type {Row[]} */
  const rows = [];
  for (const execution of [...executions].reverse()) {
    const log = logs.get(keyOf(execution));
    if (executions.length > 1) rows.push(heading(execution));
    const lines = log?.lines.filter((line) => platform || !line.platform) ?? [];
    for (const line of lines) rows.push(line);
    const remark = remarkOn(execution, log, lines.length);
    if (remark) rows.push({ text: remark, spans: null, time: null, level: "info", platform: true });
  }
  return rows;
}

/** @param {Execution} execution @returns {Row} */
function heading(execution) {
  const start = execution.start ? new Date(execution.start) : null;
  const text = `${start ? clock(start, new Date()) : "not started"} ${execution.version ?? ""} ${execution.status}`;
  const content = h("span", null, `${start ? clock(start, new Date()) : "not started"}  `, h("code", null, execution.version ?? ""), "  ", h(Status, { status: execution.status, timedOut: execution.timed_out }));
  return { text, spans: null, time: execution.start, level: "info", platform: false, heading: content };
}

/**
 * @param {Execution} execution
 * @param {import("./log_feed.js").Log|undefined} log
 * @param {number} lines
 */
function remarkOn(execution, log, lines) {
  if (!log) return "loading …";
  if (log.error) return `the log could not be loaded: ${log.error}`;
  if (lines > 0) return "";
  return execution.status === "running" ? "no output yet" : "no output";
}

/**
 * Steps through the rows that have a text in them.
 * @param {Row[]} rows
 * @param {string} query
 * @param {() => void} onGo
 */
function useSearch(rows, query, onGo) {
  const matches = useMemo(() => matchesOf(rows, query), [rows, query]);
  const [target, setTarget] = useState(/** @type {{ row: number }|null} */ (null));
  const at = target ? matches.indexOf(target.row) : -1;

  const go = useCallback(
    (/** @type {number} */ step) => {
      if (matches.length === 0) return;
      const next = at < 0 ? (step > 0 ? 0 : matches.length - 1) : (at + step + matches.length) % matches.length;
      onGo();
      setTarget({ row: matches[next] });
    },
    [matches, at, onGo],
  );
  useEffect(() => {
    setTarget(null);
  }, [query]);
  return { found: matches.length, place: at + 1, target, go };
}
