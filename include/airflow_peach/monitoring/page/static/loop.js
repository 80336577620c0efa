// @ts-check
/** Where a loop stands, and how its last runs went. */

import { PageLink, h } from "./host.js";
import { duration, utc } from "./format.js";

/** @typedef {import("./types.js").Loop} Loop */

/**
 * `3 of 7 · related_items` with a bar.
 * @param {{ loop: Loop }} properties
 */
export function LoopProgress({ loop }) {
  const { state, position, length, task } = loop;
  if (state !== "running")
    return h("span", { className: "peach-loop" }, h(LoopSign, { state }), h("span", null, WORDS[state]));
  return h(
    "span",
    { className: "peach-loop" },
    h(LoopSign, { state }),
    position !== null && length !== null
      ? [
          h("span", { key: "text", className: "peach-nowrap" }, `${position} of ${length}`),
          h(
            "span",
            { key: "bar", className: "peach-progress", "aria-hidden": true },
            h("span", { style: { width: `${(100 * (position - 1)) / Math.max(length, 1)}%` } }),
          ),
        ]
      : h("span", null, "running"),
    task && h("span", { className: "peach-cut", title: task }, task),
  );
}

const WORDS = { running: "running", queued: "queued", paused: "paused", idle: "waits for its next start" };

/** @param {{ state: string }} properties */
function LoopSign({ state }) {
  return h("span", { className: `peach-dot peach-dot-${state}`, title: `loop ${state}`, "aria-hidden": true });
}

const BAR_HEIGHT = 18;
const BAR_WIDTH = 6;

/**
 * One bar for each of the last runs, oldest first: its height is the duration, its colour the result; then the last one's duration.
 * @param {{ loop: Loop }} properties
 */
export function LastRuns({ loop }) {
  const runs = [...loop.last_runs].reverse();
  if (runs.length === 0) return h("span", { className: "peach-quiet" }, "none yet");
  const longest = Math.max(...runs.map((run) => run.duration_seconds ?? 0), 1e-9);
  const last = loop.last_runs[0];
  const failed = runs.filter((run) => run.state === "failed").length;
  return h(
    "span",
    { className: "peach-runs" },
    h(
      "svg",
      {
        width: runs.length * BAR_WIDTH,
        height: BAR_HEIGHT,
        role: "img",
        "aria-label": `last ${runs.length} loops, ${failed} with failed tasks`,
      },
      runs.map((run, place) => {
        const height = Math.max(2, ((run.duration_seconds ?? 0) / longest) * BAR_HEIGHT);
        return h(
          "rect",
          { key: run.run_id, x: place * BAR_WIDTH, y: BAR_HEIGHT - height, width: BAR_WIDTH - 2, height, className: `peach-bar-${run.state}` },
          h("title", null, `${run.state}, ${run.duration_seconds === null ? "?" : duration(run.duration_seconds)}${run.start ? `, ${utc(new Date(run.start))}` : ""}`),
        );
      }),
    ),
    last.duration_seconds !== null && h("span", { className: "peach-nowrap" }, duration(last.duration_seconds)),
  );
}

/**
 * One loop of an organisation, in a line, with links to Airflow's own pages.
 * @param {{ loop: Loop }} properties
 */
export function LoopLine({ loop }) {
  return h(
    "div",
    { className: "peach-loop-line" },
    h(PageLink, { to: loop.url, className: "peach-link", title: "The DAG in Airflow" }, loop.name === "metadata" ? "metadata loop" : `${loop.name} loop`),
    h(LoopProgress, { loop }),
    loop.run && h(PageLink, { to: loop.run.url, className: "peach-link peach-quiet", title: "The run in Airflow" }, "this run"),
    h("span", { className: "peach-space" }),
    h("span", { className: "peach-quiet" }, "last loops"),
    h(LastRuns, { loop }),
  );
}
