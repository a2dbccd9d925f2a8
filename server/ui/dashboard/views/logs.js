// Log lines: the latest ones that match, and further ones as they are written.

import { follow } from "../../lib/events.js";
import { get, withQuery } from "../../lib/http.js";
import { html, useEffect, useId, useState } from "../../lib/view.js";
import { json } from "../format.js";
import { Heading, Time } from "../parts.js";
import { noteRefusal } from "../session.js";

/** The number of lines that are shown. */
const ROWS = 200;
const SEVERITIES = ["trace", "debug", "info", "warn", "error"];
const TONES = { warn: "warning", error: "error", info: "primary" };

export const LogsView = () => html`<${Heading} title="Logs" /><${LogList} />`;

/** The lines of a plugin, or of the host and all plugins. */
export function LogList({ plugin }) {
  const id = useId();
  const [severity, setSeverity] = useState("");
  const [text, setText] = useState("");
  const { lines, state, error } = useLines({ plugin, severity });
  const shown = text === "" ? lines : lines.filter((line) => words(line).includes(text.toLowerCase()));
  return html`
    <div class="filters">
      <div class="field">
        <label class="field__label" for=${`${id}-severity`}>Severity</label>
        <select id=${`${id}-severity`} class="select" value=${severity} onChange=${(event) => setSeverity(event.target.value)}>
          <option value="">all</option>
          ${SEVERITIES.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}
        </select>
      </div>
      <div class="field">
        <label class="field__label" for=${`${id}-text`}>Lines that contain</label>
        <input id=${`${id}-text`} class="input" type="search" value=${text} onInput=${(event) => setText(event.target.value)} />
      </div>
      <${Live} state=${state} />
    </div>
    ${error && html`<div class="notice notice--error" role="alert">${error.message}</div>`}
    ${shown.length === 0
      ? html`<p class="state">${lines.length > 0 || severity !== "" ? "No line matches." : "There are no log lines."}</p>`
      : html`<div class="lines" tabindex="0" role="log" aria-label="Log lines, the newest first" aria-live="off">
          <ol>${shown.map((line) => html`<${Line} key=${line.key} line=${line} withPlugin=${plugin === undefined} />`)}</ol>
        </div>`}
  `;
}

/** Whether a stream is open. */
export const Live = ({ state }) => html`
  <span class=${`badge badge--${state === "open" ? "success" : state === "connecting" ? "neutral" : "warning"}`} role="status">
    ${state === "open" ? "live" : state === "connecting" ? "connecting…" : "not live"}
  </span>
`;

const words = (line) => `${line.plugin ?? "host"} ${line.target ?? ""} ${line.message} ${json(line.fields ?? {})}`.toLowerCase();

function Line({ line, withPlugin }) {
  const fields = Object.entries(line.fields ?? {}).map(([name, value]) => `${name}=${typeof value === "string" ? value : json(value)}`);
  return html`
    <li class="line">
      <${Time} at=${line.time_ms} />
      <span class=${`badge badge--${TONES[line.level] ?? "neutral"}`}>${line.level}</span>
      ${withPlugin && html`<b>${line.plugin ?? "host"}</b>`}
      <span class="line__text">${line.target && html`<span class="muted">${line.target}: </span>`}${line.message} <span class="muted">${fields.join(" ")}</span></span>
    </li>
  `;
}

let lastKey = 0;
const withKey = (line) => ({ ...line, key: ++lastKey });

/** The newest lines first. */
function useLines({ plugin, severity }) {
  const [lines, setLines] = useState([]);
  const [state, setState] = useState("connecting");
  const [error, setError] = useState(null);
  useEffect(() => {
    const query = { plugin, severity };
    const ended = new AbortController();
    setLines([]);
    setError(null);
    get(withQuery("/api/v1/logs", { ...query, rows: ROWS }), { signal: ended.signal })
      .then((answer) => setLines((live) => [...live, ...answer.lines.reverse().map(withKey)].slice(0, ROWS)))
      .catch((problem) => {
        if (ended.signal.aborted) return;
        noteRefusal(problem);
        setError(problem);
      });
    const stop = follow(withQuery("/api/v1/logs/stream", query), {
      onEvent: (line) => setLines((before) => [withKey(line), ...before].slice(0, ROWS)),
      onState: (next, problem) => {
        setState(next);
        if (problem) noteRefusal(problem);
      },
    });
    return () => {
      ended.abort();
      stop();
    };
  }, [plugin, severity]);
  return { lines, state, error };
}
