// @ts-check
/** An organisation's environment. */

import { Fragment, h } from "./host.js";
import { Badge, Time } from "./elements.js";

/** @param {{ environment: import("./types.js").Environment }} properties */
export function EnvironmentBadge({ environment }) {
  const { state, reason } = environment;
  if (state === "ok") return h("span", { className: "peach-quiet" }, "ready");
  if (state === "failed") return h(Badge, { kind: "failed", title: reason ?? undefined }, "failed");
  return h("span", { className: "peach-quiet", title: "The first loop builds it." }, "not built yet");
}

/** @param {{ environment: import("./types.js").Environment, requirements: string[] }} properties */
export function EnvironmentFacts({ environment, requirements }) {
  const { state, digest, built_at: builtAt, reason } = environment;
  return h(
    Fragment,
    null,
    h(
      "p",
      null,
      h(EnvironmentBadge, { environment }),
      digest && [" ", h("code", { key: "digest", title: digest }, digest.slice(0, 8)), builtAt && [" built ", h(Time, { key: "built", iso: builtAt })]],
    ),
    state === "failed" && reason && h("pre", { className: "peach-reason", tabIndex: 0 }, reason),
    state === "failed" && h("p", { className: "peach-quiet" }, digest ? "Tasks run in the last good environment." : "Tasks fail until it can be built."),
    requirements.length > 0 && h("p", { className: "peach-quiet peach-wrap" }, requirements.join("  ")),
  );
}
