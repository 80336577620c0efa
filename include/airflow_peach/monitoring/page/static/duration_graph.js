// @ts-check
/** How long the executions of a task took: a blue dot for a success, a red cross for a failure. Drawn by Observable Plot. */

import { h, useEffect, useLayoutEffect, useRef, useState } from "./host.js";
import { clock, duration, utc } from "./format.js";
import { keyOf } from "./executions.js";
import plotLibrary from "./vendor/plot.js";

const Plot = /** @type {any} */ (plotLibrary);

const HEIGHT = 240;
const LOGARITHMIC_FROM = 30;
const TICKS = 5;

/** @typedef {import("./types.js").Execution} Execution */

/**
 * @param {{ executions: Execution[], wanted: string, choose: (execution: Execution) => void }} properties
 */
export default function DurationGraph({ executions, wanted, choose }) {
  const place = useRef(/** @type {HTMLDivElement|null} */ (null));
  const width = useWidth(place);
  const choosing = useRef(choose);
  choosing.current = choose;
  const ended = executions.filter((execution) => execution.start !== null && execution.duration_seconds !== null && execution.status !== "running");
  // A new answer every few seconds mostly brings the same: draw only what changed, so that a tooltip stays.
  const drawn = `${width} ${wanted} ${ended.map(keyOf).join()}`;

  useEffect(() => {
    const container = place.current;
    if (!container || width === 0 || ended.length === 0) return undefined;
    const figure = plotOf(ended, wanted, width);
    figure.addEventListener("click", () => {
      if (figure.value) choosing.current(figure.value);
    });
    // Plot names each group of marks; what is inside one image has no names of its own.
    for (const group of figure.querySelectorAll("g[aria-label]")) group.removeAttribute("aria-label");
    container.replaceChildren(figure);
    return () => figure.remove();
  }, [drawn]);

  const failed = ended.filter((execution) => execution.status === "failed").length;
  return h(
    "div",
    { className: "peach-graph" },
    h(
      "p",
      { className: "peach-legend" },
      h("span", null, h("svg", { width: 12, height: 12, "aria-hidden": true }, h("circle", { cx: 6, cy: 6, r: 4, className: "peach-mark-success" })), "success"),
      h("span", null, h("svg", { width: 12, height: 12, "aria-hidden": true }, h("path", { d: "M2,2L10,10M10,2L2,10", className: "peach-mark-failed" })), "failed"),
      h("span", { className: "peach-space" }),
      h("span", { className: "peach-quiet" }, "a click shows the log"),
    ),
    ended.length === 0 && h("p", { className: "peach-quiet peach-inset" }, "The first dot comes with the first execution that ends."),
    h("div", { ref: place, role: "img", "aria-label": `Durations of ${ended.length} executions, ${failed} failed; the table beside has the same figures.` }),
  );
}

/**
 * @param {Execution[]} executions that ended
 * @param {string} wanted key of the selected one
 * @param {number} width in pixels
 */
function plotOf(executions, wanted, width) {
  const seconds = (/** @type {Execution} */ execution) => Math.max(execution.duration_seconds ?? 0, 0.001);
  const start = (/** @type {Execution} */ execution) => new Date(execution.start ?? 0);
  const all = executions.map(seconds);
  const logarithmic = Math.max(...all) / Math.min(...all) > LOGARITHMIC_FROM;
  const of = (/** @type {string} */ status) => executions.filter((execution) => execution.status === status);
  const places = { x: start, y: seconds };
  const now = new Date();
  return Plot.plot({
    width,
    height: HEIGHT,
    marginLeft: 62,
    marginRight: 16,
    style: { background: "transparent", color: "inherit", fontFamily: "inherit", fontSize: "11px", overflow: "visible" },
    x: { type: "time", label: null, nice: false, insetLeft: 8, insetRight: 8, ticks: Math.max(2, Math.floor(width / 110)), tickFormat: tickOf(executions.map(start), now) },
    y: logarithmic
      ? { type: "log", label: null, nice: true, ticks: TICKS, tickFormat: duration }
      : { domain: [0, Math.max(...all) * 1.1], label: null, ticks: TICKS, tickFormat: (/** @type {number} */ value) => duration(value) },
    marks: [
      Plot.gridY({ ticks: TICKS, stroke: "currentColor", strokeOpacity: 0.12 }),
      Plot.dot(executions.filter((execution) => keyOf(execution) === wanted), { ...places, r: 9, className: "peach-chosen" }),
      Plot.dot(of("success"), { ...places, r: 3.5, className: "peach-mark-success" }),
      Plot.dot(of("failed"), { ...places, r: 4, symbol: "times", strokeWidth: 2, className: "peach-mark-failed" }),
      Plot.tip(executions, Plot.pointer({ ...places, maxRadius: 30, className: "peach-tip", title: tipOf })),
    ],
  });
}

/** @param {Execution} execution */
function tipOf(execution) {
  const start = new Date(execution.start ?? 0);
  return [
    `${execution.version ?? "version unknown"}  ${execution.timed_out ? "timed out" : execution.status}`,
    `${clock(start, new Date())}  (${utc(start)})`,
    duration(execution.duration_seconds ?? 0),
  ].join("\n");
}

/**
 * Return how the ticks of the times are written: by their span.
 * @param {Date[]} starts
 * @param {Date} now
 */
function tickOf(starts, now) {
  const span = Math.max(...starts.map(Number)) - Math.min(...starts.map(Number));
  const short = span < 86_400_000;
  return (/** @type {Date} */ tick) => (short ? clock(tick, tick).slice(0, span < 600_000 ? 8 : 5) : clock(tick, now));
}

/**
 * Return the width of an element, now and when it changes.
 * @param {{ current: HTMLElement|null }} place
 */
function useWidth(place) {
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const element = place.current;
    if (!element) return undefined;
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry.contentRect.width)));
    observer.observe(element);
    return () => observer.disconnect();
  }, [place]);
  return width;
}
