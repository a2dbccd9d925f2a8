// Controls for values: input, checkbox, checkbox group, toggle, slider.

import { classes, html, useEffect, useId, useRef, useState } from "../lib/view.js";
import { asText, boundPath, emit, nameOf, oneOf, styleOf, textOf, useBound } from "./widget.js";
import { same } from "../lib/values.js";

export function Input(widget) {
  const { node, props } = widget;
  const type = oneOf(props.type, "text", "email", "password", "number", "tel", "url", "color");
  const path = boundPath(widget, "value");
  const [value, set] = useBound(widget, path, props.value ?? "");
  const { state } = widget.place.page;
  const { paths } = widget.place;
  // What is being written is not replaced by the value of half a number. Another value is of an action: it is shown.
  const [draft, setDraft] = useState(null);
  const shown = draft && same(draft.value, value) ? draft.text : asText(value);
  const id = useId();
  const entered = (event) => {
    const text = event.target.value;
    const next = type === "number" ? (text === "" ? null : Number(text)) : text;
    setDraft({ text, value: next });
    set(next);
    emit(widget, "onChange", next);
  };
  const left = () => {
    setDraft(null);
    if (path) state.release(path, paths);
  };
  const pressed = (event) => event.key === "Enter" && emit(widget, "onSubmit", value);
  const label = textOf(props.label);
  const error = props.error === true ? "This value is not valid." : textOf(props.error || undefined);
  const success = typeof props.success === "string" ? textOf(props.success) : undefined;
  const names = classes(
    "input",
    `input--${oneOf(props.size, "md", "sm", "lg")}`,
    `input--${oneOf(props.variant, "default", "filled", "underline")}`,
    props.success && "input--success",
  );
  const noteId = error || success ? `${id}-note` : undefined;
  return html`
    <div class="field" style=${styleOf(widget)}>
      ${label && html`<label class="field__label" for=${id}>${label}</label>`}
      <input id=${id} class=${names} type=${type} value=${shown || (type === "color" ? "#000000" : "")} disabled=${props.disabled === true}
        placeholder=${textOf(props.placeholder)} name=${node.id} aria-label=${label ? undefined : nameOf(widget, path)}
        aria-invalid=${error ? "true" : undefined} aria-describedby=${noteId} step=${type === "number" ? "any" : undefined}
        autocomplete=${type === "password" ? "off" : undefined} onInput=${entered} onFocus=${() => path && state.hold(path, paths)} onBlur=${left} onKeyDown=${pressed} />
      ${type === "password" && html`<span class="field__hint">The plugin ${widget.place.page.plugin} receives this value.</span>`}
      ${noteId && html`<span id=${noteId} class=${error ? "field__error" : "field__success"}>${error ?? success}</span>`}
    </div>
  `;
}

export function Checkbox(widget) {
  const { node, props } = widget;
  const path = boundPath(widget, "checked");
  const [checked, set] = useBound(widget, path, props.checked === true);
  const element = useRef(null);
  useEffect(() => {
    element.current.indeterminate = props.indeterminate === true;
  });
  const changed = (event) => {
    set(event.target.checked);
    emit(widget, "onChange", event.target.checked);
  };
  const label = textOf(props.label);
  return html`
    <label class=${`check check--${oneOf(props.size, "md", "sm", "lg", "xs")}`} style=${styleOf(widget)}>
      <input ref=${element} type="checkbox" name=${textOf(props.name) ?? node.id} checked=${Boolean(checked)} disabled=${props.disabled === true}
        aria-label=${label ? undefined : nameOf(widget, path)} onChange=${changed} />
      ${label && html`<span>${label}</span>`}
    </label>
  `;
}

/** The options of a group: texts, or `{value, label, disabled}`. */
export function optionsOf(options) {
  const list = Array.isArray(options) ? options : [];
  return list.slice(0, 500).map((option) => {
    if (typeof option !== "object" || option === null) return { value: option, label: asText(option) };
    return { value: option.value, label: textOf(option.label) ?? asText(option.value), isDisabled: option.disabled === true };
  });
}

export function CheckboxGroup(widget) {
  const { props } = widget;
  const path = boundPath(widget, "selectedValues", "value");
  const [value, set] = useBound(widget, path, props.selectedValues ?? []);
  const chosen = Array.isArray(value) ? value : [];
  const options = optionsOf(props.options);
  const isChosen = (option) => chosen.some((other) => same(other, option.value));
  const changed = (option, isOn) => {
    const next = options.filter((other) => (other === option ? isOn : isChosen(other))).map((other) => other.value);
    set(next);
    emit(widget, "onChange", next);
  };
  return html`
    <fieldset class=${classes("fieldset", "group", props.direction === "horizontal" && "group--row")} style=${styleOf(widget)}>
      <legend class=${textOf(props.label) ? "field__label" : "visually-hidden"}>${nameOf(widget, path)}</legend>
      ${options.map(
        (option) => html`
          <label class="check" key=${option.label}>
            <input type="checkbox" checked=${isChosen(option)} disabled=${props.disabled === true || option.isDisabled}
              onChange=${(event) => changed(option, event.target.checked)} />
            <span>${option.label}</span>
          </label>
        `,
      )}
    </fieldset>
  `;
}

export function Toggle(widget) {
  const { props } = widget;
  const path = boundPath(widget, "checked");
  const [checked, set] = useBound(widget, path, props.checked === true);
  const changed = () => {
    set(!checked);
    emit(widget, "onChange", !checked);
  };
  const label = textOf(props.label);
  return html`
    <button type="button" role="switch" aria-checked=${checked ? "true" : "false"} class=${`toggle toggle--${oneOf(props.size, "md", "sm", "lg", "xs")}`}
      disabled=${props.disabled === true} aria-label=${label ? undefined : nameOf(widget, path)} style=${styleOf(widget)} onClick=${changed}>
      <span class="toggle__track" aria-hidden="true"></span>${label && html`<span>${label}</span>`}
    </button>
  `;
}

const number = (value, otherwise) => (Number.isFinite(Number(value)) && value !== null && value !== "" ? Number(value) : otherwise);

export function Slider(widget) {
  const { props } = widget;
  const id = useId();
  const [min, max] = [number(props.min, 0), number(props.max, 100)];
  const path = boundPath(widget, "value");
  const [value, set] = useBound(widget, path, props.value ?? (min + max) / 2);
  const changed = (event) => {
    set(Number(event.target.value));
    emit(widget, "onChange", Number(event.target.value));
  };
  const label = textOf(props.label);
  const shown = number(value, min);
  const part = max > min ? `${Math.min(100, Math.max(0, ((shown - min) / (max - min)) * 100))}%` : "0%";
  return html`
    <div class="field" style=${styleOf(widget)}>
      <span class="slider__head">
        <label class=${label ? "field__label" : "visually-hidden"} for=${id}>${nameOf(widget, path)}</label>
        ${props.showValue !== false && html`<output class="numeric muted" for=${id}>${asText(shown)}</output>`}
      </span>
      <input id=${id} type="range" class=${`slider slider--${oneOf(props.variant, "solid", "gradient")}`} style=${{ "--part": part }}
        min=${min} max=${max} step=${number(props.step, 1)} value=${shown} disabled=${props.disabled === true} onInput=${changed} />
    </div>
  `;
}
