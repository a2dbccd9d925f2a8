// The form of a page: fields from a schema, a submission that is an action, the server's messages at the fields.

import { html, useMemo, useState } from "../lib/view.js";
import { Form as SchemaForm, messages } from "../lib/form.js";
import { payloadOf, styleOf, textOf } from "./widget.js";

export function Form(widget) {
  const { node, place, props } = widget;
  const { actions } = place.page;
  const id = textOf(props.action ?? node.actions?.onSubmit);
  const [failed, setFailed] = useState(null);
  // A form that was sent begins anew.
  const [round, setRound] = useState(0);
  const { whole, fields } = useMemo(() => messages(failed), [failed]);
  const schema = node.props?.schema;
  if (typeof schema !== "object" || schema === null) {
    return html`<p class="notice notice--warning">This form has no schema${id ? `: no action behind \`${id}\` declares one` : ""}.</p>`;
  }
  const submitted = async (value) => {
    if (!id) return;
    setFailed(null);
    const context = payloadOf(widget);
    const payload = Object.keys(context).length && typeof value === "object" ? { ...context, ...value } : value;
    const result = await actions.run(id, payload);
    if (result?.success) setRound((count) => count + 1);
    else if (result?.error) setFailed(result.error);
  };
  return html`
    <div class="form-widget" style=${styleOf(widget)}>
      <${SchemaForm} key=${round} schema=${schema} value=${props.value} onSubmit=${submitted} submitText=${textOf(props.submitText)}
        columns=${Number(props.columns) || 1} busy=${id !== undefined && actions.isRunning(id)} errors=${fields} error=${whole} />
    </div>
  `;
}
