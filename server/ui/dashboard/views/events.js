// Events as they happen, and one that is published by hand.

import { follow } from "../../lib/events.js";
import { post, withQuery } from "../../lib/http.js";
import { html, useEffect, useId, useState } from "../../lib/view.js";
import { count, json } from "../format.js";
import { Code, Heading, Time } from "../parts.js";
import { useChange } from "../resource.js";
import { may, noteRefusal } from "../session.js";
import { Live } from "./logs.js";

/** The number of events that are shown. */
const SHOWN = 200;

export const EventsView = () => html`<${Heading} title="Events" />${may("call") && html`<${Publish} />`}<${EventList} />`;

/** The events that a plugin publishes and those under its name, or all. `topics` are followed until others are typed. */
export function EventList({ source, topics = "" }) {
  const id = useId();
  const [topic, setTopic] = useState(topics);
  const [asked, setAsked] = useState(topics);
  const { events, missed, state, error } = useEvents(asked);
  const shown = source === undefined ? events : events.filter((event) => event.source === source || event.name.startsWith(`${source}.`));
  const submitted = (event) => {
    event.preventDefault();
    setAsked(topic.trim());
  };
  return html`
    <form class="filters" onSubmit=${submitted}>
      <div class="field">
        <label class="field__label" for=${id}>Topic or pattern</label>
        <input id=${id} class="input" value=${topic} placeholder="order.*" onInput=${(event) => setTopic(event.target.value)} />
      </div>
      <button type="submit" class="button button--secondary">Follow</button>
      <${Live} state=${state} />
    </form>
    ${error && html`<div class="notice notice--error" role="alert">${error.message}</div>`}
    ${missed > 0 && html`<div class="notice notice--warning" role="status">${count(missed)} events were missed.</div>`}
    ${shown.length === 0
      ? html`<p class="state">No events since this view was opened.</p>`
      : html`<div class="lines" tabindex="0" role="log" aria-label="Events, the newest first" aria-live="off">
          <ol>${shown.map((event) => html`<${EventItem} key=${event.id} event=${event} />`)}</ol>
        </div>`}
  `;
}

const EventItem = ({ event }) => html`
  <li class="line">
    <${Time} at=${event.timestamp_ms} />
    <b>${event.name}</b>
    <span class="muted">${event.source}</span>
    <code class="line__text">${json(event.data)}</code>
  </li>
`;

function useEvents(topic) {
  const [events, setEvents] = useState([]);
  const [missed, setMissed] = useState(0);
  const [state, setState] = useState("connecting");
  const [error, setError] = useState(null);
  useEffect(() => {
    setEvents([]);
    setMissed(0);
    setError(null);
    return follow(withQuery("/api/v1/events/stream", { topic }), {
      onEvent: (event) => setEvents((before) => [event, ...before].slice(0, SHOWN)),
      onMissed: (number) => setMissed((before) => before + (number ?? 1)),
      onState: (next, problem) => {
        setState(next);
        if (!problem) return;
        noteRefusal(problem);
        setError(problem);
      },
    });
  }, [topic]);
  return { events, missed, state, error };
}

function Publish() {
  const id = useId();
  const [topic, setTopic] = useState("");
  const [data, setData] = useState("");
  const [problem, setProblem] = useState(null);
  const [answer, setAnswer] = useState(null);
  const [isBusy, run] = useChange();
  async function publish(event) {
    event.preventDefault();
    setProblem(null);
    let value = null;
    try {
      if (data.trim() !== "") value = JSON.parse(data);
    } catch {
      setProblem("The data is not valid JSON.");
      return;
    }
    const result = await run(() => post("/api/v1/events", { topic: topic.trim(), data: value, wait: true }), "The event is published.");
    if (result) setAnswer(result);
  }
  return html`
    <details class="details">
      <summary>Publish an event</summary>
      <form class="form narrow" onSubmit=${publish}>
        <div class="field">
          <label class="field__label" for=${`${id}-topic`}>Topic</label>
          <input id=${`${id}-topic`} class="input" required value=${topic} onInput=${(event) => setTopic(event.target.value)} />
        </div>
        <div class="field">
          <label class="field__label" for=${`${id}-data`}>Data as JSON</label>
          <textarea id=${`${id}-data`} class="textarea mono" rows="3" spellcheck="false" value=${data}
            aria-invalid=${problem ? "true" : undefined} aria-describedby=${problem ? `${id}-problem` : undefined}
            onInput=${(event) => setData(event.target.value)}></textarea>
          ${problem && html`<span class="field__error" id=${`${id}-problem`}>${problem}</span>`}
        </div>
        <div class="form__buttons"><button type="submit" class="button button--primary" disabled=${isBusy}>Publish</button></div>
      </form>
      ${answer && html`<${Code} text=${json(answer)} label="Outcome of the event" />`}
    </details>
  `;
}
