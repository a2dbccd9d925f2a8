// The actions of a plugin, tried from a form made of the schema of their payload.

import { Form, messages } from "../../lib/form.js";
import { post } from "../../lib/http.js";
import { html, useId, useMemo, useState } from "../../lib/view.js";
import { json } from "../format.js";
import { Code, Section } from "../parts.js";
import { may, noteRefusal } from "../session.js";

/** The form of an action that declares no payload: any JSON, or nothing. */
const ANY = { title: "Payload", description: "JSON, or nothing." };

export function ActionsTab({ plugin }) {
  const actions = plugin.manifest?.actions ?? [];
  const [name, setName] = useState(actions[0]?.name);
  const id = useId();
  const action = actions.find((one) => one.name === name) ?? actions[0];
  if (!action) return html`<p class="state">The manifest declares no actions.</p>`;
  return html`
    <div class="narrow">
      <div class="field">
        <label class="field__label" for=${id}>Action</label>
        <select id=${id} class="select" value=${action.name} onChange=${(event) => setName(event.target.value)}>
          ${actions.map((one) => html`<option key=${one.name} value=${one.name} selected=${one.name === action.name}>${one.title ?? one.name}</option>`)}
        </select>
      </div>
      ${action.description && html`<p class="muted">${action.description}</p>`}
      ${may("call", plugin.name)
        ? html`<${Trial} key=${action.name} plugin=${plugin.name} action=${action} />`
        : html`<p class="muted">Calling it needs the scope <code>call:${plugin.name}</code>.</p>`}
    </div>
  `;
}

function Trial({ plugin, action }) {
  const [outcome, setOutcome] = useState(null);
  const [isBusy, setBusy] = useState(false);

  async function call(payload) {
    setBusy(true);
    const begun = performance.now();
    const path = `/plugins/${encodeURIComponent(plugin)}/actions/${encodeURIComponent(action.name)}`;
    try {
      const answer = await post(path, payload);
      setOutcome({ took: performance.now() - begun, text: json(answer) });
    } catch (error) {
      noteRefusal(error);
      setOutcome({ took: performance.now() - begun, error });
    } finally {
      setBusy(false);
    }
  }

  const { fields } = useMemo(() => messages(outcome?.error), [outcome]);
  return html`
    <${Form} schema=${action.payload ?? ANY} busy=${isBusy} errors=${fields} submitText="Call" onSubmit=${call} />
    <div aria-live="polite">
      ${outcome &&
      html`<${Section} title=${outcome.error ? "Error" : "Result"}>
        <p class="muted">${outcome.error ? `${outcome.error.code} (${outcome.error.status}), ` : ""}after ${outcome.took.toFixed(1)} ms</p>
        ${outcome.error
          ? html`<div class="notice notice--error">${outcome.error.message}</div>`
          : html`<${Code} text=${outcome.text} label="Result as JSON" />`}
      <//>`}
    </div>
  `;
}
