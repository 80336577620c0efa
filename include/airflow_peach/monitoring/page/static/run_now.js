// @ts-check
/** "Run now": one run of the loop with this task alone, by Airflow's own API. */

import { Fragment, h, useState } from "./host.js";
import { Button } from "./elements.js";
import { trigger } from "./server.js";

const SHOWN_MS = 6000;

/** @param {{ task: import("./types.js").Task, onStarted: () => void }} properties */
export function RunNow({ task, onStarted }) {
  const [busy, setBusy] = useState(false);
  const [said, setSaid] = useState(/** @type {{ text: string, bad: boolean }|null} */ (null));

  async function run() {
    setBusy(true);
    setSaid(null);
    try {
      await trigger(task);
      setSaid({ text: "comes after the run in progress", bad: false });
      setTimeout(() => setSaid(null), SHOWN_MS);
      onStarted();
    } catch (error) {
      setSaid({ text: error instanceof Error ? error.message : String(error), bad: true });
    }
    setBusy(false);
  }

  return h(
    Fragment,
    null,
    h("span", { role: "status", className: `peach-said ${said?.bad ? "peach-bad" : "peach-quiet"}` }, said?.text),
    h(Button, { onClick: run, disabled: busy, label: `Run ${task.name} now`, title: "A run of the loop with this task alone; it comes next after the one in progress" }, "Run now"),
  );
}
