// A region shows what loaders deliver: its states are loading, empty, error and stale.

import { html } from "../lib/view.js";

/**
 * What is said of a region's loaders: nothing while all is well.
 *
 * @param {{page: import("./model.js").PageModel, states: object[], hasData: boolean, children: unknown}} props `children`
 *   is what is shown if there are data; `empty` what is said if there are none
 */
export function Region({ page, states, hasData, empty, children }) {
  const failed = states.find((state) => state.status === "error" || state.status === "stale");
  const isLoading = !hasData && states.some((state) => state.status === "loading" || (state.status === "idle" && state.isRunning));
  const isRunning = states.some((state) => state.isRunning);
  const retry = () => page.loaders.run(states.map((state) => state.id), { isAsked: true });
  const again = html`<button type="button" class="button button--secondary button--xs" disabled=${isRunning} onClick=${retry}>Try again</button>`;
  if (failed && !hasData) {
    return html`<div class="notice notice--error" role="alert"><span>${failed.error?.message ?? "This could not be loaded."}</span>${again}</div>`;
  }
  if (isLoading) return html`<p class="state" role="status"><span class="spinner" aria-hidden="true"></span>Loading…</p>`;
  if (!hasData && empty) return html`<p class="state">${empty}</p>`;
  return html`
    <div class="region" aria-busy=${isRunning ? "true" : undefined}>
      ${failed &&
      html`<div class="notice notice--warning region__stale" role="status">
        <span>Not up to date: ${failed.error?.message ?? "the last attempt failed"}${since(failed.loadedAt)}</span>${again}
      </div>`}
      ${children}
    </div>
  `;
}

const since = (time) => (time ? `. Last update: ${clock(time)}.` : "");

/** A time of day. */
export const clock = (time) => new Date(time).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });

/** The types of the widgets that show their loaders' states themselves. */
const REGIONS = new Set(["table", "dataTable", "stat", "chart"]);

/** The first names of the paths that such widgets read anywhere in these nodes. */
export function regionPaths(nodes, found = new Set(), depth = 0) {
  const list = Array.isArray(nodes) ? nodes : [nodes];
  if (depth > 64) return found;
  for (const node of list) {
    if (typeof node !== "object" || node === null) continue;
    if (REGIONS.has(node.type)) {
      for (const path of Object.values(node.bindings ?? {})) found.add(path);
      for (const name of ["dataBinding", "dataKey"]) if (typeof node.props?.[name] === "string") found.add(node.props[name]);
    }
    if (node.children) regionPaths(node.children, found, depth + 1);
    if (node.fallback) regionPaths(node.fallback, found, depth + 1);
  }
  return found;
}
