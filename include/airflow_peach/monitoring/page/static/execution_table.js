// @ts-check
/** The executions of a task, newest first; one can be chosen, and then the logs show it alone. */

import { PageLink, h } from "./host.js";
import { Button, Duration, Reason, Status, Time, Version } from "./elements.js";
import { size } from "./format.js";
import { useNow } from "./polling.js";
import { keyOf } from "./executions.js";

/** @typedef {import("./types.js").Execution} Execution */

/**
 * @param {{ executions: Execution[], wanted: string, choose: (execution: Execution) => void, task: import("./types.js").Task,
 *   link: (next: any) => string, aheadMs: number, artefact: string, showArtefact: (key: string) => void }} properties
 */
export function ExecutionTable({ executions, wanted, choose, task, aheadMs, artefact, showArtefact }) {
  const now = useNow(executions.some((execution) => execution.status === "running")) + aheadMs;
  const artefacts = executions.some((execution) => execution.has_artefact);
  return h(
    "div",
    { className: "peach-scroll", tabIndex: 0, role: "region", "aria-label": "Table of executions" },
    h(
      "table",
      { className: "peach-table peach-executions", "aria-label": `Executions of ${task.name}` },
      h(
        "thead",
        null,
        h(
          "tr",
          null,
          ["Version", "Start", "Status"].map((title) => h("th", { key: title, scope: "col" }, title)),
          h("th", { scope: "col", className: "peach-numeric" }, "Time taken"),
          h("th", { scope: "col" }, "Logs"),
          artefacts && h("th", { scope: "col" }, "Notebook"),
          h("th", { scope: "col" }, h("span", { className: "peach-hidden" }, "In Airflow")),
        ),
      ),
      h("tbody", null, executions.map((execution) => h(Row, { key: keyOf(execution), execution, now, chosen: keyOf(execution) === wanted, choose, artefacts, artefact, showArtefact }))),
    ),
  );
}

/**
 * @param {{ execution: Execution, now: number, chosen: boolean, choose: (execution: Execution) => void, artefacts: boolean,
 *   artefact: string, showArtefact: (key: string) => void }} properties
 */
function Row({ execution, now, chosen, choose, artefacts, artefact, showArtefact }) {
  const running = execution.status === "running";
  const seconds = running && execution.start ? (now - Date.parse(execution.start)) / 1000 : execution.duration_seconds;
  const key = keyOf(execution);
  return h(
    "tr",
    { className: `peach-choice ${chosen ? "peach-current" : ""}`, "data-run": execution.run_id, onClick: () => choose(execution) },
    h("td", null, h(Version, { version: execution.version, url: execution.commit_url })),
    h("td", { className: "peach-nowrap" }, h(Time, { iso: execution.start }), execution.try_number > 1 && h("span", { className: "peach-quiet" }, ` try ${execution.try_number}`)),
    h("td", null, h("span", { className: "peach-outcome" }, h(Status, { status: execution.status, timedOut: execution.timed_out }), h(Reason, { text: execution.status === "failed" ? execution.reason : null }))),
    h("td", { className: "peach-numeric peach-nowrap", title: partsOf(execution) }, h(Duration, { seconds, running })),
    h("td", null, h(Button, { onClick: () => choose(execution), pressed: chosen, label: `Show the log of ${execution.run_id} below` }, chosen ? "shown below" : "show below")),
    artefacts && h("td", null, execution.has_artefact && h(Button, { onClick: () => showArtefact(key), pressed: artefact === key, label: `Show the executed notebook of ${execution.run_id}` }, artefact === key ? "shown" : "show")),
    h("td", null, h(PageLink, { to: execution.url, className: "peach-link", title: "This execution in Airflow", "aria-label": `Execution ${execution.run_id} in Airflow` }, "↗")),
  );
}

/**
 * Return where the time went, for a title.
 * @param {Execution} execution
 */
function partsOf(execution) {
  const seconds = (/** @type {string} */ name, /** @type {number|null} */ value) => (value === null ? [] : [`${name} ${value.toFixed(1)} s`]);
  const memory = execution.peak_memory_bytes;
  return [
    ...seconds("queued", execution.queue_seconds),
    ...seconds("environment", execution.environment_seconds),
    ...seconds("run", execution.run_seconds),
    ...seconds("CPU", execution.cpu_seconds),
    ...(memory === null ? [] : [`memory ${size(memory)}`]),
  ].join(", ") || undefined;
}
