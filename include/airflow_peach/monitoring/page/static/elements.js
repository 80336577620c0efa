// @ts-check
/** The small pieces that every part of the page is made of. Text from repositories is always a text node. */

import { h, useState } from "./host.js";
import { age, clock, duration, elapsed, utc } from "./format.js";
import { loginAddress } from "./server.js";

/**
 * A time in the reader's timezone; UTC in its title.
 * @param {{ iso: string|null, placeholder?: string }} properties
 */
export function Time({ iso, placeholder = "–" }) {
  if (iso === null) return h("span", { className: "peach-quiet" }, placeholder);
  const time = new Date(iso);
  return h("time", { dateTime: iso, title: utc(time) }, clock(time, new Date()));
}

/**
 * An age such as `5 min ago`; the time in its title.
 * @param {{ seconds: number, iso?: string|null }} properties
 */
export function Ago({ seconds, iso }) {
  return h("time", { dateTime: iso ?? undefined, title: iso ? utc(new Date(iso)) : undefined }, `${age(seconds)} ago`);
}

/** @param {{ seconds: number|null, running?: boolean }} properties */
export function Duration({ seconds, running = false }) {
  if (seconds === null) return h("span", { className: "peach-quiet" }, "–");
  return h("span", { title: `${seconds.toFixed(3)} s` }, running ? `${elapsed(seconds)} …` : duration(seconds));
}

/**
 * How an execution ended, by sign, word and colour.
 * @param {{ status: "success"|"failed"|"running"|"queued"|null, timedOut?: boolean }} properties
 */
export function Status({ status, timedOut = false }) {
  if (status === null) return h("span", { className: "peach-quiet" }, "–");
  const word = timedOut ? "timed out" : status;
  return h("span", { className: `peach-status peach-${status}` }, h("span", { className: "peach-sign", "aria-hidden": true }), word);
}

/**
 * Why something failed, in what room there is; all of it in its title.
 * @param {{ text: string|null }} properties
 */
export function Reason({ text }) {
  return text ? h("span", { className: "peach-cut peach-quiet peach-reason-line", title: text }, text) : null;
}

/** @param {{ state: "PENDING"|"RUNNING"|"FINISHED"|null }} properties */
export function TaskState({ state }) {
  if (state === null) return h("span", { className: "peach-quiet", title: "It waits for its first loop." }, "–");
  return h("span", { className: `peach-state peach-state-${state.toLowerCase()}` }, state);
}

/** @param {{ children?: any, kind?: "plain"|"warning"|"failed", title?: string }} properties */
export function Badge({ children, kind = "plain", title }) {
  return h("span", { className: `peach-badge peach-badge-${kind}`, title }, children);
}

/**
 * The short hash of a commit, linked to its forge where that is known.
 * @param {{ version: string|null, url: string|null }} properties
 */
export function Version({ version, url }) {
  if (!version) return h("span", { className: "peach-quiet" }, "–");
  return url ? h(OutsideLink, { href: url, title: "Show the commit" }, h("code", null, version)) : h("code", null, version);
}

/**
 * A link out of Airflow. Whatever is no web address is shown as text: it may come from a stranger's repository.
 * @param {{ href: string, children?: any, title?: string }} properties
 */
export function OutsideLink({ href, children, title }) {
  if (!/^https?:\/\//i.test(href)) return h("span", { title }, children);
  return h("a", { href, title, target: "_blank", rel: "noopener noreferrer", className: "peach-link" }, children);
}

/**
 * A link that changes what is looked at; opens in another tab like any other link.
 * @param {{ href: string, onSelect: () => void, children?: any, current?: boolean, label?: string }} properties
 */
export function SelectLink({ href, onSelect, children, current = false, label }) {
  /** @param {MouseEvent} event */
  const onClick = (event) => {
    event.stopPropagation();
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    onSelect();
  };
  return h("a", { href, onClick, className: "peach-link", "aria-current": current ? "true" : undefined, "aria-label": label }, children);
}

/**
 * A button.
 * @param {{ onClick: () => void, children?: any, label?: string, title?: string, disabled?: boolean, pressed?: boolean }} properties
 */
export function Button({ onClick, children, label, title, disabled = false, pressed }) {
  /** @param {MouseEvent} event */
  const click = (event) => {
    event.stopPropagation();
    onClick();
  };
  return h(
    "button",
    { type: "button", className: "peach-button", onClick: click, "aria-label": label, title, disabled, "aria-pressed": pressed },
    children,
  );
}

/**
 * What is said instead of content: nothing there, not allowed, not reachable.
 * @param {{ title: string, children?: any, kind?: "plain"|"warning"|"failed", action?: any }} properties
 */
export function Notice({ title, children, kind = "plain", action }) {
  return h(
    "div",
    { className: `peach-notice peach-notice-${kind}`, role: kind === "plain" ? "status" : "alert" },
    h("strong", null, title),
    children && h("p", null, children),
    action,
  );
}

/**
 * Why there is no answer, and what can be done.
 * @param {{ error: Error & {kind?: string}, what: string, retry: () => void }} properties
 */
export function Failure({ error, what, retry }) {
  if (error.kind === "login")
    return h(Notice, {
      title: error.message,
      kind: "warning",
      action: h("a", { href: loginAddress(), className: "peach-link" }, "Log in again"),
    });
  if (error.kind === "forbidden")
    return h(Notice, { title: `You have no permission to see ${what}.`, kind: "warning" },
      "Ask an administrator of this Airflow for a role that may read its DAGs and plugins.");
  return h(
    Notice,
    { title: `${what[0].toUpperCase()}${what.slice(1)} could not be loaded.`, kind: "failed", action: h(Button, { onClick: retry }, "Try again") },
    error.message,
  );
}

/**
 * Grey lines in the place of what comes.
 * @param {{ lines?: number, label: string }} properties
 */
export function Loading({ lines = 4, label }) {
  return h(
    "div",
    { className: "peach-loading", role: "status", "aria-label": label },
    Array.from({ length: lines }, (_, line) => h("div", { key: line, style: { width: `${90 - ((line * 23) % 50)}%` } })),
  );
}

/**
 * A table's head whose columns sort it.
 * @param {{ columns: { id: string, title: string, numeric?: boolean }[], sort: Sort, onSort: (sort: Sort) => void }} properties
 * @typedef {{ by: string, descending: boolean }} Sort
 */
export function SortedHead({ columns, sort, onSort }) {
  const cell = (/** @type {{ id: string, title: string, numeric?: boolean }} */ { id, title, numeric }) => {
    const active = sort.by === id;
    const order = sort.descending ? "descending" : "ascending";
    return h(
      "th",
      { key: id, scope: "col", className: numeric ? "peach-numeric" : undefined, "aria-sort": active ? order : undefined },
      h(
        "button",
        { type: "button", className: "peach-sort", onClick: () => onSort({ by: id, descending: active && !sort.descending }) },
        title,
        h("span", { "aria-hidden": true, className: "peach-arrow" }, active ? (sort.descending ? "↓" : "↑") : ""),
      ),
    );
  };
  return h("thead", null, h("tr", null, columns.map(cell)));
}

/**
 * A sort order that a table keeps.
 * @param {string} by
 * @returns {[Sort, (sort: Sort) => void]}
 */
export function useSort(by) {
  const [sort, setSort] = useState({ by, descending: false });
  return [sort, setSort];
}

