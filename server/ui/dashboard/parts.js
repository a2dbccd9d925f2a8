// Parts that several views share: states of a region, badges, tables, and times.

import { html, useLayoutEffect, useRef } from "../lib/view.js";
import { time } from "./format.js";

/** The content of a resource, or that it is loading, empty or failed. */
export function Region({ of, isEmpty, empty = "There is nothing here.", children }) {
  const { value, error, isLoading, reload } = of;
  if (isLoading) {
    return html`<div class="state" role="status"><span class="spinner" aria-hidden="true"></span> Loading…</div>`;
  }
  if (value === undefined) return html`<${Failure} error=${error} retry=${reload} />`;
  const stale = error && html`<${Failure} error=${error} retry=${reload} isStale=${true} />`;
  const content = isEmpty?.(value) ? html`<div class="state">${empty}</div>` : children(value);
  return html`${stale}${content}`;
}

function Failure({ error, retry, isStale }) {
  const isRefused = error?.status === 401 || error?.status === 403;
  return html`
    <div class="notice notice--error" role="alert">
      <span>${error?.message ?? "This cannot be shown."}${isStale && " What is shown may be out of date."}</span>
      ${isRefused && html`<a href="/-/sign-in">Sign in</a>`}
      <button type="button" class="button button--secondary button--sm" onClick=${retry}>Try again</button>
    </div>
  `;
}

const TONES = {
  ready: "success",
  disabled: "neutral",
  lazy: "neutral",
  failed: "error",
  restarting: "warning",
  loading: "primary",
  reloading: "primary",
  unloading: "warning",
  installed: "neutral",
  active: "success",
  expired: "neutral",
  revoked: "neutral",
};

/** The state of a plugin or a token. */
export const State = ({ state }) => html`<span class=${`badge badge--${TONES[state] ?? "neutral"}`}>${state ?? "unknown"}</span>`;

/** A time in milliseconds since 1970. */
export const Time = ({ at }) =>
  Number.isFinite(at) ? html`<time class="numeric" datetime=${new Date(at).toISOString()}>${time(at)}</time>` : "–";

/** Whether no view was shown yet in this document. */
let isFirst = true;

/** The heading of a view, which gets the focus after a change of the view, with actions beside it. */
export function Heading({ title, children }) {
  const heading = useRef(null);
  useLayoutEffect(() => {
    document.title = `${title} – Plugbay`;
    // In a new document the focus begins at the top, where the skip link is.
    if (!isFirst) heading.current?.focus({ preventScroll: true });
    isFirst = false;
  }, [title]);
  return html`
    <div class="heading">
      <h1 ref=${heading} tabindex="-1">${title}</h1>
      ${children && html`<div class="heading__actions">${children}</div>`}
    </div>
  `;
}

/**
 * A table in a box that scrolls. Cells of columns with `isNumber` are aligned on the right.
 *
 * @param {{label: string, columns: {name: string, isNumber?: boolean}[], children: unknown}} props
 */
export const Table = ({ label, columns, children }) => html`
  <div class="table-box" role="region" aria-label=${label} tabindex="0">
    <table class="table table--hover">
      <thead>
        <tr>${columns.map((column) => html`<th key=${column.name} scope="col" class=${column.isNumber ? "is-right" : undefined}>${column.name}</th>`)}</tr>
      </thead>
      <tbody>${children}</tbody>
    </table>
  </div>
`;

/** A text of several lines, such as JSON, in a box that scrolls. */
export const Code = ({ text, label }) => html`<pre class="code" tabindex="0" aria-label=${label} role="region">${text}</pre>`;

/** A group with a heading. */
export const Section = ({ title, children }) => html`
  <section class="section"><h2>${title}</h2>${children}</section>
`;

/** Pairs of a name and a value. */
export const Facts = ({ facts }) => html`
  <dl class="facts">
    ${facts
      .filter(([, value]) => value !== undefined && value !== null && value !== "")
      .map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}
  </dl>
`;

/** A line through the latest values, with its meaning as a text. */
export function Sparkline({ values, label }) {
  if (values.length < 2) return html`<span class="sparkline sparkline--empty" aria-hidden="true"></span>`;
  const top = Math.max(...values, 1);
  const points = values.map((value, index) => `${((index / (values.length - 1)) * 80).toFixed(1)},${(19 - (value / top) * 18).toFixed(1)}`);
  return html`
    <svg class="sparkline" viewBox="0 0 80 20" role="img" aria-label=${`${label}: ${values.at(-1)} of at most ${top}`} preserveAspectRatio="none">
      <polyline points=${points.join(" ")} fill="none" stroke="currentColor" stroke-width="1.5" vector-effect="non-scaling-stroke" />
    </svg>
  `;
}
