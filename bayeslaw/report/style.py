"""How a report looks: on a screen of any width, and on paper."""

STYLE = """
html { font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
  color: #1b1b1b; background: #fff; -webkit-text-size-adjust: 100%; }
body { max-width: 62rem; margin: 0 auto; padding: 1.2rem 1rem 3rem; overflow-wrap: break-word; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .4rem; }
h2 { font-size: 1.25rem; margin: 2.4rem 0 .6rem; padding-top: .6rem; border-top: 1px solid #bbb; }
h3 { font-size: 1.05rem; margin: 1.6rem 0 .4rem; }
p, li { max-width: 46rem; }
.lead { font-size: 1.1rem; margin-top: 0; }
code, pre { font: .86em/1.5 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
pre { background: #f4f4f4; padding: .7rem .8rem; white-space: pre-wrap; overflow-wrap: anywhere; }
code { overflow-wrap: anywhere; }
.scroll { overflow-x: auto; margin: .8rem 0; }
.scroll:focus-visible { outline: 2px solid #0062a3; outline-offset: 2px; }
table { border-collapse: collapse; font-size: .88rem; width: max-content; }
caption { text-align: left; font-weight: 600; padding-bottom: .35rem; }
th, td { text-align: left; vertical-align: top; padding: .22rem .9rem .22rem 0; }
thead th { border-bottom: 1px solid #767676; font-weight: 600; }
tbody th { font-weight: 600; white-space: nowrap; }
td { min-width: 3.2rem; max-width: 22rem; }
td.n { font-variant-numeric: tabular-nums; white-space: nowrap; }
tbody tr:nth-child(even) { background: #f6f6f6; }
figure { margin: 1.1rem 0; }
img { display: block; max-width: 100%; height: auto; }
.panels img { min-width: 40rem; }
figcaption { font-size: .88rem; color: #4a4a4a; max-width: 46rem; margin-top: .3rem; }
.formula img { max-width: none; }
.error, .warning, .info { border-left: .35rem solid; padding: .1rem 0 .1rem .8rem;
  margin: .7rem 0; }
.error { border-color: #a80000; background: #fdf0f0; }
.warning { border-color: #8a5a00; background: #fdf8ec; }
.info { border-color: #767676; }
.error strong { color: #a80000; }
.warning strong { color: #7a4f00; }
@page { margin: 16mm 14mm; }
@media print {
  html { font-size: 10pt; }
  body { max-width: none; padding: 0; }
  h2, h3, caption { break-after: avoid; }
  figure, tr, pre, .error, .warning, .info { break-inside: avoid; }
  thead { display: table-header-group; }
  .scroll { overflow: visible; }
  .panels img { min-width: 0; }
  .formula img { max-width: 100%; }
  table { font-size: 7.6pt; width: auto; break-inside: avoid; }
  th, td { padding-right: .5rem; }
  td { min-width: 0; max-width: none; }
  pre { border: 1px solid #bbb; }
}
"""
