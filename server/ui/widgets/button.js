// The button.

import { classes, html } from "../lib/view.js";
import { asText, oneOf, payloadOf, styleOf } from "./widget.js";

export function Button(widget) {
  const { node, place, props } = widget;
  const { actions } = place.page;
  const id = props.action ?? node.actions?.onClick;
  const isLoading = props.loading === true || (id && actions.isLoading(String(id)));
  const names = classes(
    "button",
    `button--${oneOf(props.variant, "primary", "secondary", "outline", "ghost", "danger")}`,
    `button--${oneOf(props.size, "md", "xs", "sm", "lg")}`,
    props.fullWidth === true && "button--full",
    props.noFocusRing === true && "button--no-ring",
  );
  const clicked = () => id && actions.run(String(id), payloadOf(widget));
  return html`
    <button type=${oneOf(props.type, "button", "submit", "reset")} class=${names} style=${styleOf(widget)}
      disabled=${props.disabled === true || isLoading} aria-busy=${isLoading ? "true" : undefined} onClick=${clicked}>
      ${isLoading && html`<span class="spinner" aria-hidden="true"></span>`}${asText(props.text)}
    </button>
  `;
}
