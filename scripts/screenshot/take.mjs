// Opens a page of the Sheets emulator in Chromium and takes a picture of it: node take.mjs URL FILE
// PLAYWRIGHT is the folder of playwright-core, CHROMIUM the browser's program. It fails when the page shows no row,
// or when anything on it was refused or went wrong: then the picture would lie.
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

const { chromium } = createRequire(import.meta.url)(process.env.PLAYWRIGHT);
const [url, file] = process.argv.slice(2);

const profile = await mkdtemp(join(tmpdir(), "formstream-screenshot-"));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM,
  headless: true,
  args: [
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ],
  viewport: { width: 1280, height: 640 },
  colorScheme: "light",
});
try {
  const page = browser.pages()[0] ?? (await browser.newPage());
  const wrong = [];
  page.on("pageerror", (error) => wrong.push(error.message));
  page.on("console", (message) => message.type() === "error" && wrong.push(message.text()));
  const answer = await page.goto(url);
  if (!answer.ok()) throw new Error(`${url} answered ${answer.status()}`);

  const filled = page.locator("#rows td:not(:empty)");
  await filled.first().waitFor({ timeout: 15_000 });
  await page.locator("#rows tr").nth(1).locator("td").nth(1).click();
  await page.locator("td[aria-selected]").waitFor();
  await page.screenshot({ path: file, animations: "disabled" });
  if (wrong.length > 0) throw new Error(`the page has errors:\n${wrong.join("\n")}`);
} finally {
  await browser.close();
  await rm(profile, { recursive: true, force: true });
}
