// Keeps the page as fresh as the server's: asks for it again every second while it is looked at, and takes over what
// has changed. Without this script the page works, and is as old as its loading.
"use strict";

const period = 1000;
const live = document.getElementById("live");
const columns = [...document.querySelectorAll(".grid thead th")].map((th) => th.textContent);
let tag = "";
let selected = null; // {row, column}: survives that its cell is replaced

const isEmpty = (row) => [...row.cells].every((cell) => cell.tagName === "TH" || cell.textContent === "");

function take(fresh) {
  const focused = document.activeElement?.matches("td[aria-selected]") ?? false;
  for (const part of document.querySelectorAll("[data-live]")) {
    const next = fresh.getElementById(part.id);
    if (!next) continue;
    if (part.tagName === "TBODY") markArrivals(part, next);
    part.replaceChildren(...next.childNodes);
  }
  if (selected) select(cellAt(selected.row, selected.column), focused);
  makeReachable();
  if (document.querySelector("tr.fresh")) follow();
}

// Where the newest rows were asked for, the last one is in sight.
function follow() {
  if (!document.querySelector("#pager strong")) return;
  [...document.querySelectorAll("#rows tr")].findLast((row) => !isEmpty(row))?.scrollIntoView({ block: "nearest" });
}

// One cell can be reached with the tab key; from there the arrows go on.
function makeReachable() {
  const cell = document.querySelector("td[aria-selected]") ?? document.querySelector(".grid tbody td");
  if (cell) cell.tabIndex = 0;
}

// Rows that were empty or not there are shown as having arrived.
function markArrivals(before, after) {
  const empty = new Map([...before.rows].map((row) => [row.dataset.row, isEmpty(row)]));
  if (empty.size === 0) return;
  for (const row of after.rows) {
    if (!isEmpty(row) && empty.get(row.dataset.row) !== false) row.classList.add("fresh");
  }
}

async function refresh() {
  if (document.hidden) return;
  try {
    const answer = await fetch(location.href, { cache: "no-store", headers: tag ? { "If-None-Match": tag } : {} });
    if (answer.status === 200) {
      const first = tag === "";
      tag = answer.headers.get("ETag") || "";
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (page.body.dataset.shape !== document.body.dataset.shape) location.reload();
      else if (!first || page.body.textContent !== document.body.textContent) take(page);
    }
    show(answer.ok || answer.status === 304);
  } catch {
    show(false);
  }
}

function show(connected) {
  live.classList.toggle("lost", !connected);
  const text = connected ? "Live" : "No connection: trying again";
  if (live.textContent !== text) live.textContent = text;
}

function cellAt(row, column) {
  return document.querySelector(`tr[data-row="${CSS.escape(row)}"]`)?.cells[column] ?? null;
}

function select(cell, focus = true) {
  if (!cell || !cell.closest(".grid tbody") || cell.tagName !== "TD") return;
  for (const other of document.querySelectorAll(".grid td[tabindex]")) {
    if (other === cell) continue;
    other.removeAttribute("tabindex");
    other.removeAttribute("aria-selected");
  }
  const row = cell.parentElement.dataset.row;
  selected = { row, column: cell.cellIndex };
  cell.setAttribute("aria-selected", "true");
  cell.tabIndex = 0;
  if (focus) cell.focus({ preventScroll: document.activeElement === document.body });
  document.getElementById("place").textContent = columns[cell.cellIndex - 1] + row;
  const content = document.getElementById("content");
  content.classList.add("chosen");
  if (content.textContent !== cell.textContent) content.textContent = cell.textContent;
}

function move(event) {
  const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  const step = steps[event.key];
  const cell = event.target.closest?.("td[aria-selected]");
  if (!step || !cell) return;
  const rows = [...document.querySelectorAll("tr[data-row]")];
  const row = rows[rows.indexOf(cell.parentElement) + step[0]];
  const next = row?.cells[cell.cellIndex + step[1]];
  if (next?.tagName === "TD") {
    event.preventDefault();
    select(next);
  }
}

const grid = document.querySelector(".grid");
if (grid) {
  grid.addEventListener("click", (event) => select(event.target.closest("td")));
  grid.addEventListener("keydown", move);
  grid.addEventListener("focusin", (event) => event.target.tagName === "TD" && select(event.target, false));
  makeReachable();
  follow();
}
document.addEventListener("visibilitychange", refresh);
setInterval(refresh, period);
