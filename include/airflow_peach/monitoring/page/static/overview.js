// @ts-check
/** All organisations in one table, and the state of the platform. */

import { h, useMemo, useState } from "./host.js";
import { Ago, Badge, Notice, SelectLink, SortedHead, Status, useSort } from "./elements.js";
import { LoopProgress, LastRuns } from "./loop.js";
import { EnvironmentBadge } from "./environment.js";
import { Problems } from "./problems.js";

const FILTER_FROM = 8;
const COLUMNS = [
  { id: "codops", title: "Organisation" },
  { id: "loop", title: "Loop" },
  { id: "runs", title: "Last loops" },
  { id: "tasks", title: "Tasks", numeric: true },
  { id: "failing", title: "Failing" },
  { id: "environment", title: "Environment" },
  { id: "problems", title: "Problems", numeric: true },
];

/** @typedef {import("./types.js").OrganisationSummary} Summary */

/** @type {Record<string, (organisation: Summary) => string|number>} */
const KEYS = {
  codops: (organisation) => organisation.codops,
  loop: (organisation) => organisation.loop?.state ?? "",
  runs: (organisation) => organisation.loop?.last_runs[0]?.duration_seconds ?? -1,
  tasks: (organisation) => organisation.tasks,
  failing: (organisation) => organisation.failing_tasks.length,
  environment: (organisation) => organisation.environment.state,
  problems: (organisation) => organisation.problems,
};

/**
 * @param {{ overview: import("./types.js").Overview, select: (next: any) => void, link: (next: any) => string,
 *   error?: Error }} properties
 */
export function Overview({ overview, select, link }) {
  const [filter, setFilter] = useState("");
  const [sort, setSort] = useSort("codops");
  const shown = useMemo(() => sorted(filtered(overview.organisations, filter), sort), [overview, filter, sort]);
  const { organisations, metadata, platform } = overview;
  if (organisations.length === 0) return h("div", null, h(Empty), h(Problems, { problems: platform.problems, title: "Problems of the sources" }));
  return h(
    "div",
    { className: "peach-stack" },
    h(Summaries, { organisations, metadata, platform }),
    organisations.length >= FILTER_FROM &&
      h("input", {
        type: "search",
        className: "peach-input",
        placeholder: "Filter organisations and failing tasks",
        "aria-label": "Filter organisations",
        value: filter,
        onChange: (/** @type {any} */ event) => setFilter(event.target.value),
      }),
    h(
      "div",
      { className: "peach-panel peach-scroll-x" },
      h(
        "table",
        { className: "peach-table", "aria-label": "Organisations" },
        h(SortedHead, { columns: COLUMNS, sort, onSort: setSort }),
        h("tbody", null, shown.map((organisation) => h(Row, { key: organisation.codops, organisation, select, link }))),
      ),
      shown.length === 0 && h(Notice, { title: `No organisation matches “${filter}”.` }),
    ),
    h(Problems, { problems: platform.problems, title: "Problems of the sources" }),
  );
}

/** @param {{ organisation: Summary, select: (next: any) => void, link: (next: any) => string }} properties */
function Row({ organisation, select, link }) {
  const { codops, loop, failing_tasks: failing, stale_tasks: stale, ended } = organisation;
  const open = () => select({ org: codops });
  return h(
    "tr",
    { className: "peach-choice", onClick: open },
    h("th", { scope: "row" }, h(SelectLink, { href: link({ org: codops }), onSelect: open }, codops), ended && h(Badge, { title: "Its last task is gone." }, "ended")),
    h("td", null, loop ? h(LoopProgress, { loop }) : h("span", { className: "peach-quiet" }, "no loop of its own")),
    h("td", null, loop && h(LastRuns, { loop })),
    h("td", { className: "peach-numeric" }, stale.length > 0 && h(Badge, { kind: "warning", title: stale.join(", ") }, `${stale.length} stale`), h("span", null, organisation.tasks)),
    h("td", null, failing.length === 0 ? h("span", { className: "peach-quiet" }, "none") : h(FailingTasks, { codops, failing, select, link })),
    h("td", null, h(EnvironmentBadge, { environment: organisation.environment })),
    h("td", { className: "peach-numeric" }, organisation.problems > 0 ? h(Badge, { kind: "warning" }, organisation.problems) : h("span", { className: "peach-quiet" }, "0")),
  );
}

const FAILING_SHOWN = 3;

/** @param {{ codops: string, failing: string[], select: (next: any) => void, link: (next: any) => string }} properties */
function FailingTasks({ codops, failing, select, link }) {
  const more = failing.length - FAILING_SHOWN;
  return h(
    "span",
    { className: "peach-failing" },
    h(Status, { status: "failed" }),
    failing.slice(0, FAILING_SHOWN).map((task) =>
      h(SelectLink, { key: task, href: link({ org: codops, task }), onSelect: () => select({ org: codops, task }) }, task),
    ),
    more > 0 && h("span", { className: "peach-quiet", title: failing.slice(FAILING_SHOWN).join(", ") }, `and ${more} more`),
  );
}

/**
 * The platform in one line.
 * @param {{ organisations: Summary[], metadata: import("./types.js").Loop|null, platform: import("./types.js").Platform }} properties
 */
function Summaries({ organisations, metadata, platform }) {
  const total = (/** @type {(organisation: Summary) => number} */ of) => organisations.reduce((sum, each) => sum + of(each), 0);
  const failing = total((each) => each.failing_tasks.length);
  const problems = total((each) => each.problems) + platform.problems.length;
  return h(
    "dl",
    { className: "peach-facts" },
    h(Fact, { name: "Organisations" }, organisations.length),
    h(Fact, { name: "Tasks" }, total((each) => each.tasks)),
    h(Fact, { name: "Failing", kind: failing ? "failed" : "plain" }, failing),
    h(Fact, { name: "Problems", kind: problems ? "warning" : "plain" }, problems),
    metadata && h(Fact, { name: "Metadata loop" }, h(LoopProgress, { loop: metadata }), " ", h(LastRuns, { loop: metadata })),
    h(Fact, { name: "Isolation", kind: platform.isolation.why ? "warning" : "plain", title: platform.isolation.why },
      platform.isolation.level ?? "refused"),
    h(Fact, { name: "Last sync" }, platform.sync_age_seconds === null ? "never" : h(Ago, { seconds: platform.sync_age_seconds, iso: platform.synced_at })),
  );
}

/** @param {{ name: string, children?: any, kind?: string, title?: string }} properties */
function Fact({ name, children, kind = "plain", title }) {
  return h("div", { title: title || undefined, className: `peach-fact peach-fact-${kind}` }, h("dt", null, name), h("dd", null, children));
}

function Empty() {
  return h(
    Notice,
    { title: "There are no organisations yet." },
    "An organisation appears here as soon as a repository with a peach.yaml is found. If you expected one: an administrator can look at the sources with ",
    h("code", null, "peach status"),
    "; it may also be that you have no permission to read its DAG.",
  );
}

/** @param {Summary[]} organisations @param {string} filter */
function filtered(organisations, filter) {
  const wanted = filter.trim().toLowerCase();
  if (!wanted) return organisations;
  return organisations.filter((each) => [each.codops, ...each.failing_tasks].some((text) => text.toLowerCase().includes(wanted)));
}

/** @param {Summary[]} organisations @param {import("./elements.js").Sort} sort */
function sorted(organisations, sort) {
  const key = KEYS[sort.by];
  const direction = sort.descending ? -1 : 1;
  return [...organisations].sort((one, other) => {
    const [a, b] = [key(one), key(other)];
    return direction * (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));
  });
}

