// A form made from a JSON Schema: labels, controls, hints, and messages at the fields.

import { classes, html, useId, useLayoutEffect, useMemo, useRef, useState } from "./view.js";
import { control, draft, read } from "./schema.js";
import { same, words } from "./values.js";

/** The most entries that a list of the form shows. */
const ENTRIES_MAX = 200;
const NONE = new Map();

/**
 * A form for a schema. The value is read from the form when it is submitted.
 *
 * @param {object} props
 * @param {object} props.schema a JSON Schema
 * @param {unknown} [props.value] the first content; a later other value replaces what was entered
 * @param {(value: unknown) => void} props.onSubmit called with a value that has the required members
 * @param {Map<string, string> | Record<string, string>} [props.errors] messages of the server by path, such as `address.street`
 * @param {string} [props.error] a message of the server for the whole form
 * @param {string} [props.submitText] default: Submit
 * @param {boolean} [props.busy] whether a submission is running
 * @param {number} [props.columns] fields beside one another on wide screens; default: 1
 * @param {unknown} [props.children] more buttons
 */
export function Form({ schema, value, onSubmit, errors, error, submitText = "Submit", busy, columns = 1, children }) {
  const root = schema;
  const form = useRef(null);
  const id = useId();
  const start = useMemo(() => draft(schema, root, value), [JSON.stringify(schema), JSON.stringify(value)]);
  // What was entered, and its messages, belong to the content that they began with: another one replaces them at once,
  // since an effect would come later than the first key of someone fast.
  const [entered, setEntered] = useState(null);
  const { content, own } = entered?.start === start ? entered : { content: start, own: NONE };
  const setContent = (next) => setEntered({ start, content: next, own });
  const foreign = useMemo(() => (errors instanceof Map ? errors : new Map(Object.entries(errors ?? {}))), [errors]);
  const all = new Map([...foreign, ...own]);
  const [attempts, setAttempts] = useState(0);
  // The first field with a message gets the focus when it is drawn; an effect would come later than the next key.
  useLayoutEffect(() => {
    if (all.size) form.current?.querySelector("[aria-invalid=true]")?.focus();
  }, [attempts, foreign]);

  const submitted = (event) => {
    event.preventDefault();
    if (busy) return;
    const result = read(schema, root, content);
    setEntered({ start, content, own: result.errors });
    setAttempts((count) => count + 1);
    if (result.errors.size === 0) onSubmit(result.value);
  };
  const shown = new Set();
  const whole = error ?? all.get("");
  const context = { root, id, errors: all, shown };
  const fields = html`<${Field} context=${context} schema=${schema} path="" name="" value=${content} onChange=${setContent}
    isRequired=${true} depth=${0} columns=${columns} />`;
  const unplaced = [...foreign].filter(([path]) => path !== "" && !has(content, path));
  return html`
    <form ref=${form} class="form" novalidate onSubmit=${submitted} aria-busy=${busy ? "true" : undefined}>
      <div role="alert">
        ${(whole || unplaced.length > 0) &&
        html`<div class="notice notice--error">
          ${whole} ${unplaced.map(([path, message]) => html`<span key=${path}>${path}: ${message}</span>`)}
        </div>`}
      </div>
      ${fields}
      <div class="form__buttons">
        <button type="submit" class="button button--primary" disabled=${busy}>
          ${busy && html`<span class="spinner" aria-hidden="true"></span>`}${submitText}
        </button>
        ${children}
      </div>
    </form>
  `;
}

/** Whether a draft has a place for a path. */
function has(content, path) {
  let value = content;
  for (const name of path.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return false;
    value = value[name];
  }
  return true;
}

/** The messages of an error of the server: those of fields by their path, as `errors` takes them, and the rest. */
export function messages(error) {
  const problems = Array.isArray(error?.details?.problems) ? error.details.problems : [];
  const fields = new Map(problems.map(({ path, message }) => [dotted(path), String(message)]));
  return { whole: fields.size ? undefined : error?.message, fields };
}

/** `/address/street`, `address.street` and `$.address.street` are one path. */
const dotted = (path) =>
  String(path ?? "")
    .replace(/^[$#]/, "")
    .split(/[./[\]]/)
    .filter(Boolean)
    .join(".");

function Field(props) {
  const { context, schema, path, name, isRequired, depth } = props;
  const found = control(schema, context.root, depth);
  const label = found.schema.title ?? (name === "" ? "Value" : words(name));
  const message = context.errors.get(path);
  const id = `${context.id}-${path || "value"}`.replace(/[^\w-]/g, "_");
  const hint = found.schema.description;
  const described = classes(hint && `${id}-hint`, message && `${id}-error`);
  const shared = { ...props, found, label, message, id, hint, described };
  if (found.kind === "object") return html`<${ObjectField} ...${shared} />`;
  if (found.kind === "list") return html`<${ListField} ...${shared} />`;
  if (found.kind === "choices") return html`<${ChoicesField} ...${shared} />`;
  if (found.kind === "boolean" && isRequired !== "item") return html`<${CheckField} ...${shared} />`;
  return html`
    <div class="field">
      <label class="field__label" for=${id}>${label}${isRequired && html`<${Required} />`}</label>
      <${Control} ...${shared} />
      <${Notes} ...${shared} />
    </div>
  `;
}

const Required = () => html`<span class="field__required" title="needed"> *</span>`;

const Notes = ({ id, hint, message }) => html`
  ${hint && html`<span class="field__hint" id=${`${id}-hint`}>${hint}</span>`}
  ${message && html`<span class="field__error" id=${`${id}-error`}>${message}</span>`}
`;

const TYPES = { email: "email", uri: "url", date: "date", time: "time", "date-time": "datetime-local", password: "password" };

function Control({ found, id, value, onChange, isRequired, message, described }) {
  const { schema, kind, options } = found;
  const shared = {
    id,
    "aria-invalid": message ? "true" : undefined,
    "aria-describedby": described,
    "aria-required": isRequired ? "true" : undefined,
    disabled: schema.readOnly === true,
  };
  if (kind === "choice") {
    const index = options.findIndex((option) => same(option.value, value));
    return html`
      <select ...${shared} class="select" value=${String(index)} onChange=${(event) => onChange(options[event.target.value]?.value ?? null)}>
        <option value="-1" disabled=${isRequired === true && index >= 0}>${isRequired ? "Choose…" : "–"}</option>
        ${options.map((option, at) => html`<option key=${at} value=${String(at)} selected=${at === index}>${option.label}</option>`)}
      </select>
    `;
  }
  const entered = (event) => onChange(event.target.value);
  if (kind === "json" || isLong(schema)) {
    const rows = kind === "json" ? 6 : 4;
    return html`<textarea ...${shared} class=${classes("textarea", kind === "json" && "mono")} rows=${rows} value=${value ?? ""}
      onInput=${entered} spellcheck=${kind === "json" ? "false" : undefined}></textarea>`;
  }
  const type = schema.writeOnly ? "password" : kind === "number" ? "number" : (TYPES[schema.format] ?? "text");
  return html`<input ...${shared} class="input" type=${type} value=${local(type, value)} onInput=${entered}
    min=${kind === "number" ? schema.minimum : undefined} max=${kind === "number" ? schema.maximum : undefined}
    step=${kind === "number" ? (schema.multipleOf ?? (schema.type === "integer" ? 1 : "any")) : undefined}
    autocomplete=${type === "password" ? "new-password" : "off"} placeholder=${placeholder(schema)} />`;
}

const isLong = (schema) => schema.type === "string" && (schema.format === "textarea" || schema.maxLength > 300);

function placeholder(schema) {
  const example = Array.isArray(schema.examples) ? schema.examples[0] : undefined;
  return typeof example === "string" || typeof example === "number" ? String(example) : undefined;
}

/** A time as its control takes it: in the browser's zone, without one. */
function local(type, value) {
  if (type !== "datetime-local" || !/Z|[+-]\d\d:\d\d$/.test(value ?? "")) return value ?? "";
  const time = new Date(value);
  if (Number.isNaN(time.getTime())) return value;
  return new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function CheckField({ id, label, value, onChange, described, message, hint, found }) {
  return html`
    <div class="field">
      <label class="check">
        <input type="checkbox" id=${id} checked=${value === true} disabled=${found.schema.readOnly === true}
          aria-describedby=${described} onChange=${(event) => onChange(event.target.checked)} />
        <span>${label}</span>
      </label>
      <${Notes} id=${id} hint=${hint} message=${message} />
    </div>
  `;
}

function ChoicesField({ id, label, value, onChange, found, message, hint, isRequired, described }) {
  const change = (option, isChosen) =>
    onChange(found.options.map((other) => other.value).filter((other) => (same(other, option) ? isChosen : value.some((item) => same(item, other)))));
  return html`
    <fieldset class="fieldset" aria-describedby=${described}>
      <legend class="field__label">${label}${isRequired && html`<${Required} />`}</legend>
      ${found.options.map(
        (option) => html`
          <label class="check" key=${option.label}>
            <input type="checkbox" checked=${value.some((item) => same(item, option.value))}
              onChange=${(event) => change(option.value, event.target.checked)} />
            <span>${option.label}</span>
          </label>
        `,
      )}
      <${Notes} id=${id} hint=${hint} message=${message} />
    </fieldset>
  `;
}

function ObjectField({ context, found, label, value, onChange, path, depth, name, isRequired, id, hint, message, columns = 1 }) {
  const required = new Set(Array.isArray(found.schema.required) ? found.schema.required : []);
  const members = Object.entries(found.schema.properties);
  const style = columns > 1 ? { "--columns": Math.min(4, columns) } : undefined;
  const fields = html`
    <div class=${classes("fields", columns > 1 && "fields--columns")} style=${style}>
      ${members.map(
        ([member, schema]) => html`
          <${Field} key=${member} context=${context} schema=${schema} name=${member} path=${path === "" ? member : `${path}.${member}`}
            value=${value?.[member]} onChange=${(next) => onChange({ ...value, [member]: next })} isRequired=${required.has(member)}
            depth=${depth + 1} />
        `,
      )}
    </div>
  `;
  if (name === "") return fields;
  return html`
    <fieldset class="fieldset fieldset--group">
      <legend class="field__label">${label}${isRequired && html`<${Required} />`}</legend>
      ${fields}<${Notes} id=${id} hint=${hint} message=${message} />
    </fieldset>
  `;
}

function ListField({ context, found, label, value, onChange, path, depth, isRequired, id, hint, message }) {
  const items = Array.isArray(value) ? value : [];
  const add = () => onChange([...items, draft(found.schema.items, context.root, undefined, depth + 1)]);
  const change = (index, next) => onChange(items.map((item, at) => (at === index ? next : item)));
  return html`
    <fieldset class="fieldset fieldset--group">
      <legend class="field__label">${label}${isRequired && html`<${Required} />`}</legend>
      ${items.slice(0, ENTRIES_MAX).map(
        (item, index) => html`
          <div class="entry" key=${index}>
            <${Field} context=${context} schema=${{ ...found.schema.items, title: found.schema.items.title ?? `${label} ${index + 1}` }}
              name=${String(index)} path=${path === "" ? String(index) : `${path}.${index}`} value=${item}
              onChange=${(next) => change(index, next)} isRequired="item" depth=${depth + 1} />
            <button type="button" class="icon-button" aria-label=${`Remove ${label} ${index + 1}`}
              onClick=${() => onChange(items.filter((_, at) => at !== index))}>×</button>
          </div>
        `,
      )}
      <div><button type="button" class="button button--secondary button--sm" onClick=${add} disabled=${items.length >= ENTRIES_MAX}>Add</button></div>
      <${Notes} id=${id} hint=${hint} message=${message} />
    </fieldset>
  `;
}
