// Shows the document of this server. If it needs a token, the page asks for one, and holds it in memory alone.
"use strict";
(() => {
  const access = document.getElementById("access");
  const problem = document.getElementById("problem");
  const input = document.getElementById("token");
  let token = "";

  async function load() {
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    const response = await fetch("/openapi.json", { headers });
    const document = await response.json();
    if (response.ok) {
      show(document);
    } else {
      problem.textContent = document.msg;
      access.hidden = false;
    }
  }

  function show(spec) {
    access.hidden = true;
    const ui = SwaggerUIBundle({
      spec,
      dom_id: "#document",
      deepLinking: true,
      queryConfigEnabled: false,
      validatorUrl: null,
      onComplete: () => {
        if (token) ui.preauthorizeApiKey("token", token);
      },
    });
  }

  access.addEventListener("submit", (event) => {
    event.preventDefault();
    token = input.value.trim();
    load().catch(report);
  });

  function report(error) {
    problem.textContent = `The server does not answer: ${error.message}`;
    access.hidden = false;
  }

  load().catch(report);
})();
