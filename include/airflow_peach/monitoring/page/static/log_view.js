// @ts-check
/** Any number of lines, of which only those in sight are in the page. */

import { h, memo, useEffect, useLayoutEffect, useRef, useState } from "./host.js";
import { clock, utc } from "./format.js";
import { piecesOf } from "./log_search.js";

export const ROW_HEIGHT = 18;
const SPARE_ROWS = 20;
const AT_END_PX = 8;

/**
 * @typedef {import("./log_lines.js").Line & { heading?: any }} Row a line, or a heading between logs
 */

/**
 * @param {{ rows: Row[], wanted: string, target: { row: number }|null, follow: boolean, onFollow: (follow: boolean) => void,
 *   label: string }} properties `target` is scrolled to whenever it is another object; `follow` keeps the end in sight
 */
export function LogView({ rows, wanted, target, follow, onFollow, label }) {
  const box = useRef(/** @type {HTMLDivElement|null} */ (null));
  const [sight, setSight] = useState({ top: 0, height: 400 });
  const topRow = useRef(/** @type {Row|undefined} */ (undefined));

  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const observer = new ResizeObserver(() => setSight({ top: element.scrollTop, height: element.clientHeight }));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  // Lines come at the end and, of older executions, at the beginning: what is being read stays where it is.
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    if (follow) element.scrollTop = element.scrollHeight;
    else if (topRow.current) {
      const moved = rows.indexOf(topRow.current);
      if (moved >= 0) element.scrollTop = moved * ROW_HEIGHT + (element.scrollTop % ROW_HEIGHT);
    }
    setSight({ top: element.scrollTop, height: element.clientHeight });
  }, [rows, follow]);

  useLayoutEffect(() => {
    const element = box.current;
    if (!element || !target) return;
    element.scrollTop = Math.max(0, target.row * ROW_HEIGHT - element.clientHeight / 2);
  }, [target]);

  function onScroll() {
    const element = /** @type {HTMLDivElement} */ (box.current);
    const atEnd = element.scrollHeight - element.scrollTop - element.clientHeight < AT_END_PX;
    topRow.current = rows[Math.floor(element.scrollTop / ROW_HEIGHT)];
    setSight({ top: element.scrollTop, height: element.clientHeight });
    if (atEnd !== follow) onFollow(atEnd);
  }

  const first = Math.max(0, Math.floor(sight.top / ROW_HEIGHT) - SPARE_ROWS);
  const last = Math.min(rows.length, Math.ceil((sight.top + sight.height) / ROW_HEIGHT) + SPARE_ROWS);
  const longest = useLongest(rows);
  const shown = [];
  for (let number = first; number < last; number += 1)
    shown.push(h(LogRow, { key: number, row: rows[number], number, wanted, here: target?.row === number }));
  return h(
    "div",
    { className: "peach-log", ref: box, onScroll, tabIndex: 0, role: "log", "aria-live": "off", "aria-label": label },
    h("div", { className: "peach-log-lines", style: { height: rows.length * ROW_HEIGHT, width: `max(100%, ${longest + 12}ch)` } }, shown),
  );
}

const LogRow = memo(
  /** @param {{ row: Row, number: number, wanted: string, here: boolean }} properties */
  function LogRow({ row, number, wanted, here }) {
    const style = { top: number * ROW_HEIGHT, height: ROW_HEIGHT };
    if (row.heading) return h("div", { className: "peach-log-heading", style }, row.heading);
    const grave = row.level === "error" || row.level === "critical" ? "peach-bad" : row.level === "warning" ? "peach-late" : "";
    const time = row.time ? new Date(row.time) : null;
    return h(
      "div",
      { className: `peach-log-line ${row.platform ? "peach-quiet" : grave} ${here ? "peach-here" : ""}`, style },
      h("span", { className: "peach-log-time", title: time ? utc(time) : undefined }, time ? clock(time, time) : ""),
      piecesOf(row, wanted).map((piece, place) => {
        const look = piece.colour || piece.background ? { color: piece.colour, backgroundColor: piece.background } : undefined;
        return h(piece.match ? "mark" : "span", { key: place, className: piece.className || undefined, style: look }, piece.text);
      }),
    );
  },
);

/**
 * Return the length of the longest line: the width of the box, in characters.
 * @param {Row[]} rows
 */
function useLongest(rows) {
  const known = useRef({ rows: /** @type {Row[]} */ ([]), longest: 0 });
  if (known.current.rows !== rows) known.current = { rows, longest: rows.reduce((most, row) => Math.max(most, row.text.length), 0) };
  return known.current.longest;
}
