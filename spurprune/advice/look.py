"""The look and the behaviour of the page: its style sheet and its script, which stand within it."""

STYLE = """
:root { color-scheme: light; --ink: #1d2430; --faint: #5c6675; --line: #d8dde5; --ground: #f6f7f9; --accent: #0b5cad; --drop: #b3261e; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 0 16px 64px; }
header { background: #fff; border-bottom: 1px solid var(--line); }
header > div { max-width: 1120px; margin: 0 auto; padding: 20px 16px 12px; }
h1 { margin: 0; font-size: 24px; } h2 { margin: 36px 0 8px; font-size: 19px; } h3 { margin: 20px 0 6px; font-size: 15px; }
nav a { margin-right: 14px; color: var(--accent); text-decoration: none; } nav a:hover { text-decoration: underline; }
.note { color: var(--faint); font-size: 13px; }
.advice { background: #fff; border: 1px solid var(--line); border-left: 5px solid var(--accent); border-radius: 6px; padding: 12px 16px; }
.advice.no { border-left-color: var(--faint); }
.scroll { overflow-x: auto; background: #fff; border: 1px solid var(--line); border-radius: 6px; }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
th, td { text-align: left; padding: 5px 10px; border-bottom: 1px solid var(--line); vertical-align: top; }
tr:last-child td { border-bottom: 0; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; } td.number { white-space: nowrap; }
td:first-child { min-width: 11em; } td .note { font-size: 12px; }
tr.chosen td { background: #eaf2fb; }
.gallery { display: flex; flex-wrap: wrap; gap: 8px; }
figure { margin: 0; width: 104px; background: #fff; border: 1px solid var(--line); border-radius: 6px; padding: 3px; font-size: 11px; }
figure.dropped { border-color: var(--drop); }
figure.wide { width: 260px; padding: 8px; font-size: 12px; }
figure img { display: block; width: 96px; height: 96px; object-fit: contain; image-rendering: pixelated; background: #eee; }
figcaption { overflow-wrap: anywhere; } figcaption b { color: var(--drop); font-weight: 600; }
.key { display: block; color: var(--faint); max-height: 3em; overflow: hidden; }
.maps { display: flex; flex-wrap: wrap; gap: 20px; background: #fff; border: 1px solid var(--line); border-radius: 6px; padding: 12px; }
.maps figure { width: auto; border: 0; font-size: 12px; } .maps img { width: 160px; height: 160px; }
.chart { background: #fff; border: 1px solid var(--line); border-radius: 6px; padding: 8px; margin: 0 0 8px; }
.chart img { display: block; max-width: 100%; margin: 0 auto; }
.controls { display: flex; flex-wrap: wrap; gap: 10px; align-items: center; margin: 8px 0; }
select, input, button { font: inherit; padding: 4px 8px; border: 1px solid var(--line); border-radius: 5px; background: #fff; }
select, input, button { color: inherit; }
button:disabled { color: var(--line); }
"""

SCRIPT = """
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("samples").textContent);
  const size = 50, body = document.getElementById("rows"), count = document.getElementById("count");
  const find = document.getElementById("find"), of = document.getElementById("of"), by = document.getElementById("by");
  const back = document.getElementById("back"), on = document.getElementById("on"), where = document.getElementById("where");
  let shown = [], page = 0;
  const option = (list, text, value) => list.append(new Option(text, value));
  option(of, "every class", ""); data.classes.forEach((name, i) => option(of, name, i));
  option(by, "all samples", ""); data.choices.forEach((name, i) => option(by, "dropped with " + name, i));
  const dropped = (row, i) => {
    const level = data.levels[i], found = data[level.column][row];
    return found >= 0 && found <= level.place;
  };
  const cell = (line, text, kind) => { const one = line.insertCell(); one.textContent = text; if (kind) one.className = kind; };
  const draw = () => {
    const pages = Math.max(1, Math.ceil(shown.length / size));
    page = Math.min(Math.max(page, 0), pages - 1);
    body.replaceChildren();
    for (const row of shown.slice(page * size, (page + 1) * size)) {
      const line = body.insertRow(), label = data.label[row];
      cell(line, data.key[row]); cell(line, data.classes[label]);
      cell(line, data.difficulty[row].toPrecision(4), "number");
      cell(line, (data.rank[row] + 1) + " of " + data.sizes[label], "number");
      cell(line, data.region[row] < 0 ? "" : data.regions[data.region[row]]);
      cell(line, data.choices.filter((_, i) => dropped(row, i)).join("; "));
      cell(line, data.mislabelled[row] ? "label?" : "");
    }
    count.textContent = shown.length.toLocaleString("en") + " samples";
    where.textContent = "page " + (page + 1) + " of " + pages;
    back.disabled = page === 0; on.disabled = page === pages - 1;
  };
  const choose = () => {
    const words = find.value.toLowerCase(); shown = [];
    for (let row = 0; row < data.key.length; row++) {
      if (of.value !== "" && data.label[row] !== +of.value) continue;
      if (by.value !== "" && !dropped(row, +by.value)) continue;
      if (words && !data.key[row].toLowerCase().includes(words)) continue;
      shown.push(row);
    }
    page = 0; draw();
  };
  let waiting = 0;
  find.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(choose, 150); });
  of.addEventListener("change", choose); by.addEventListener("change", choose);
  back.addEventListener("click", () => { page--; draw(); }); on.addEventListener("click", () => { page++; draw(); });
  choose();
})();
"""
