// @ts-check
/** The Tasks page: the overview of all organisations, or one organisation. */

import { React, h } from "./host.js";
import { Button, Failure, Loading } from "./elements.js";
import { clock } from "./format.js";
import { Organisation } from "./organisation.js";
import { Overview } from "./overview.js";
import { usePolled } from "./polling.js";
import { useSelection } from "./selection.js";
import { askJson } from "./server.js";

const OVERVIEW_INTERVAL_MS = 10_000;
const SELECT_ID = "peach-organisation";
const STYLE = new URL("./page.css", import.meta.url).href;

/** The whole page, as Airflow's pages show it. */
export function TasksPage() {
  return h(
    "div",
    { className: "peach-page" },
    // React hoists a stylesheet with a precedence into the head, once, and waits for it.
    h("link", { rel: "stylesheet", href: STYLE, precedence: "default" }),
    h(Guard, null, h(Content)),
  );
}

function Content() {
  const [selection, select, link] = useSelection();
  const overview = usePolled(
    "overview",
    (signal) => askJson("peach/api/organisations", { signal }),
    OVERVIEW_INTERVAL_MS,
  );
  const { data, error, refresh } = overview;
  const codops = data?.organisations.map((/** @type {{codops: string}} */ organisation) => organisation.codops) ?? [];
  return h(
    "main",
    { className: "peach-main" },
    h(Head, { codops, selection, select, overview }),
    selection.org
      ? h(Organisation, { key: selection.org, selection, select, link, platform: data?.platform })
      : data
        ? h(Overview, { overview: data, select, link, error })
        : error
          ? h(Failure, { error, what: "the tasks", retry: refresh })
          : h(Loading, { lines: 8, label: "Loading the organisations" }),
  );
}

/**
 * Title, organisation and freshness.
 * @param {{ codops: string[], selection: import("./selection.js").Selection, select: (next: any) => void,
 *   overview: import("./polling.js").Polled<import("./types.js").Overview> }} properties
 */
function Head({ codops, selection, select, overview }) {
  const known = selection.org && !codops.includes(selection.org) ? [selection.org, ...codops] : codops;
  return h(
    "header",
    { className: "peach-head" },
    h("h1", null, "Tasks"),
    h("label", { className: "peach-quiet", htmlFor: SELECT_ID }, "Organisation"),
    h(
      "select",
      { id: SELECT_ID, value: selection.org, onChange: (/** @type {any} */ event) => select({ org: event.target.value }) },
      h("option", { value: "" }, "All organisations"),
      known.map((name) => h("option", { key: name, value: name }, name)),
    ),
    h("span", { className: "peach-space" }),
    overview.error && overview.data
      ? h("span", { className: "peach-late", role: "status" }, `${overview.error.message} Shown is what was known at ${clock(overview.updatedAt ?? new Date(), new Date())}.`)
      : overview.updatedAt && h("span", { className: "peach-quiet" }, `updated ${clock(overview.updatedAt, new Date())}`),
    h(Button, { onClick: overview.refresh, label: "Refresh", title: "Refresh now; the page also does so by itself" }, "↻"),
  );
}

/** Shows an error of the page itself instead of taking Airflow's whole page down. */
class Guard extends React.Component {
  /** @param {any} properties */
  constructor(properties) {
    super(properties);
    /** @type {{ error: Error|null }} */
    this.state = { error: null };
  }

  /** @param {Error} error */
  static getDerivedStateFromError(error) {
    return { error };
  }

  render() {
    if (!this.state.error) return /** @type {any} */ (this.props).children;
    return h(Failure, { error: this.state.error, what: "the page", retry: () => this.setState({ error: null }) });
  }
}
