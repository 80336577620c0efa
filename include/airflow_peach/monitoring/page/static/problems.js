// @ts-check
/** What is wrong in repositories: where, what, and what to do. */

import { h } from "./host.js";
import { OutsideLink } from "./elements.js";
import { count } from "./format.js";

/** @typedef {import("./types.js").Problem} Problem */

/** @param {{ problems: Problem[], title?: string }} properties */
export function Problems({ problems, title = "Problems" }) {
  if (problems.length === 0) return null;
  return h(
    "section",
    { className: "peach-panel peach-problems", "aria-label": title },
    h("h2", null, title, " ", h("span", { className: "peach-quiet" }, count(problems.length, "problem"))),
    h("ul", null, problems.map((problem, place) => h("li", { key: `${place} ${problem.text}` }, h(One, { problem })))),
  );
}

/** @param {{ problem: Problem }} properties */
function One({ problem }) {
  const place = placeOf(problem);
  return h(
    "div",
    { className: "peach-problem" },
    place && h("div", { className: "peach-place" }, problem.file_url ? h(OutsideLink, { href: problem.file_url }, place) : place),
    h("div", null, problem.about && h("code", null, problem.about), problem.about && " ", problem.cause || problem.text),
    problem.remedy && h("div", { className: "peach-remedy" }, problem.remedy),
  );
}

/**
 * Return `repository@version:file:line:column`, as far as it is known.
 * @param {Problem} problem
 */
function placeOf({ repository, version, file, line, column }) {
  return [repository && version ? `${repository}@${version}` : repository, file, line, column].filter(Boolean).join(":");
}
