// The configuration of a plugin as a form made of its declaration. Secrets are written and never shown.

import { put } from "../../lib/http.js";
import { Form } from "../../lib/form.js";
import { notify } from "../../lib/toast.js";
import { html, useMemo, useState } from "../../lib/view.js";
import { json } from "../format.js";
import { Region, Table } from "../parts.js";
import { noteRefusal, may } from "../session.js";
import { useResource } from "../resource.js";

export function ConfigurationTab({ plugin, path }) {
  const configuration = useResource(`${path}/config`);
  const declared = plugin.manifest?.configuration ?? {};
  return html`
    <${Region} of=${configuration} isEmpty=${(value) => isNothing(value, declared)} empty="The plugin has no configuration.">
      ${({ configuration: values }) =>
        may("manage", plugin.name)
          ? html`<${Editor} declared=${declared} values=${values} path=${path} reload=${configuration.reload} />`
          : html`<${Values} values=${values} />`}
    <//>
  `;
}

const isNothing = ({ configuration }, declared) => Object.keys(configuration).length + Object.keys(declared).length === 0;

function Values({ values }) {
  return html`
    <${Table} label="Configuration" columns=${[{ name: "Key" }, { name: "Value" }]}>
      ${Object.entries(values).map(([key, value]) => html`<tr key=${key}><th scope="row"><code>${key}</code></th><td><code>${json(value)}</code></td></tr>`)}
    <//>
  `;
}

/** Sends each value that was changed. */
function Editor({ declared, values, path, reload }) {
  const schema = useMemo(() => schemaOf(declared), [json(declared)]);
  const shown = useMemo(() => withoutSecrets(declared, values), [json(declared), json(values)]);
  const [errors, setErrors] = useState({});
  const [isBusy, setBusy] = useState(false);
  const others = Object.fromEntries(Object.entries(values).filter(([key]) => !(key in declared)));

  async function save(entered) {
    const changed = Object.entries(entered).filter(([key, value]) => json(value) !== json(shown[key]));
    if (changed.length === 0) return notify("Nothing was changed.");
    setBusy(true);
    const failed = {};
    for (const [key, value] of changed) {
      try {
        await put(`${path}/config/${encodeURIComponent(key)}`, { value });
      } catch (error) {
        noteRefusal(error);
        failed[key] = error.message;
      }
    }
    setErrors(failed);
    setBusy(false);
    const saved = changed.filter(([key]) => !(key in failed)).map(([key]) => key);
    if (saved.length > 0) {
      notify(`Saved: ${saved.join(", ")}.`, "success");
      reload();
    }
  }

  return html`
    ${Object.keys(declared).length > 0 &&
    html`<div class="narrow"><${Form} schema=${schema} value=${shown} errors=${errors} busy=${isBusy} onSubmit=${save} submitText="Save" /></div>`}
    ${Object.keys(others).length > 0 && html`<h2>Other values</h2><${Values} values=${others} />`}
  `;
}

const KINDS = { string: "string", integer: "integer", number: "number", float: "number", boolean: "boolean", array: "array", object: "object" };

/** The declaration as a JSON Schema. A value that is not entered stays as it is, so nothing is required. */
function schemaOf(declared) {
  const members = Object.entries(declared).map(([key, setting]) => {
    const schema = {
      title: key,
      type: KINDS[setting.type] ?? undefined,
      description: hint(setting),
      minimum: isNumeric(setting) ? setting.min : undefined,
      maximum: isNumeric(setting) ? setting.max : undefined,
      minLength: setting.type === "string" ? setting.min : undefined,
      maxLength: setting.type === "string" ? setting.max : undefined,
      enum: setting.allowed,
      writeOnly: setting.secret ? true : undefined,
    };
    return [key, Object.fromEntries(Object.entries(schema).filter(([, value]) => value !== undefined && value !== null))];
  });
  return { type: "object", properties: Object.fromEntries(members) };
}

const isNumeric = (setting) => ["integer", "number", "float"].includes(setting.type);

function hint(setting) {
  const parts = [
    setting.description?.replace(/([^.!?])$/, "$1."),
    setting.required && "A value is required.",
    setting.secret && "A secret: the value is not shown, and stays unless another one is entered.",
    setting.pattern && `Its pattern is ${setting.pattern}.`,
  ];
  return parts.filter(Boolean).join(" ") || undefined;
}

const withoutSecrets = (declared, values) =>
  Object.fromEntries(Object.entries(values).filter(([key]) => key in declared && !declared[key].secret));
