// Checks answers while they are given, and sends them without leaving the page. The page works without it.
// It asks the form element itself for nothing: fields named "action" or "submit" would answer in its place.
(() => {
  "use strict";
  const form = document.querySelector("form");
  const main = document.querySelector("main");
  const summary = document.getElementById("summary");
  const status = document.getElementById("status");
  const button = document.querySelector("button[type=submit]");
  const fields = [...document.querySelectorAll("[data-field]")];
  const heading = summary.querySelector("h2");
  if (!window.fetch || !window.URLSearchParams || !form) return;
  Element.prototype.setAttribute.call(form, "novalidate", "");

  const controls = (field) => [...field.querySelectorAll("input, select, textarea")];
  const label = (field) => field.querySelector("legend, label").firstChild.textContent.trim();

  // answers are a field's, tidied much as the server does.
  function answers(field) {
    const space = field.dataset.type === "multiline" ? /[^\S\n]+/g : /\s+/g;
    return controls(field)
      .filter((c) => (c.type !== "radio" && c.type !== "checkbox") || c.checked)
      .map((c) => c.value.normalize("NFC").replace(/\p{Cf}/gu, "").replace(space, " ").trim())
      .filter((text) => text !== "");
  }

  // moment makes dates and times, to the minute, numbers that can be compared.
  const moment = (text) => (/^(\d{4}-\d\d-\d\d)?T?(\d\d:\d\d)?$/.test(text) ? Number(text.replace(/[-T:]/g, "")) : NaN);

  // measure is what a field's sizes are about: how many are chosen, how much, when, or how long. NaN is within every bound.
  function measure(field, given) {
    switch (field.dataset.type) {
      case "choices": return given.length;
      case "integer": case "number": return Number(given[0]);
      case "date": case "time": case "datetime": return moment(given[0]);
      default: return given[0].includes("<") ? NaN : [...given[0]].length; // the server takes elements out first
    }
  }

  // breaks tells whether the answers are wrong for sure. What is in doubt the server decides.
  function breaks(check, field, given) {
    if (check.rule === "type" && controls(field).some((c) => c.validity.badInput)) return true;
    if (given.length === 0) return check.rule === "required" && !controls(field).some((c) => c.validity.badInput);
    const size = measure(field, given);
    const bound = ["date", "time", "datetime"].includes(field.dataset.type) ? moment(check.param || "") : Number(check.param);
    switch (check.rule) {
      case "email": return !/^[^\s@]+@[^\s@]+$/.test(given[0]);
      case "type": return field.dataset.type === "integer" && !Number.isInteger(size);
      case "min": case "gte": return size < bound;
      case "gt": return size <= bound;
      case "max": case "lte": return size > bound;
      case "lt": return size >= bound;
      case "len": return size !== bound && !Number.isNaN(size);
    }
    return false;
  }

  function fault(field) {
    const given = answers(field);
    const broken = JSON.parse(field.dataset.checks).find((check) => breaks(check, field, given));
    return broken ? broken.text : "";
  }

  function mark(field, text) {
    const error = field.querySelector(".error");
    error.textContent = text;
    error.hidden = text === "";
    const bearers = field.getAttribute("role") === "radiogroup" ? [field] : controls(field);
    for (const bearer of bearers) {
      if (text) bearer.setAttribute("aria-invalid", "true");
      else bearer.removeAttribute("aria-invalid");
    }
  }

  // show says what is wrong: beside the fields, and at the top with links to them.
  function show(title, text, wrong, others) {
    const paragraph = summary.querySelector("p");
    const list = summary.querySelector("ul");
    heading.textContent = title;
    paragraph.textContent = text;
    paragraph.hidden = text === "";
    list.replaceChildren();
    for (const field of fields) mark(field, wrong.get(field) || "");
    for (const [field, fieldText] of wrong) {
      const link = document.createElement("a");
      link.href = "#" + controls(field)[0].id;
      link.textContent = label(field) + ": " + fieldText;
      list.appendChild(document.createElement("li")).appendChild(link);
    }
    for (const other of others) list.appendChild(document.createElement("li")).textContent = other;
    summary.hidden = false;
    status.textContent = "";
    const first = wrong.keys().next().value;
    (first ? controls(first)[0] : summary).focus();
  }

  function clear() {
    summary.hidden = true;
    for (const field of fields) mark(field, "");
  }

  // A field is checked when it is left with another answer, and while it is wrong at each key.
  const fieldOf = (event) => event.target.closest && event.target.closest("[data-field]");
  document.addEventListener("change", (event) => {
    const field = fieldOf(event);
    if (field) mark(field, fault(field));
  });
  document.addEventListener("input", (event) => {
    const field = fieldOf(event);
    if (field && !field.querySelector(".error").hidden && !fault(field)) mark(field, "");
  });
  // A link of the summary goes to its field even where fragments only scroll.
  summary.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    const target = link && document.getElementById(link.hash.slice(1));
    if (!target) return;
    event.preventDefault();
    target.focus();
  });

  // keyFor is the same for the same answers, and another one for others.
  const keyInput = document.querySelector("input[name=_key]");
  let sent = "";
  function keyFor(body) {
    if (sent !== "" && body !== sent) {
      const random = crypto.getRandomValues(new Uint8Array(16));
      keyInput.value = [...random].map((b) => b.toString(16).padStart(2, "0")).join("");
    }
    sent = body;
    return keyInput.value;
  }

  const captcha = document.querySelector(".captcha");

  // post sends the answers, again where there is none or the server is busy: the key makes that safe. A puzzle's solution
  // holds only once, so then nothing is sent again. It returns null when it gives up.
  async function post(body, key) {
    for (let left = captcha || main.dataset.scoreKey ? 0 : 2; ; left--) {
      let wait = 2;
      try {
        const answer = await fetch(main.dataset.action, {
          method: "POST", body: new URLSearchParams(body), credentials: "same-origin",
          headers: { Accept: "application/json", "Idempotency-Key": key },
          signal: AbortSignal.timeout ? AbortSignal.timeout(20000) : undefined,
        });
        if (answer.status !== 503 && answer.status !== 429) return answer;
        wait = Number(answer.headers.get("Retry-After")) || wait;
        if (wait > 10) return answer;
      } catch {
        // no network, or no answer in time
      }
      if (left <= 0) return null;
      status.textContent = main.dataset.retrying;
      await new Promise((resolve) => setTimeout(resolve, wait * 1000));
    }
  }

  // score asks reCAPTCHA's third version, which shows no puzzle.
  function score() {
    return new Promise((resolve, reject) => {
      if (!window.grecaptcha) return reject(new Error("reCAPTCHA has not loaded"));
      window.grecaptcha.ready(() => {
        window.grecaptcha.execute(main.dataset.scoreKey, { action: "submit" }).then((token) => {
          document.querySelector("input[name=g-recaptcha-response]").value = token;
          resolve();
        }, reject);
      });
    });
  }

  function resetCaptcha() {
    const widget = captcha && (window.turnstile || window.hcaptcha || window.grecaptcha);
    if (widget) widget.reset();
  }

  async function submit() {
    if (main.dataset.scoreKey) await score();
    const data = new URLSearchParams(new FormData(form));
    data.delete("_key");
    const body = data.toString();
    const answer = await post(body, keyFor(body));
    if (!answer) return show(main.dataset.unsent, "", new Map(), []);
    if (answer.ok) {
      const { receipt } = await answer.json();
      const { done } = main.dataset;
      location.assign(done.startsWith("/") ? done.replace("{receipt}", encodeURIComponent(receipt)) : done); // never to another site
      return;
    }
    const problem = answer.status === 422 ? await answer.json() : {};
    if (!Array.isArray(problem.errors)) return HTMLFormElement.prototype.submit.call(form); // the server's page says it
    const wrong = new Map();
    const others = [];
    for (const error of problem.errors) {
      const field = fields.find((f) => f.dataset.field === error.field);
      if (field) wrong.set(field, error.message.charAt(0).toUpperCase() + error.message.slice(1));
      else others.push(error.field && !error.field.startsWith("_") ? error.field + ": " + error.message : error.message);
    }
    show(main.dataset.summary, "", wrong, others);
    resetCaptcha();
  }

  let busy = false;
  document.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (busy) return;
    const wrong = new Map(fields.map((field) => [field, fault(field)]).filter(([, text]) => text));
    if (wrong.size > 0) return show(main.dataset.summary, "", wrong, []);
    clear();
    busy = true;
    button.setAttribute("aria-disabled", "true");
    status.textContent = main.dataset.sending;
    try {
      await submit();
    } catch {
      show(main.dataset.unsent, "", new Map(), []);
      resetCaptcha();
    } finally {
      busy = false;
      button.removeAttribute("aria-disabled");
      status.textContent = "";
    }
  });
})();
