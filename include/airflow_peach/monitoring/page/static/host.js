// @ts-check
/**
 * What Airflow's pages lend us: React and its router. The only module that knows how; of Chakra we use the theme's
 * colours alone (`--chakra-colors-*`, in page.css), which outlive its components.
 */

/** @type {typeof import("react")} */
export const React = Reflect.get(globalThis, "React");

/** @type {{ useSearchParams: () => [URLSearchParams, (next: URLSearchParams, options?: {replace?: boolean}) => void],
 *   Link?: import("react").ComponentType<any> }} */
const Router = Reflect.get(globalThis, "ReactRouterDOM");

export const h = React.createElement;
export const { Fragment, Suspense, lazy, memo, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } = React;
export const { useSearchParams } = Router;

/** The root of Airflow, with its sub-path; always ends with a slash. */
export const root = new URL(document.baseURI);

/**
 * Return an address below Airflow's root.
 * @param {string} path without a leading slash
 */
export function address(path) {
  return new URL(path, root).href;
}

/**
 * A link to another page of Airflow, followed without loading everything anew.
 * @param {{ to: string, children?: any, className?: string, title?: string, "aria-label"?: string }} properties `to` is below the root
 */
export function PageLink({ to, children, ...others }) {
  return Router.Link
    ? h(Router.Link, { to: `/${to}`, ...others }, children)
    : h("a", { href: address(to), ...others }, children);
}
