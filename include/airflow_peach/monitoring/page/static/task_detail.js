// @ts-check
/** The selected task: what it is, its executions, the graph of their durations, the logs. */

import { PageLink, Suspense, h, lazy, useMemo, useState } from "./host.js";
import { Button, Failure, Loading, Notice, OutsideLink } from "./elements.js";
import { ArtefactFrame } from "./artefact.js";
import { ExecutionTable } from "./execution_table.js";
import { keyOf, merged } from "./executions.js";
import { usePolled } from "./polling.js";
import { LogFrame } from "./log_frame.js";
import { askJson } from "./server.js";

const INTERVAL_MS = 3000;

// The graph's library is as large as all the rest: it comes when it is needed.
const DurationGraph = lazy(() => import("./duration_graph.js"));

/** @typedef {import("./types.js").Execution} Execution */

/**
 * @param {{ task: import("./types.js").Task, selection: import("./selection.js").Selection, select: (next: any) => void,
 *   link: (next: any) => string, aheadMs: number }} properties
 */
export function TaskDetail({ task, selection, select, link, aheadMs }) {
  const path = `peach/api/organisations/${encodeURIComponent(task.codops)}/tasks/${encodeURIComponent(task.name)}/executions`;
  /** @type {import("./polling.js").Polled<import("./types.js").Executions>} */
  const { data, error, refresh } = usePolled(path, (signal) => askJson(path, { signal }), INTERVAL_MS);
  const [older, setOlder] = useState(/** @type {{ executions: Execution[], before: number|null }|null} */ (null));
  const [artefact, setArtefact] = useState("");
  const executions = useMemo(() => merged(data?.executions ?? [], older?.executions ?? []), [data, older]);
  const wanted = selection.run ? `${selection.run} ${selection.attempt || 1}` : "";
  const before = older ? older.before : (data?.before ?? null);

  const choose = (/** @type {Execution} */ execution) =>
    select(
      keyOf(execution) === wanted
        ? { org: task.codops, task: task.name }
        : { org: task.codops, task: task.name, run: execution.run_id, attempt: String(execution.try_number) },
    );

  async function loadOlder() {
    const page = await askJson(`${path}?before=${before}`);
    setOlder({ executions: [...(older?.executions ?? []), ...page.executions], before: page.before });
  }

  let content;
  if (!data && error) content = h(Failure, { error, what: `the executions of ${task.name}`, retry: refresh });
  else if (!data) content = h(Loading, { lines: 6, label: `Loading the executions of ${task.name}` });
  else if (executions.length === 0) content = h(Notice, { title: `${task.name} has not run yet.` }, "Its first execution appears here; a new task joins the next loop.");
  else {
    const shownArtefact = executions.find((execution) => keyOf(execution) === artefact);
    content = [
      h(
        "div",
        { key: "halves", className: "peach-halves" },
        h(
          "section",
          { className: "peach-panel", "aria-label": "Executions" },
          h("h3", null, "Executions"),
          h(ExecutionTable, { executions, wanted, choose, task, link, aheadMs, artefact, showArtefact: (/** @type {string} */ key) => setArtefact(key === artefact ? "" : key) }),
          before !== null && h("div", { className: "peach-inset" }, h(Button, { onClick: loadOlder }, "Show older")),
        ),
        h(
          "section",
          { className: "peach-panel", "aria-label": "Durations" },
          h("h3", null, "Durations"),
          h(Suspense, { fallback: h(Loading, { lines: 5, label: "Loading the graph" }) }, h(DurationGraph, { executions, wanted, choose })),
        ),
      ),
      shownArtefact && h(ArtefactFrame, { key: "artefact", execution: shownArtefact, close: () => setArtefact("") }),
      h(LogFrame, { key: "logs", executions, wanted, task, showAll: () => select({ org: task.codops, task: task.name }) }),
    ];
  }
  return h("section", { className: "peach-detail peach-stack", "aria-label": `Task ${task.name}` }, h(Head, { task }), content);
}

/** @param {{ task: import("./types.js").Task }} properties */
function Head({ task }) {
  return h(
    "div",
    { className: "peach-task-head" },
    h("h2", null, task.name),
    task.notebook && h("span", { className: "peach-quiet" }, h("code", null, task.notebook), " ", h("code", null, `${task.method}()`), task.full_notebook && " full notebook"),
    task.repository && h("span", { className: "peach-quiet" }, `${task.repository}:${task.file}:${task.line}`),
    h("span", { className: "peach-space" }),
    h(PageLink, { to: task.url, className: "peach-link" }, "Task in Airflow"),
    h(PageLink, { to: `dags/${encodeURIComponent(task.dag_id)}`, className: "peach-link" }, "DAG in Airflow"),
    task.commit_url && h(OutsideLink, { href: task.commit_url }, "Commit"),
  );
}
