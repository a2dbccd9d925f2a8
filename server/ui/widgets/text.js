// Texts: text, heading, badge, link, divider.

import { classes, h, html } from "../lib/view.js";
import { isForeign, safeHref } from "../page/links.js";
import { asText, oneOf, styleOf, textOf } from "./widget.js";

const HEADINGS = { h1: 1, h2: 2, h3: 3, h4: 4, h5: 5, h6: 6 };

/** A heading that looks like `level`. */
function heading(widget, level) {
  const { props, children, tag } = widget;
  const shown = Math.min(6, Math.max(1, Math.trunc(Number(level)) || 2));
  return h(tag ?? "h2", { class: `heading heading--${shown}`, style: styleOf(widget) }, asText(props.text), children);
}

export function Heading(widget) {
  return heading(widget, widget.props.level ?? 2);
}

export function Text(widget) {
  const { props, children } = widget;
  const as = asText(props.as);
  if (Object.hasOwn(HEADINGS, as)) return heading(widget, HEADINGS[as]);
  return h(oneOf(as, "span", "p", "div"), { class: "text", style: styleOf(widget) }, asText(props.text), children);
}

const BADGES = { primary: "primary", secondary: "neutral", success: "success", warning: "warning", error: "error" };

export function Badge(widget) {
  const { props } = widget;
  const text = asText(props.text);
  const variant = BADGES[oneOf(props.variant, ...Object.keys(BADGES))];
  const hue = props.unique === true ? { "--hue": String(hash(text) % 360) } : undefined;
  const names = classes(
    "badge",
    hue ? "badge--unique" : `badge--${variant}`,
    `badge--${oneOf(props.size, "md", "xs", "sm", "lg")}`,
    props.rounded === true && "badge--rounded",
    props.outlined === true && "badge--outlined",
  );
  return html`<span class=${names} style=${styleOf(widget, hue)}>${text}</span>`;
}

/** A number for a text, the same each time. */
function hash(text) {
  let value = 0;
  for (const character of text) value = (value * 31 + character.codePointAt(0)) % 1_000_003;
  return value;
}

export function Link(widget) {
  const { props, place } = widget;
  const text = textOf(props.text) ?? textOf(props.href) ?? "Link";
  const href = safeHref(place.page.plugin, props.href);
  // An address that is not allowed is shown as text, so that the page still says what the plugin wrote.
  if (href === undefined) return html`<span class="text" style=${styleOf(widget)}>${text}</span>`;
  const isExternal = props.external === true || isForeign(href);
  const external = isExternal ? { target: "_blank", rel: "noopener noreferrer" } : {};
  return html`
    <a class="link" href=${href} style=${styleOf(widget)} ...${external}>${text}${isExternal && html`<span class="visually-hidden"> (opens in a new tab)</span><span aria-hidden="true"> ↗</span>`}</a>
  `;
}

export function Divider(widget) {
  const { props } = widget;
  const label = textOf(props.label);
  const isVertical = props.orientation === "vertical";
  const names = classes(
    "divider",
    `divider--${oneOf(props.variant, "solid", "dashed", "dotted")}`,
    isVertical && "divider--vertical",
    props.shadow !== false && "divider--shadow",
  );
  if (label && !isVertical) return html`<div class=${names} style=${styleOf(widget)}><span>${label}</span></div>`;
  return html`<div class=${names} role="separator" aria-orientation=${isVertical ? "vertical" : undefined} style=${styleOf(widget)}></div>`;
}
