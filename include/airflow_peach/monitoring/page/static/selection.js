// @ts-check
/** What is looked at, kept in the address: `?org=debr&task=x&run=…&try=1`. Every state of the page is a link. */

import { useCallback, useSearchParams } from "./host.js";

/** @typedef {{ org: string, task: string, run: string, attempt: string }} Selection */

const NAMES = /** @type {const} */ ({ org: "org", task: "task", run: "run", attempt: "try" });

/**
 * Return what is selected, and a function that selects something else.
 * @returns {[Selection, (next: Partial<Selection>) => void, (next: Partial<Selection>) => string]}
 *   the last makes the address of a selection
 */
export function useSelection() {
  const [parameters, setParameters] = useSearchParams();
  const selection = {
    org: parameters.get(NAMES.org) ?? "",
    task: parameters.get(NAMES.task) ?? "",
    run: parameters.get(NAMES.run) ?? "",
    attempt: parameters.get(NAMES.attempt) ?? "",
  };
  const select = useCallback(
    (/** @type {Partial<Selection>} */ next) => setParameters(parametersOf(next)),
    [setParameters],
  );
  const link = (/** @type {Partial<Selection>} */ next) => {
    const query = parametersOf(next).toString();
    return `${location.pathname}${query ? `?${query}` : ""}`;
  };
  return [selection, select, link];
}

/** @param {Partial<Selection>} selection */
function parametersOf(selection) {
  const made = new URLSearchParams();
  for (const [name, parameter] of Object.entries(NAMES)) {
    const value = selection[/** @type {keyof Selection} */ (name)];
    if (value) made.set(parameter, value);
  }
  return made;
}
