// The tables and collections of a plugin, read only.

import { withQuery } from "../../lib/http.js";
import { html, useId, useState } from "../../lib/view.js";
import { Region, Table } from "../parts.js";
import { useResource } from "../resource.js";
import { Pages } from "./data.js";

const LIMIT = 50;

export function TablesTab({ path }) {
  const tables = useResource(`${path}/tables`);
  const [chosen, setChosen] = useState(null);
  const id = useId();
  return html`
    <${Region} of=${tables} isEmpty=${(value) => value.tables.length === 0} empty="The manifest declares no tables.">
      ${({ tables: all }) => {
        const name = chosen ?? all[0].name;
        return html`
          <div class="field field--short">
            <label class="field__label" for=${id}>Table</label>
            <select id=${id} class="select" value=${name} onChange=${(event) => setChosen(event.target.value)}>
              ${all.map((table) => html`<option key=${table.name} value=${table.name} selected=${table.name === name}>${table.name}</option>`)}
            </select>
          </div>
          <${Rows} key=${name} name=${name} path=${`${path}/tables/${encodeURIComponent(name)}`} />
        `;
      }}
    <//>
  `;
}

function Rows({ name, path }) {
  const [offset, setOffset] = useState(0);
  const rows = useResource(withQuery(path, { offset, limit: LIMIT }));
  return html`
    <${Region} of=${rows} isEmpty=${(page) => page.rows.length === 0 && offset === 0} empty="The table has no rows.">
      ${(page) => html`
        <${Table} label=${`Rows of ${name}`} columns=${page.columns.map((column) => ({ name: column.name }))}>
          ${page.rows.map((row, index) => html`<tr key=${index}>${row.map((value, at) => html`<td key=${at}>${cell(value)}</td>`)}</tr>`)}
        <//>
        <${Pages} hasBefore=${offset > 0} hasAfter=${page.more} back=${() => setOffset(Math.max(0, offset - LIMIT))} on=${() => setOffset(offset + LIMIT)} />
      `}
    <//>
  `;
}

function cell(value) {
  if (value === null) return html`<span class="muted">null</span>`;
  if (typeof value === "object") return html`<code>${JSON.stringify(value)}</code>`;
  return String(value);
}
