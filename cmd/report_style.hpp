// Looks and behaviour of a report's page. Both stand in the page itself; its policy allows nothing
// but them, by their hashes, which a test computes again. Neither holds "<" or "&", so that the
// page is well-formed XML too. Without the script the page says the same.
#pragma once

#include <string_view>

namespace pghaul::cmd {

inline constexpr std::string_view kReportStyle = R"css(
:root { color-scheme: light dark;
  --ground: #ffffff; --panel: #f6f7f9; --ink: #1b2430; --soft: #5c6876; --rule: #dfe3e8;
  --good: #18794e; --active: #2458b3; --attention: #8a5a00; --bad: #b3261e;
  --bar: #5b84c4; --c0: #3f6fb5; --c1: #3a9188; --c2: #b98a2f; --c3: #8b66a8; --c4: #b8615a;
  --other: #a9b4c2; --objects: #6d7886; --rate: #c3d3ea; }
@media (prefers-color-scheme: dark) { :root {
  --ground: #14181e; --panel: #1c222a; --ink: #e3e8ee; --soft: #98a4b1; --rule: #303842;
  --good: #5cc48f; --active: #7fa9ef; --attention: #dcae55; --bad: #f0877f;
  --bar: #6f98d8; --c0: #6f9be0; --c1: #55b5aa; --c2: #d0a650; --c3: #ab88c8; --c4: #d58078;
  --other: #5c6876; --objects: #8692a0; --rate: #2f4568; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.5rem 3rem; max-width: 1140px; background: var(--ground);
  color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans",
  sans-serif; }
h1 { margin: 0; font-size: 1.75rem; line-height: 1.2; overflow-wrap: anywhere; }
h2 { margin: 2.4rem 0 0.7rem; font-size: 1.1rem; }
p { margin: 0.4rem 0; }
.kind { margin: 0 0 0.2rem; color: var(--soft); font-size: 0.85rem; }
.verdict { margin: 0.9rem 0 1.4rem; padding: 0.7rem 1rem; border-left: 4px solid; background:
  var(--panel); font-size: 1.1rem; }
.verdict.good { border-color: var(--good); } .verdict.active { border-color: var(--active); }
.verdict.attention { border-color: var(--attention); } .verdict.bad { border-color: var(--bad); }
.note { color: var(--soft); font-size: 0.87rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.2rem 1.2rem; margin: 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(132px, 1fr)); gap: 0.6rem;
  margin: 1.6rem 0 0; padding: 0; list-style: none; }
.tiles li { padding: 0.6rem 0.8rem; background: var(--panel); border-radius: 6px; }
.tiles b { display: block; font-size: 1.25rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.tiles span { color: var(--soft); font-size: 0.85rem; }
.notes { margin: 0; padding: 0; list-style: none; }
.notes li { margin: 0 0 0.6rem; padding: 0.5rem 0.9rem; border-left: 3px solid var(--rule);
  background: var(--panel); overflow-wrap: anywhere; }
.notes .problem, .notes .weight-warning { border-color: var(--attention); }
.notes .hint { display: block; color: var(--soft); }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--soft); font-size: 12px; font-family: inherit; }
svg .label { text-anchor: end; fill: var(--ink); } svg .tick { text-anchor: start; font-size: 11px; }
svg .gap-label { text-anchor: middle; font-size: 10px; } svg .took { font-size: 11px; }
svg .grid { stroke: var(--rule); stroke-width: 1; } svg .gap { fill: var(--panel); }
svg .bar { fill: var(--bar); } svg .now { fill: var(--active); fill-opacity: 0.55; }
svg .rate { fill: var(--rate); }
.c0 { fill: var(--c0); } .c1 { fill: var(--c1); } .c2 { fill: var(--c2); } .c3 { fill: var(--c3); }
.c4 { fill: var(--c4); } .other { fill: var(--other); } .objects { fill: var(--objects); }
.legend { display: flex; flex-wrap: wrap; gap: 0.2rem 1.2rem; margin: 0.4rem 0 0; padding: 0;
  list-style: none; font-size: 0.87rem; }
.legend svg { display: inline-block; width: 0.8em; height: 0.8em; margin-right: 0.4em; }
table { width: 100%; border-collapse: collapse; font-size: 0.83rem; }
th, td { padding: 0.22rem 0.5rem; text-align: left; vertical-align: top; border-bottom: 1px solid
  var(--rule); }
th { position: sticky; top: 0; background: var(--ground); color: var(--soft); font-weight: 600;
  vertical-align: bottom; }
td { font-variant-numeric: tabular-nums; white-space: nowrap; }
td:first-child { white-space: normal; overflow-wrap: anywhere; min-width: 9rem; }
.n { text-align: right; }
th button { all: unset; cursor: pointer; } th button:focus-visible { outline: 2px solid var(--active); }
th[aria-sort] { color: var(--ink); }
th[aria-sort=ascending] button::after { content: " \2191"; }
th[aria-sort=descending] button::after { content: " \2193"; }
.ok { color: var(--good); } .wrong { color: var(--bad); font-weight: 600; } .dim { color: var(--soft); }
.scroll { overflow-x: auto; }
.find { margin: 0 0 0.6rem; padding: 0.3rem 0.6rem; width: 20rem; max-width: 100%; font: inherit; color:
  inherit; background: var(--ground); border: 1px solid var(--rule); border-radius: 4px; }
footer { margin-top: 2.5rem; padding-top: 0.6rem; border-top: 1px solid var(--rule); }
@media print { body { max-width: none; padding: 0; font-size: 10pt; } .find { display: none; }
  th { position: static; } thead { display: table-header-group; }
  tr, li, svg { break-inside: avoid; } h2 { break-after: avoid; } .scroll { overflow: visible; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
)css";

/// Sorts the list of tables by a click on a column, and finds tables by name.
inline constexpr std::string_view kReportScript = R"js(
(function () {
  'use strict';
  var table = document.getElementById('tables');
  if (!table) return;
  var body = table.tBodies[0];
  var heads = Array.from(table.tHead.rows[0].cells);
  var rows = Array.from(body.rows);
  function value(row, column) {
    var cell = row.cells[column];
    var text = cell.hasAttribute('data-v') ? cell.getAttribute('data-v') : cell.textContent;
    return heads[column].className === 'n' ? Number(text || -1) : text;
  }
  function sort(column) {
    var head = heads[column];
    var numeric = head.className === 'n';
    var before = head.getAttribute('aria-sort');
    var down = before ? before === 'ascending' : numeric;
    heads.forEach(function (other) { other.removeAttribute('aria-sort'); });
    head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
    var order = rows.map(function (row) { return { row: row, value: value(row, column) }; });
    order.sort(function (a, b) {
      var difference = numeric ? a.value - b.value : a.value.localeCompare(b.value);
      return down ? -difference : difference;
    });
    var fragment = document.createDocumentFragment();
    order.forEach(function (one) { fragment.appendChild(one.row); });
    body.appendChild(fragment);
  }
  heads.forEach(function (head, column) {
    var button = document.createElement('button');
    button.type = 'button';
    button.textContent = head.textContent;
    button.addEventListener('click', function () { sort(column); });
    head.textContent = '';
    head.appendChild(button);
  });
  if (rows.length > 10) {
    var find = document.createElement('input');
    find.type = 'search';
    find.className = 'find';
    find.placeholder = 'Find a table';
    find.setAttribute('aria-label', 'Find a table');
    find.addEventListener('input', function () {
      var wanted = find.value.toLowerCase();
      rows.forEach(function (row) {
        row.hidden = !row.cells[0].textContent.toLowerCase().includes(wanted);
      });
    });
    table.parentNode.parentNode.insertBefore(find, table.parentNode);
  }
}());
)js";

/// SHA-256 of the two, as the page's policy names them.
inline constexpr std::string_view kReportStyleHash =
    "sha256-EN10OTX1oRQAq/3b3bJW5tnhK7rMZMRHaqD9r99K9a8=";
inline constexpr std::string_view kReportScriptHash =
    "sha256-3eT7HW/CWVndggVhMr0cfveMTWFAJ98ZLOdT558UP2o=";

}  // namespace pghaul::cmd
