// Widgets that show and hide their content: modal, slides, hover bubble.

import { classes, h, html, useEffect, useId, useRef, useState } from "../lib/view.js";
import { Dialog } from "../lib/dialog.js";
import { renderNodes } from "../page/nodes.js";
import { utilityStyle } from "../page/utilities.js";
import { asText, boundPath, emit, oneOf, styleOf, textOf, useBound } from "./widget.js";

export function Modal(widget) {
  const { node, place, props, children } = widget;
  const path = boundPath(widget, "open") ?? textOf(node.props?.openBinding);
  const [asked, set] = useBound(widget, path, props.open === true);
  // A person can always close it, also if the plugin's value says that it is open.
  const [isClosed, setClosed] = useState(false);
  useEffect(() => {
    if (!asked) setClosed(false);
  }, [Boolean(asked)]);
  const close = () => {
    setClosed(true);
    set(false);
    emit(widget, "onClose");
  };
  // A dialog covers the host's frame, so it says itself whose it is.
  const title = html`${textOf(props.title) ?? "Dialog"} <span class="badge">plugin ${place.page.plugin}</span>`;
  const footer = Array.isArray(props.footer) ? renderNodes(node.props.footer, place) : textOf(props.footer);
  return html`
    <${Dialog} open=${Boolean(asked) && !isClosed} onClose=${close} title=${title} footer=${footer} size=${oneOf(props.size, "md", "sm", "lg", "xl", "full")}
      bodyStyle=${utilityStyle(props.bodyClasses, place.width)}>
      ${children}
    <//>
  `;
}

/** The slides: texts, or `{value, label}`; those without a declaration are numbered. */
function slidesOf(props, count) {
  const declared = Array.isArray(props.slides) ? props.slides : [];
  return Array.from({ length: count }, (_, index) => {
    const slide = declared[index];
    if (typeof slide === "object" && slide !== null) {
      const label = textOf(slide.label ?? slide.title);
      return { value: slide.value ?? slide.id ?? label ?? index, label: label ?? `Slide ${index + 1}` };
    }
    return { value: slide ?? index, label: textOf(slide) ?? `Slide ${index + 1}` };
  });
}

export function Slides(widget) {
  const { node, props, children, tag } = widget;
  const id = useId();
  const tabs = useRef(null);
  const path = boundPath(widget, "selectedSlide") ?? (textOf(node.props?.selectedSlideBinding) || undefined);
  // Between the contents is white space.
  const contents = (Array.isArray(children) ? children : []).filter((_, index) => index % 2 === 0);
  const slides = slidesOf(props, contents.length);
  const isHideable = props.hideable === true;
  const first = isHideable ? null : (props.defaultSlide ?? slides[0]?.value ?? null);
  const [selected, set] = useBound(widget, path, first);
  const found = slides.findIndex((slide, index) => slide.value === selected || index === selected);
  const current = found < 0 && !isHideable ? 0 : found;
  const select = (index) => {
    const value = isHideable && index === current ? null : slides[index].value;
    set(value);
    emit(widget, "onSlideChange", value);
  };
  const pressed = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, Home: -slides.length, End: slides.length }[event.key];
    if (!step) return;
    event.preventDefault();
    const from = Array.prototype.indexOf.call(tabs.current.children, document.activeElement);
    const next = Math.abs(step) > 1 ? (step > 0 ? slides.length - 1 : 0) : (from + step + slides.length) % slides.length;
    tabs.current.children[next]?.focus();
  };
  const header = textOf(props.header);
  const description = textOf(props.description);
  const focusable = current < 0 ? 0 : current;
  return html`
    <section class="slides" style=${styleOf(widget)}>
      ${header && h(tag, { class: "slides__header heading--3" }, header)}
      ${description && html`<p class="muted">${description}</p>`}
      <div ref=${tabs} role="tablist" aria-label=${header ?? "Slides"} onKeyDown=${pressed}
        class=${classes("slides__tabs", `slides__tabs--${oneOf(props.buttonPosition, "left", "center", "right")}`, props.connected === true && "slides__tabs--connected")}>
        ${slides.map(
          (slide, index) => html`
            <button key=${index} type="button" role="tab" id=${`${id}-${index}`} class="tab" aria-selected=${index === current ? "true" : "false"}
              aria-controls=${`${id}-panel`} tabindex=${index === focusable ? "0" : "-1"} onClick=${() => select(index)}>${slide.label}</button>
          `,
        )}
      </div>
      <div id=${`${id}-panel`} role="tabpanel" aria-labelledby=${current < 0 ? undefined : `${id}-${current}`} hidden=${current < 0}>
        ${contents[current]}
      </div>
    </section>
  `;
}

/** Shown while the pointer or the focus is on its content; Escape hides it. */
export function HoverBubble(widget) {
  const { props, children } = widget;
  const id = useId();
  const [isHidden, setHidden] = useState(false);
  const pressed = (event) => event.key === "Escape" && setHidden(true);
  const shown = () => setHidden(false);
  return html`
    <span class="bubble" tabindex="0" aria-describedby=${id} onKeyDown=${pressed} onMouseEnter=${shown} onFocusIn=${shown}>
      ${children}
      <span role="tooltip" id=${id} class=${classes("bubble__label", `bubble__label--${oneOf(props.position, "top", "bottom", "left", "right")}`, isHidden && "is-hidden")}>${asText(props.label)}</span>
    </span>
  `;
}

