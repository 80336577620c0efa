// @ts-check
/** The executed notebook of an execution: shown in a frame that may do nothing, and to download. */

import { address, h, useState } from "./host.js";
import { Button, Loading } from "./elements.js";

/** @param {{ execution: import("./types.js").Execution, close: () => void }} properties */
export function ArtefactFrame({ execution, close }) {
  const [loaded, setLoaded] = useState("");
  const { artefact_page_url: page, artefact_url: file, run_id: run } = execution;
  return h(
    "section",
    { className: "peach-panel", "aria-label": "Executed notebook" },
    h(
      "div",
      { className: "peach-bar" },
      h("h3", null, "Executed notebook"),
      h("span", { className: "peach-quiet peach-cut" }, run),
      h("span", { className: "peach-space" }),
      file && h("a", { href: address(file), download: "", className: "peach-link" }, "Download"),
      h(Button, { onClick: close }, "Close"),
    ),
    // Nothing is allowed in it: the notebook is a stranger's.
    page && loaded !== page && h("div", { className: "peach-artefact-wait" }, h(Loading, { lines: 6, label: "The notebook is made into a page" })),
    page &&
      h("iframe", {
        className: "peach-artefact",
        "data-waits": loaded !== page,
        src: address(page),
        sandbox: "",
        title: `Executed notebook of ${run}`,
        referrerPolicy: "no-referrer",
        onLoad: () => setLoaded(page),
      }),
  );
}
