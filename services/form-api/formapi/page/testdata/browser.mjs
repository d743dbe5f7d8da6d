// Visits the pages of a site in Chromium: node browser.mjs URL. MODULES is a folder with playwright-core and axe-core,
// CHROMIUM the browser. Prints a line of JSON for each scenario: its name, and what went wrong or "".
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(import.meta.url);
const { chromium } = require(join(process.env.MODULES, "playwright-core"));
const axe = await readFile(join(process.env.MODULES, "axe-core", "axe.min.js"), "utf8");
const site = process.argv[2];
const pictures = process.env.SCREENSHOTS;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  headless: true,
  args: [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ],
});

const scenarios = [];
const scenario = (name, options, run) => scenarios.push({ name, options, run });

// perform runs one scenario in a fresh context. Whatever the page complains of, a script that the policy stops or a
// dialog included, is an error.
async function perform({ name, options, run }) {
  const context = await browser.newContext({ locale: "en-GB", viewport: { width: 1024, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const wrong = [];
  page.on("pageerror", (error) => wrong.push(error.message));
  page.on("dialog", (dialog) => wrong.push(`dialog: ${dialog.message()}`) && dialog.dismiss());
  page.on("console", (message) => {
    // Chromium notes each answer that is no success, which is what some scenarios are about.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource: the server responded")) wrong.push(message.text());
  });
  let error = "";
  try {
    await run(page, context);
    assert.deepEqual(wrong, []);
  } catch (cause) {
    error = `${cause.stack}\n${wrong.join("\n")}`;
  }
  await context.close();
  console.log(JSON.stringify({ name, error }));
}

const open = (page, path) => page.goto(site + path);
const posts = async () => (await fetch(site + "/test/posts")).json().then((list) => list ?? []);
const send = (page) => page.getByRole("button", { name: "Send" }).click();
const errorOf = (page, name) => page.locator(`[id="f.${name}.error"]`);
const input = (page, name) => page.locator(`[id="f.${name}"]`);
const focused = (page) => page.evaluate(() => document.activeElement.id);

async function fill(page) {
  await page.getByLabel(/^Full name/).fill("Ada Lovelace");
  await page.getByLabel(/^Email \*/).fill("ada@example.org");
  await page.getByLabel(/^Email again/).fill("ada@example.org");
  await page.getByLabel(/^Phone/).fill("098765 43210");
  await page.getByLabel(/^Home page/).fill("https://example.org/ada");
  await page.getByLabel(/^Age/).fill("27");
  await page.getByLabel(/^Height in metres/).fill("1.65");
  await page.getByLabel(/^Geometry/).check();
  await page.getByLabel(/^Meal/).selectOption("Vegan");
  await page.getByLabel(/^Rings/).check();
  await page.getByLabel(/^Fields/).check();
  await page.getByLabel(/^Arrival/).fill("2027-06-01");
  await page.getByLabel(/^Wake-up call/).fill("06:30");
  await page.getByLabel(/^Call me at/).fill("2027-05-01T10:00");
  await page.getByLabel(/^Yes/).check();
  await page.getByLabel(/^Message/).fill("The Engine weaves\nalgebraic patterns.");
  await page.getByLabel(/^I agree to the terms/).check();
}

async function accessible(page) {
  await page.evaluate(axe);
  const { violations, incomplete } = await page.evaluate(() => axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
  }));
  const tell = (list) => list.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => n.html + " " + n.failureSummary).join("; ")}`);
  assert.deepEqual(tell(violations), []);
  assert.deepEqual(tell(incomplete.filter((v) => v.id === "color-contrast")), [], "a contrast that could not be computed");
}

async function fits(page) {
  const { wide, inner } = await page.evaluate(() => ({ wide: document.documentElement.scrollWidth, inner: window.innerWidth }));
  assert.ok(wide <= inner, `the page is ${wide} wide on a screen of ${inner}`);
}

scenario("nothing is answered: told beside the fields, nothing sent, the first takes the focus", {}, async (page) => {
  await open(page, "/forms/survey");
  await posts();
  await send(page);
  for (const name of ["name", "email", "course", "topics", "first", "terms"]) {
    await errorOf(page, name).waitFor();
    assert.notEqual(await errorOf(page, name).textContent(), "");
  }
  assert.equal(await errorOf(page, "age").isVisible(), false);
  assert.equal(await focused(page), "f.name");
  assert.equal(await input(page, "name").getAttribute("aria-invalid"), "true");
  assert.equal(await page.locator("[data-field=course]").getAttribute("aria-invalid"), "true");
  assert.equal(await page.locator("#summary li").count(), 6);
  assert.deepEqual(await posts(), []);

  await page.locator("#summary a").nth(1).click();
  assert.equal(await focused(page), "f.email");
  await page.getByLabel(/^Email \*/).fill("ada@example.org");
  await errorOf(page, "email").waitFor({ state: "hidden" });
  assert.equal(await input(page, "email").getAttribute("aria-invalid"), null);
});

scenario("a wrong answer is told when it is left", {}, async (page) => {
  await open(page, "/forms/survey");
  for (const [name, wrong, right] of [
    ["name", " A ", "Ada"], ["email", "ada", "ada@x"], ["age", "12", "16"], ["height", "0", "0.1"], ["message", "m".repeat(201), "m".repeat(200)],
    ["arrival", "2027-07-01", "2027-06-30"], ["wake", "05:59", "06:00"], ["call", "2027-06-01T18:01", "2027-06-01T18:00"],
  ]) {
    await input(page, name).fill(wrong);
    await input(page, name).blur();
    await errorOf(page, name).waitFor();
    assert.match(await errorOf(page, name).textContent(), /^[A-Z]/);
    await input(page, name).fill(right);
    await errorOf(page, name).waitFor({ state: "hidden" });
  }
  await input(page, "age").fill("");
  await input(page, "age").focus();
  await page.keyboard.type("1e"); // which leaves the value empty, and is no answer left out
  await input(page, "age").blur();
  await errorOf(page, "age").getByText("whole number").waitFor();
});

scenario("what the server takes, the page does not refuse", {}, async (page) => {
  await open(page, "/forms/survey");
  await fill(page);
  await page.getByLabel(/^Full name/).fill(`  ${"😀".repeat(40)}  `); // 40 characters, 80 units of UTF-16
  await page.getByLabel(/^Message/).fill("a" + " ".repeat(300) + "b");
  await page.getByLabel(/^Email \*/).fill("ada@bücher.example");
  await page.getByLabel(/^Email again/).fill("");
  await send(page);
  await page.waitForURL(/thanks/);
});

scenario("what only the server knows is told as well, and values are kept", {}, async (page) => {
  await open(page, "/forms/survey");
  await fill(page);
  await page.getByLabel(/^Email again/).fill("eve@example.org");
  await page.getByLabel(/^Phone/).fill("12345");
  await posts();
  await send(page);
  await errorOf(page, "email2").waitFor();
  await errorOf(page, "phone").waitFor();
  assert.equal(await focused(page), "f.email2");
  assert.equal(await page.getByLabel(/^Full name/).inputValue(), "Ada Lovelace");
  await page.getByLabel(/^Email again/).fill("ada@example.org");
  await page.getByLabel(/^Phone/).fill("+91 98765 43210");
  await send(page);
  await page.waitForURL(/thanks/);
  const [first, second] = await posts();
  assert.notEqual(first.key, second.key, "other answers are another submission");
});

scenario("right answers: one submission with a key, thanks, and the receipt", {}, async (page) => {
  await open(page, "/forms/survey");
  await fill(page);
  await posts();
  await send(page);
  await page.waitForURL(/\/forms\/survey\/thanks\?receipt=r-1$/);
  const all = await posts();
  assert.equal(all.length, 1);
  assert.match(all[0].key, /^key-\d+$/);
  assert.deepEqual(all[0].steering, { _started: "started", _website: "" });
  assert.deepEqual(all[0].raw.topics, ["Rings", "Fields"]);
  assert.equal(all[0].raw.source, "poster");
  assert.equal(all[0].raw.news, undefined, "a box that is not ticked is no answer");
  await page.getByRole("link", { name: "See what becomes of them" }).click();
  await page.getByText("0198c1d2").waitFor();
  assert.match(await page.locator("[aria-current=step]").textContent(), /ready to be delivered/);
});

scenario("the server is busy: sent again with the same key until it is taken", {}, async (page) => {
  await open(page, "/forms/survey");
  await fill(page);
  await posts();
  await fetch(site + "/test/busy", { method: "POST", body: new URLSearchParams({ times: 2 }) });
  await send(page);
  await page.waitForURL(/thanks/);
  const all = await posts();
  assert.equal(all.length, 3);
  assert.equal(new Set(all.map((p) => p.key)).size, 1);
});

scenario("no network: the answers stay, and can be sent later with the same key", {}, async (page, context) => {
  await open(page, "/forms/survey");
  await fill(page);
  await posts();
  const key = await page.locator("input[name=_key]").inputValue();
  await page.route("**/forms/survey", (route) => route.abort());
  page.removeAllListeners("console"); // Chromium notes each try
  await send(page);
  await page.getByRole("alert").getByText("could not be sent").waitFor();
  assert.equal(await page.getByLabel(/^Full name/).inputValue(), "Ada Lovelace");
  assert.equal(await focused(page), "summary");
  await page.unroute("**/forms/survey");
  await send(page);
  await page.waitForURL(/thanks/);
  assert.equal((await posts())[0].key, key);
});

scenario("without JavaScript: wrong, then right", { javaScriptEnabled: false }, async (page) => {
  await open(page, "/forms/survey");
  await fill(page);
  await page.getByLabel(/^Email again/).fill("eve@example.org");
  await page.getByLabel(/^Message/).fill("\nbegins with a line break");
  await posts();
  await send(page);
  await errorOf(page, "email2").waitFor();
  assert.match(await page.title(), /^Error: /);
  assert.equal(await focused(page), "f.email2");
  assert.equal(await input(page, "email2").getAttribute("aria-describedby"), "f.email2.error");
  assert.equal(await page.locator("#summary li").count(), 1);
  assert.equal(await page.locator("#summary a").getAttribute("href"), "#f.email2");
  assert.equal(await page.getByLabel(/^Full name/).inputValue(), "Ada Lovelace");
  assert.equal(await page.getByLabel(/^Geometry/).isChecked(), true);
  assert.equal(await page.getByLabel(/^Rings/).isChecked(), true);
  assert.equal(await page.getByLabel(/^Groups/).isChecked(), false);
  assert.equal(await page.getByLabel(/^Meal/).inputValue(), "Vegan");
  assert.equal(await page.getByLabel(/^I agree to the terms/).isChecked(), true);
  assert.equal(await page.getByLabel(/^Send me the news/).isChecked(), false);
  assert.equal(await page.getByLabel(/^Message/).inputValue(), "\nbegins with a line break");
  await page.getByLabel(/^Email again/).fill("ada@example.org");
  await send(page);
  await page.waitForURL(/thanks\?receipt=r-1$/);
  const all = await posts();
  assert.equal(all.length, 2);
  assert.match(all[1].steering._key, /^key-\d+$/);
  assert.equal(all[1].key, "");
});

scenario("without JavaScript: a busy server gives the form back", { javaScriptEnabled: false }, async (page) => {
  await open(page, "/forms/survey");
  await fill(page);
  await fetch(site + "/test/busy", { method: "POST", body: new URLSearchParams({ times: 1 }) });
  await send(page);
  await page.getByRole("alert").getByText("There is a rush").waitFor();
  assert.equal(await focused(page), "summary");
  assert.equal(await page.getByLabel(/^Full name/).inputValue(), "Ada Lovelace");
  await send(page);
  await page.waitForURL(/thanks/);
});

for (const width of [320, 360]) {
  scenario(`a phone of ${width} pixels: nothing is cut off`, { viewport: { width, height: 740 }, isMobile: true, hasTouch: true }, async (page) => {
    for (const path of ["/forms/survey", "/forms/hostile", "/receipts/r-1", "/forms/survey/thanks?receipt=r-1", "/problems/busy"]) {
      await open(page, path);
      await fits(page);
    }
    await open(page, "/forms/survey");
    await send(page);
    await errorOf(page, "name").waitFor();
    await fits(page);
    for (const target of await page.locator("button, input:not([type=hidden], .trap input), select, textarea").all()) {
      const box = await target.boundingBox();
      assert.ok(box.height >= 24 && box.width >= 24, "too small for a finger: " + (await target.getAttribute("id")));
    }
  });
}

scenario("the keyboard is enough", {}, async (page) => {
  await open(page, "/forms/survey");
  await posts();
  const tab = () => page.keyboard.press("Tab");
  const type = async (id, text) => {
    await tab();
    assert.equal(await focused(page), `f.${id}`);
    await page.keyboard.type(text);
  };
  await type("name", "Ada Lovelace");
  await type("email", "ada@example.org");
  await type("email2", "");
  await type("phone", "");
  await type("homepage", "");
  await type("age", "27");
  await type("height", "");
  await type("course", " ");
  await type("meal", "Veg");
  await type("topics", " ");
  await tab();
  await page.keyboard.press("Space");
  for (let i = 0; i < 30 && (await focused(page)) !== "f.first"; i++) await tab(); // a date has several stops
  assert.equal(await focused(page), "f.first");
  await page.keyboard.press("Space");
  await tab(); // news
  await type("message", "");
  await type("terms", " ");
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.equal(outline, "solid", "where the focus is must be seen");
  await tab();
  await page.keyboard.press("Enter");
  await page.waitForURL(/thanks/);
  const [{ raw }] = await posts();
  assert.equal(raw.course, "a");
  assert.deepEqual(raw.topics, ["Groups", "Rings"]);
});

for (const colorScheme of ["light", "dark"]) {
  scenario(`accessible, ${colorScheme}`, { colorScheme }, async (page) => {
    for (const path of ["/forms/survey", "/forms/hostile", "/forms/german", "/forms/open", "/forms/survey/thanks?receipt=r-1", "/receipts/r-1", "/problems/busy", "/forms/none"]) {
      await open(page, path);
      await accessible(page);
    }
    await open(page, "/forms/survey");
    await send(page);
    await errorOf(page, "name").waitFor();
    await accessible(page);
    const [red] = (await page.evaluate(() => getComputedStyle(document.body).backgroundColor)).match(/\d+/g).map(Number);
    assert.ok(colorScheme === "dark" ? red < 64 : red > 192, "the background's red is " + red);
  });
}

scenario("accessible as the server tells of errors", { colorScheme: "light" }, async (page, context) => {
  await open(page, "/forms/survey");
  await page.evaluate(() => {
    const form = document.querySelector("form");
    form.setAttribute("novalidate", "");
    HTMLFormElement.prototype.submit.call(form);
  });
  await page.locator("#summary a").first().waitFor();
  assert.equal(await focused(page), "f.name");
  await accessible(page);
});

for (const javaScriptEnabled of [true, false]) {
  scenario(`a hostile definition and visitor are text, JavaScript ${javaScriptEnabled}`, { javaScriptEnabled }, async (page) => {
    await open(page, "/forms/hostile");
    assert.equal(await page.locator("h1").textContent(), "</title><script>alert('title')</script>");
    const evil = `"><script>alert(1)</script><img src=x onerror=alert(2)>`;
    await posts();
    await input(page, "submit").fill(evil);
    await input(page, "elements").fill(`</textarea>${evil}`);
    await input(page, "dataset").selectOption(`" onclick="alert(1)`);
    await input(page, "action").fill(javaScriptEnabled ? "x" : " ");
    await send(page);
    if (!javaScriptEnabled) {
      await errorOf(page, "action").getByText(/./).waitFor();
      assert.equal(await input(page, "submit").inputValue(), evil);
      assert.equal(await input(page, "elements").inputValue(), `</textarea>${evil}`);
      assert.equal(await input(page, "dataset").inputValue(), `" onclick="alert(1)`);
      await input(page, "action").fill("x");
      await send(page);
    }
    await page.waitForURL(/thanks/);
    const all = await posts();
    assert.equal(all.at(-1).key === "", !javaScriptEnabled, "fields named like the form's own members do not stop the script");
  });
}

scenario("the visitor's language around the form's", { locale: "es-ES" }, async (page) => {
  await open(page, "/forms/german");
  assert.equal(await page.locator("html").getAttribute("lang"), "de");
  const button = page.getByRole("button", { name: "Enviar" });
  assert.equal(await button.getAttribute("lang"), "es");
  await button.click();
  await errorOf(page, "name").getByText("Wie heißen Sie?").waitFor();
});

scenario("a redirect to another site", {}, async (page) => {
  await page.route("https://example.org/**", (route) => route.fulfill({ contentType: "text/html", body: "<title>Danke</title>" }));
  await open(page, "/forms/german");
  await page.getByLabel(/^Name/).fill("Ada");
  await send(page);
  await page.waitForURL("https://example.org/danke");
});

scenario("a redirect to another site, without JavaScript", { javaScriptEnabled: false }, async (page) => {
  await page.route("https://example.org/**", (route) => route.fulfill({ contentType: "text/html", body: "<title>Danke</title>" }));
  await open(page, "/forms/german");
  await page.getByLabel(/^Name/).fill("Ada");
  await send(page);
  await page.waitForURL("https://example.org/danke");
});

// The providers' scripts are played: what matters here is that the policy lets them in, and where their answer goes.
for (const { form, source, field, script } of [
  { form: "turnstile", source: "https://challenges.cloudflare.com/turnstile/v0/api.js", field: "cf-turnstile-response" },
  { form: "hcaptcha", source: "https://js.hcaptcha.com/1/api.js*", field: "h-captcha-response" },
  { form: "recaptcha", source: "https://www.google.com/recaptcha/api.js*", field: "g-recaptcha-response" },
  {
    form: "score", source: "https://www.google.com/recaptcha/api.js?*render=public-key", field: "g-recaptcha-response",
    script: `window.grecaptcha = { ready: (f) => f(), execute: (key) => Promise.resolve("solved-" + key) }`,
  },
]) {
  scenario(`captcha of ${form}`, {}, async (page) => {
    const played = script ?? `for (const slot of document.querySelectorAll("[data-sitekey]")) {
      slot.innerHTML = '<input type="hidden" name="${field}">';
      slot.firstChild.value = "solved-" + slot.dataset.sitekey;
    }`;
    await page.route(source, (route) => route.fulfill({ contentType: "text/javascript", body: played + "; window.loaded = true" }));
    await open(page, `/forms/${form}`);
    await page.waitForFunction(() => window.loaded);
    await page.getByLabel(/^Name/).fill("Ada");
    await posts();
    await send(page);
    await page.waitForURL(/thanks/);
    assert.equal((await posts())[0].steering[field], "solved-public-key");
    assert.ok(!(await page.content()).includes("not-shown"));
  });
}

// The pictures of the documentation.
for (const [name, options, prepare] of [
  ["light", {}, fill],
  ["dark", { colorScheme: "dark" }, fill],
  ["phone", { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, isMobile: true }, async () => {}],
  ["errors", {}, async (page) => {
    await page.getByLabel(/^Email \*/).fill("ada@example");
    await send(page);
    await errorOf(page, "name").waitFor();
  }],
]) {
  if (!pictures) continue;
  scenario(`picture: ${name}`, { viewport: { width: 800, height: 900 }, ...options }, async (page) => {
    await open(page, "/forms/survey");
    await prepare(page);
    await page.evaluate(() => scrollTo(0, 0));
    await page.screenshot({ path: join(pictures, `form-${name}.png`), animations: "disabled", caret: "hide" });
  });
}

for (const each of scenarios) if (!pictures || each.name.startsWith("picture: ")) await perform(each);
await browser.close();
