// @ts-check
/** The tasks of an organisation, in the order of their loops. */

import { h, useState } from "./host.js";
import { Badge, Duration, Reason, SelectLink, Status, TaskState, Time, Version } from "./elements.js";
import { useNow } from "./polling.js";
import { RunNow } from "./run_now.js";

const FILTER_FROM = 15;

/** @typedef {import("./types.js").Task} Task */

/**
 * @param {{ tasks: Task[], selected: string, select: (next: any) => void, link: (next: any) => string, codops: string,
 *   aheadMs: number, refresh: () => void }} properties
 */
export function TaskTable({ tasks, selected, select, link, codops, aheadMs, refresh }) {
  const [filter, setFilter] = useState("");
  const now = useNow(tasks.some((task) => task.state === "RUNNING")) + aheadMs;
  const wanted = filter.trim().toLowerCase();
  const shown = wanted ? tasks.filter((task) => `${task.name} ${task.notebook} ${task.state ?? ""} ${task.status ?? ""}`.toLowerCase().includes(wanted)) : tasks;
  const triggers = tasks.some((task) => task.may_trigger);
  return h(
    "section",
    { className: "peach-panel", "aria-label": `Tasks of ${codops}` },
    tasks.length >= FILTER_FROM &&
      h("input", {
        type: "search",
        className: "peach-input peach-inset",
        placeholder: "Filter by name, notebook, state or status",
        "aria-label": "Filter tasks",
        value: filter,
        onChange: (/** @type {any} */ event) => setFilter(event.target.value),
      }),
    h(
      "div",
      { className: `peach-scroll-x ${selected ? "peach-low" : ""}`, tabIndex: 0, role: "region", "aria-label": "Table of tasks" },
      h(
        "table",
        { className: "peach-table peach-tasks" },
        h(
          "thead",
          null,
          h(
            "tr",
            null,
            ["Task", "State", "Last status", "Start"].map((title) => h("th", { key: title, scope: "col" }, title)),
            ["Duration", "Successes", "Failures"].map((title) => h("th", { key: title, scope: "col", className: "peach-numeric" }, title)),
            h("th", { scope: "col" }, "Version"),
            triggers && h("th", { scope: "col" }, h("span", { className: "peach-hidden" }, "Run now")),
          ),
        ),
        h("tbody", null, shown.map((task) => h(Row, { key: `${task.loop}/${task.name}`, task, current: task.name === selected, select, link, now, triggers, refresh }))),
      ),
    ),
  );
}

/**
 * @param {{ task: Task, current: boolean, select: (next: any) => void, link: (next: any) => string, now: number,
 *   triggers: boolean, refresh: () => void }} properties
 */
function Row({ task, current, select, link, now, triggers, refresh }) {
  const target = { org: task.codops, task: task.name };
  const running = task.state === "RUNNING";
  const elapsed = running && task.start ? (now - Date.parse(task.start)) / 1000 : task.duration_seconds;
  return h(
    "tr",
    { className: `peach-choice ${current ? "peach-current" : ""} ${task.removed ? "peach-gone" : ""}`, "data-task": task.name, onClick: () => select(target) },
    h(
      "th",
      { scope: "row" },
      h(SelectLink, { href: link(target), onSelect: () => select(target), current }, task.name),
      task.loop === "metadata" && h(Badge, { title: "It runs in the loop that all organisations share." }, "metadata loop"),
      task.stale && h(Badge, { kind: "warning", title: "Its definition is invalid now; the last valid one runs. See the problems." }, "stale"),
      task.removed && h(Badge, { title: "It is in no configuration file any more." }, "removed"),
      task.never_run && !running && h(Badge, { title: "It has no execution yet." }, "never run"),
    ),
    h("td", null, h(TaskState, { state: task.state })),
    h("td", null, h("span", { className: "peach-outcome" }, h(Status, { status: task.status }), h(Reason, { text: task.reason }))),
    h("td", { className: "peach-nowrap" }, h(Time, { iso: task.start })),
    h("td", { className: "peach-numeric peach-nowrap" }, h(Duration, { seconds: elapsed, running })),
    h("td", { className: "peach-numeric" }, task.successes.toLocaleString("en")),
    h("td", { className: `peach-numeric ${task.failures ? "peach-bad" : ""}` }, task.failures.toLocaleString("en")),
    h("td", null, h(Version, { version: task.version, url: task.commit_url })),
    triggers && h("td", { className: "peach-actions" }, task.may_trigger && !task.removed && h(RunNow, { task, onStarted: refresh })),
  );
}
