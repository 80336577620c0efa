// @ts-check
/** One organisation: its loops, tasks, environment, repositories, problems; below them the selected task. */

import { h } from "./host.js";
import { Ago, Failure, Loading, Notice, OutsideLink, Version } from "./elements.js";
import { EnvironmentFacts } from "./environment.js";
import { LoopLine } from "./loop.js";
import { usePolled } from "./polling.js";
import { Problems } from "./problems.js";
import { askJson } from "./server.js";
import { TaskDetail } from "./task_detail.js";
import { TaskTable } from "./task_table.js";

const BUSY_INTERVAL_MS = 3000;
const HEAD_LENGTH = 8;

/**
 * @param {{ selection: import("./selection.js").Selection, select: (next: any) => void, link: (next: any) => string,
 *   platform?: import("./types.js").Platform }} properties
 */
export function Organisation({ selection, select, link, platform }) {
  const codops = selection.org;
  /** @type {import("./polling.js").Polled<import("./types.js").Organisation>} */
  const polled = usePolled(
    codops,
    (signal) => askJson(`peach/api/organisations/${encodeURIComponent(codops)}`, { signal }),
    BUSY_INTERVAL_MS,
  );
  const { data: organisation, error, refresh, updatedAt } = polled;
  if (!organisation) {
    if (!error) return h(Loading, { lines: 8, label: `Loading the tasks of ${codops}` });
    if (/** @type {any} */ (error).kind === "missing") return h(Unknown, { codops, select });
    return h(Failure, { error, what: `the tasks of ${codops}`, retry: refresh });
  }
  const task = organisation.tasks.find((each) => each.name === selection.task);
  // The server's clock and ours may differ; both are read at the same moment.
  const aheadMs = updatedAt ? Date.parse(organisation.now) - updatedAt.getTime() : 0;
  return h(
    "div",
    { className: "peach-stack" },
    organisation.ended && h(Notice, { title: `${codops} has ended.` }, "Its last task was removed from its configuration; what ran before stays here."),
    h(
      "section",
      { className: "peach-panel peach-loops", "aria-label": "Loops" },
      organisation.loops.length === 0
        ? h("span", { className: "peach-quiet" }, "Airflow does not have its loop yet; it appears within seconds of the first sync.")
        : organisation.loops.map((loop) => h(LoopLine, { key: loop.dag_id, loop })),
    ),
    organisation.tasks.length === 0
      ? h(Notice, { title: `${codops} has no tasks.` }, "Name one in the tasks of a configuration file; it runs in the next loop. What keeps a task out stands below.")
      : h(TaskTable, { tasks: organisation.tasks, selected: selection.task, select, link, codops, aheadMs, refresh }),
    selection.task && !task && h(Notice, { title: `${codops} has no task “${selection.task}”.`, kind: "warning" }, "It may have been renamed; choose one above."),
    task && h(TaskDetail, { key: `${task.codops}/${task.name}`, task, selection, select, link, aheadMs }),
    h(Problems, { problems: organisation.problems }),
    h(About, { organisation, platform }),
  );
}

/** @param {{ codops: string, select: (next: any) => void }} properties */
function Unknown({ codops, select }) {
  return h(
    Notice,
    {
      title: `There is no organisation “${codops}”, or you have no permission to see it.`,
      kind: "warning",
      action: h("button", { type: "button", className: "peach-button", onClick: () => select({}) }, "All organisations"),
    },
  );
}

/** @param {{ organisation: import("./types.js").Organisation, platform?: import("./types.js").Platform }} properties */
function About({ organisation, platform }) {
  return h(
    "div",
    { className: "peach-columns" },
    h(
      "section",
      { className: "peach-panel", "aria-label": "Environment" },
      h("h2", null, "Environment"),
      h(EnvironmentFacts, { environment: organisation.environment, requirements: organisation.requirements }),
    ),
    h(
      "section",
      { className: "peach-panel", "aria-label": "Repositories" },
      h("h2", null, "Repositories"),
      organisation.repositories.map((repository) => h(RepositoryLine, { key: repository.name, repository })),
    ),
    platform &&
      h(
        "section",
        { className: "peach-panel", "aria-label": "Isolation" },
        h("h2", null, "Isolation"),
        h("p", null, platform.isolation.level ?? "Executions are refused.", platform.isolation.setting !== platform.isolation.level && h("span", { className: "peach-quiet" }, ` set to ${platform.isolation.setting}`)),
        platform.isolation.why && h("p", { className: "peach-quiet" }, platform.isolation.why),
      ),
  );
}

/** @param {{ repository: import("./types.js").Repository }} properties */
function RepositoryLine({ repository }) {
  const { name, repository_url: url, branch, head, commit_url: commit, age_seconds: seconds, fetched_at: fetched, error } = repository;
  return h(
    "div",
    { className: "peach-repository" },
    url ? h(OutsideLink, { href: url }, name) : h("span", null, name),
    " ",
    h(Version, { version: head.slice(0, HEAD_LENGTH), url: commit }),
    h("span", { className: "peach-quiet" }, branch && ` ${branch}`, seconds !== null && [", fetched ", h(Ago, { key: "age", seconds, iso: fetched })]),
    error && h("div", { className: "peach-late" }, error),
  );
}

