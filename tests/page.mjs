// What a browser makes of report.html: headless Chromium opens the pages of a clean run, of one with every outcome, of one
// that was cut off, the trend of several, and those that the tests of the crate left: light and wide, dark and at 390 px, and as paper.
//
//   node tests/page.mjs --binary PATH --modules NODE_MODULES [--pages DIR] [--shots DIR]
//
// Expected of each: no finding of axe-core of any impact, a scope on every table header, a caption on every table, title and
// description on every drawing, no script, no request but for the page itself, no word on the console, no horizontal scroll, a
// PDF that says what the verdict is on every page. Then pages that are broken on purpose must be found broken. Exits 1 with
// every difference. --shots keeps pictures for people to look at.

import { execFileSync, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

const { values: given } = parseArgs({
  options: {
    binary: { type: "string" },
    modules: { type: "string" },
    pages: { type: "string" },
    shots: { type: "string" },
  },
});
const require = createRequire(path.resolve(given.modules, "from-here.js"));
const puppeteer = require("puppeteer-core");
const axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const root = path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), "..");

// How the page is looked at. Colours do not depend on the width, so that one look has both dark and narrow.
const views = [
  { name: "light", width: 1280, scheme: "light", media: "screen" },
  { name: "dark-390", width: 390, scheme: "dark", media: "screen" },
  { name: "print", width: 1000, scheme: "light", media: "print" },
];
// For people who look at the pictures.
const more = [
  { name: "dark", width: 1280, scheme: "dark", media: "screen" },
  { name: "light-390", width: 390, scheme: "light", media: "screen" },
];

const work = fs.mkdtempSync(path.join(os.tmpdir(), "bridgebook-page-"));
process.on("exit", () => fs.rmSync(work, { recursive: true, force: true }));

/** Runs bridgebook, which must exit with one of these codes. */
function bridgebook(codes, ...args) {
  const ended = spawnSync(given.binary, args, { cwd: root, encoding: "utf8" });
  if (!codes.includes(ended.status)) {
    throw new Error(`bridgebook ${args.join(" ")} exited with ${ended.status}\n${ended.stdout}${ended.stderr}`);
  }
  return ended.stdout;
}

/** The directory of a rehearsal. */
function rehearse(codes, runbook, ...more) {
  const out = bridgebook(codes, "run", runbook, "--sandbox", "--no-progress", "--out", path.join(work, "runs"), ...more);
  return path.dirname(out.match(/^report +(.+)$/m)[1]);
}

/** Pages by name. */
function pages() {
  const found = new Map();
  const clean = rehearse([0], "runbooks/quickstart.yaml");
  found.set("clean", path.join(clean, "report.html"));
  const every = rehearse(
    [10, 11],
    "tests/page/every-outcome.yaml",
    "--sandbox-script",
    "tests/page/every-outcome.sandbox.yaml",
  );
  found.set("every-outcome", path.join(every, "report.html"));
  // What a crash leaves: the beginning of the audit file and nothing else.
  const cut = path.join(work, "cut");
  fs.mkdirSync(cut);
  const lines = fs.readFileSync(path.join(every, "audit.jsonl"), "utf8").split("\n");
  fs.writeFileSync(path.join(cut, "audit.jsonl"), lines.slice(0, Math.floor(lines.length / 2)).join("\n") + "\n");
  spawnSync(given.binary, ["report", cut], { cwd: root });
  found.set("cut-off", path.join(cut, "report.html"));
  // Of two runbooks, one of them twice.
  const trend = path.join(work, "trend");
  bridgebook([0], "report", clean, rehearse([0], "runbooks/quickstart.yaml"), every, "--to", trend);
  found.set("trend", path.join(trend, "trend.html"));
  for (const name of given.pages ? fs.readdirSync(given.pages).sort() : []) {
    found.set(path.basename(name, ".html"), path.resolve(given.pages, name));
  }
  if (given.pages && found.size === 4) {
    throw new Error(`there is no page in ${given.pages}: the tests of the crate leave some there`);
  }
  return found;
}

/** What the page says of itself that axe-core does not ask. Runs in the browser. */
function own() {
  const wrong = [];
  const all = (query) => [...document.querySelectorAll(query)];
  const need = (holds, words) => holds || wrong.push(words);
  need(all("h1").length === 1, `${all("h1").length} h1`);
  need(all("main").length === 1, `${all("main").length} main`);
  need(all("script").length === 0, "a script");
  // The trend of several runs has no verdict of its own.
  if (!document.title.startsWith("Trend: ")) {
    const word = document.querySelector(".badge b")?.textContent;
    need(["PASSED", "FAILED", "INCOMPLETE"].includes(word), `verdict ${word}`);
    need(document.title.startsWith(`${word}: `), `title ${document.title}`);
    need((word === "INCOMPLETE") === all(".stuck").length > 0, "INCOMPLETE can be overlooked");
  }
  for (const table of all("table")) {
    need(table.querySelector("caption")?.textContent, `a table without a caption: ${table.outerHTML.slice(0, 80)}`);
    const box = table.closest("[tabindex='0'][aria-label]");
    need(box, `a table that cannot be scrolled to: ${table.outerHTML.slice(0, 80)}`);
  }
  for (const header of all("th")) need(header.scope, `a header without a scope: ${header.textContent}`);
  for (const svg of all("svg")) {
    const named = (attribute) => document.getElementById(svg.getAttribute(attribute))?.textContent;
    need(svg.getAttribute("role") === "img", "a drawing that is no image");
    need(named("aria-labelledby") && named("aria-describedby"), `a drawing without words: ${svg.outerHTML.slice(0, 80)}`);
  }
  for (const link of all("a")) need(document.querySelector(link.getAttribute("href")), `a dead link: ${link.outerHTML}`);
  const over = document.documentElement.scrollWidth - window.innerWidth;
  need(over <= 0, `${over} px wider than the window`);
  return wrong;
}

/** Everything that is wrong with a page in a view. */
async function look(browser, file, view) {
  const page = await browser.newPage();
  const wrong = [];
  try {
    page.on("console", (message) => wrong.push(`console: ${message.text()}`));
    page.on("pageerror", (error) => wrong.push(`error: ${error.message}`));
    const address = pathToFileURL(file).href;
    page.on("request", (request) => request.url() === address || wrong.push(`request: ${request.url()}`));
    await page.setViewport({ width: view.width, height: 900 });
    await page.emulateMediaType(view.media);
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: view.scheme }]);
    await page.goto(address, { waitUntil: "load" });
    wrong.push(...(await page.evaluate(own)));
    // What a closed box holds is looked at as well; on paper there is none.
    if (view.media === "screen") await page.evaluate(() => document.querySelectorAll("details").forEach((box) => (box.open = true)));
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"], preload: false }));
    for (const { id, impact, help, nodes } of violations) {
      const where = nodes.slice(0, 3).map((node) => `${node.target} ${node.any[0]?.message ?? ""}`);
      wrong.push(`axe: ${id} (${impact}): ${help}; ${nodes.length} times: ${where.join(" | ")}`);
    }
    return { wrong, page };
  } catch (error) {
    await page.close();
    throw error;
  }
}

/** What is wrong with the page on paper. */
async function print(page, name, verdict) {
  const file = path.join(given.shots ?? work, `${name}.pdf`);
  await page.pdf({ path: file, format: "A4", preferCSSPageSize: true, printBackground: true });
  const sheets = execFileSync("pdftotext", ["-layout", file, "-"], { encoding: "utf8" }).split("\f").slice(0, -1);
  const wrong = sheets.flatMap((sheet, at) => (sheet.includes(verdict) ? [] : [`paper: no ${verdict} on page ${at + 1}`]));
  const all = sheets.join("\n");
  for (const words of ["Sign-off", "Signature", "Settings in effect", `page 1 of ${sheets.length}`]) {
    if (!all.includes(words)) wrong.push(`paper: no "${words}" in ${sheets.length} pages`);
  }
  return wrong;
}

/** Ways to break a page, and what must then be said. */
const breaks = [
  ["a grey that cannot be read", (html) => html.replaceAll("--soft: #55606b", "--soft: #c4c9cf"), "color-contrast"],
  ["a header without a scope", (html) => html.replace(' scope="col"', ""), "a header without a scope"],
  ["an inline script", (html) => html.replace("</main>", "<script>document.title = 'x'</script></main>"), "console: "],
  ["a picture from elsewhere", (html) => html.replace("</main>", '<img alt="x" src="https://example.com/x.png"></main>'), "example.com"],
  ["a drawing without words", (html) => html.replace(/ aria-labelledby="rate-wide"/, ""), "a drawing without words"],
  ["something too wide", (html) => html.replace("</main>", '<p style="width: 1500px">x</p></main>'), "wider than the window"],
  ["a second h1", (html) => html.replace("</main>", "<h1>x</h1></main>"), "2 h1"],
  ["a heading that skips a level", (html) => html.replace("</main>", "<h5>x</h5></main>"), "heading-order"],
];

const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  // CI runs as root in a container, where Chromium's own sandbox cannot be had.
  args: ["--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"],
});
let failed = 0;
let looked = 0;
const say = (what, wrong) => {
  looked += 1;
  if (wrong.length > 0) {
    failed += 1;
    console.error(`${what}:\n${wrong.map((line) => `  ${line}`).join("\n")}`);
  }
};
try {
  const found = pages();
  for (const [name, file] of found) {
    const html = fs.readFileSync(file, "utf8");
    const verdict = html.match(/<title>([A-Z]+): /)?.[1];
    say(`${name}, size`, html.length < 2_000_000 ? [] : [`${html.length} bytes`]);
    for (const view of given.shots ? [...views, ...more] : views) {
      const { wrong, page } = await look(browser, file, view);
      if (view.media === "print" && verdict) wrong.push(...(await print(page, name, verdict)));
      say(`${name}, ${view.name}`, wrong);
      if (given.shots && view.media === "screen") {
        await page.evaluate(() => document.querySelectorAll("details").forEach((box) => (box.open = false)));
        // No picture is higher than what Chromium can draw.
        const height = Math.min(await page.evaluate(() => document.documentElement.scrollHeight), 15_000);
        const clip = { x: 0, y: 0, width: view.width, height };
        await page.screenshot({ path: path.join(given.shots, `${name}-${view.name}.png`), clip });
      }
      await page.close();
    }
  }
  const sound = fs.readFileSync(found.get("clean"), "utf8");
  for (const [what, change, expected] of breaks) {
    const broken = change(sound);
    const file = path.join(work, "broken.html");
    fs.writeFileSync(file, broken);
    const { wrong, page } = await look(browser, file, views[0]);
    const seen = broken !== sound && wrong.some((line) => line.includes(expected));
    say(`broken on purpose: ${what}`, seen ? [] : [`not found: ${JSON.stringify(wrong)}`]);
    await page.close();
  }
} finally {
  await browser.close();
}
console.log(`${looked} looks at the page, ${failed} with something wrong`);
process.exitCode = failed > 0 ? 1 : 0;
