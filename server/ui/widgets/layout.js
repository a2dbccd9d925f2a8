// Widgets that contain others: container, card with its parts.

import { classes, html } from "../lib/view.js";
import { layoutStyle } from "../page/utilities.js";
import { oneOf, payloadOf, styleOf, textOf } from "./widget.js";

export function Container(widget) {
  const { props, children } = widget;
  return html`<div class="container" style=${styleOf(widget, layoutStyle({ ...props, layout: oneOf(props.layout, "block", "flex", "grid") }))}>${children}</div>`;
}

const CARDS = ["default", "outlined", "elevated", "flat", "dark", "error", "success", "custom"];

/** The widgets that take the focus. */
const CONTROLS = new Set(["button", "input", "checkbox", "checkboxGroup", "toggle", "link", "slider", "slides", "table", "dataTable", "form", "hoverBubble", "modal"]);

const hasControl = (nodes) =>
  (Array.isArray(nodes) ? nodes : [nodes]).some(
    (node) => typeof node === "object" && node !== null && (CONTROLS.has(node.type) || node.props?.action || hasControl(node.children ?? []) || node.type === "fragment"),
  );

export function Card(widget) {
  const { node, place, props, children } = widget;
  const action = props.action ?? node.actions?.onClick;
  const names = classes(
    "card",
    `card--${oneOf(props.variant, ...CARDS)}`,
    `card--${oneOf(props.size, "md", "xs", "sm", "lg")}`,
    (props.hoverable === true || action) && "card--hoverable",
    action && "card--action",
  );
  if (!action) return html`<div class=${names} style=${styleOf(widget)}>${children}</div>`;
  const run = () => place.page.actions.run(String(action), payloadOf(widget));
  // A click on a control within the card is that control's.
  const clicked = (event) => event.target.closest("button, a, input, select, textarea, label, [role=button]:not(.card)") === null && run();
  if (hasControl(node.children ?? [])) {
    return html`
      <div class=${names} style=${styleOf(widget)} onClick=${clicked}>
        ${children}<button type="button" class="card__open" onClick=${run}>Open</button>
      </div>
    `;
  }
  const pressed = (event) => {
    if (event.target !== event.currentTarget || (event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    run();
  };
  return html`<div class=${names} style=${styleOf(widget)} role="button" tabindex="0" onClick=${run} onKeyDown=${pressed}>${children}</div>`;
}

export function CardHeader(widget) {
  const { props, children } = widget;
  return html`<div class="card__header" style=${styleOf(widget)}>${textOf(props.text) ?? children}</div>`;
}

export function CardBody(widget) {
  return html`<div class="card__body" style=${styleOf(widget)}>${widget.children}</div>`;
}

export function CardFooter(widget) {
  const { props, children } = widget;
  return html`<div class=${`card__footer card__footer--${oneOf(props.align, "center", "left", "right")}`} style=${styleOf(widget)}>${children}</div>`;
}
