"""What the page of a run adds to the style of all pages, and its script.

Without the script, everything is there to read; the script shows the text of a cell of the confusion matrix, and puts
the four pictures of an image on top of each other, behind a slider.
"""

STYLE = """
main { max-width: 1220px; overflow-wrap: break-word; }
p, code { overflow-wrap: anywhere; }
.verdict { display: flex; flex-wrap: wrap; align-items: baseline; gap: 4px 14px; margin-top: 22px; }
.verdict b { font-size: 46px; line-height: 1.1; letter-spacing: -.02em; }
.verdict .soft { font-size: 16px; }
.cards.three { grid-template-columns: repeat(auto-fit, minmax(min(320px, 100%), 1fr)); }
.cards.four { grid-template-columns: repeat(auto-fit, minmax(min(255px, 100%), 1fr)); }
.cards { align-items: start; }
.advice { border-left: 4px solid var(--bar); }
.advice p { margin: 4px 0 0; }
.chart { width: 100%; height: auto; font-size: 11px; display: block; margin-top: 6px; }
.chart text, .matrix text { fill: var(--soft); font-family: inherit; }
.chart line { stroke: var(--line); }
.chart .mark { stroke: var(--soft); stroke-dasharray: 3 3; }
.chart polyline { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
.card .legend { margin: 6px 0 0; }
.spark { width: 90px; height: 20px; display: inline-block; vertical-align: middle; }
.spark polyline { fill: none; stroke: var(--bar); stroke-width: 1.5; }
.whisker { height: 3px; border-radius: 2px; background: var(--bar2); }
.name { white-space: normal; overflow-wrap: anywhere; display: inline-block; max-width: 230px; min-width: 126px; }
td.bars { width: 20%; min-width: 110px; }
.matrix { display: block; margin: 0 auto; }
.matrix .right { fill: var(--bar); } .matrix .wrong { fill: var(--bad); }
.matrix .lines { stroke: var(--line); fill: none; stroke-width: .6; }
.matrix text { fill: var(--text); } .matrix text.on { fill: var(--card); font-weight: 600; }
.matrix .here { fill: none; stroke: var(--text); stroke-width: 2; pointer-events: none; }
.told { min-height: 44px; margin-top: 10px; text-align: center; font-size: 14px; width: 0; min-width: 100%; }
.told.far { position: sticky; bottom: 0; background: var(--card); padding: 4px 0; }
.cases { display: grid; gap: 14px; }
figure.case .views { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(150px, 100%), 1fr)); gap: 2px; }
figure.case .view { display: block; position: relative; }
figure.case img { height: auto; width: 100%; max-height: 420px; }
figure.case small { position: absolute; left: 6px; top: 6px; font-size: 11px; padding: 0 7px; border-radius: 8px;
  background: rgba(10, 12, 16, .62); color: #fff; }
figure.case figcaption { display: flex; justify-content: space-between; gap: 12px; font-size: 13px; }
figure.case figcaption b { white-space: nowrap; }
.slider { display: none; }
.side { display: flex; flex-wrap: wrap; gap: 14px; align-items: flex-start; }
.side > * { flex: 0 1 auto; min-width: min(340px, 100%); max-width: 100%; }
.side > .mistakes { flex: 1 1 430px; }
.mistakes th:first-child, .mistakes td:first-child { text-align: left; white-space: normal; }
.mistakes th:nth-child(2), .mistakes td:nth-child(2) { text-align: right; }
.bands td:first-child { text-align: left; width: 1%; } .bands td:nth-child(2) { width: 45%; min-width: 60px; }
.bands .bar { height: 12px; } .bands { margin-bottom: 10px; }
pre { margin: 10px 0 0; font-size: 12.5px; line-height: 1.45; white-space: pre-wrap; overflow-wrap: anywhere; }
.command { background: var(--ground); border-radius: 8px; padding: 10px 14px; }
@media screen {
  .js .cases { grid-template-columns: repeat(auto-fill, minmax(min(330px, 100%), 1fr)); }
  .js figure.case .views { display: block; position: relative; }
  .js figure.case .view + .view { position: absolute; inset: 0; clip-path: inset(0 calc(100% - var(--part, 0%)) 0 0); }
  .js figure.case .view + .view img { position: static; opacity: 1; }
  .js figure.case small { display: none; }
  .js .slider { display: block; padding: 8px 10px 0; }
  .slider input { width: 100%; margin: 0; accent-color: var(--bar); display: block; }
  .slider div { display: flex; justify-content: space-between; }
  .js .slider.all { padding: 0 0 10px; } .slider.all div { justify-content: flex-start; gap: 14px; }
  .slider.all button { text-decoration: underline; text-underline-offset: 3px; }
  .slider button { all: unset; cursor: pointer; font-size: 12px; color: var(--soft); padding: 2px 0; }
  .slider button.on { color: var(--text); font-weight: 600; }
  .slider button:focus-visible { outline: 2px solid var(--bar); }
}
@media (max-width: 600px) { main { padding: 20px 12px 40px; } .cards { grid-template-columns: 1fr; }
  .card { padding: 14px; } .verdict b { font-size: 38px; } th, td { padding: 5px 7px; }
  .mistakes th { white-space: normal; } }
@media print { body { background: #fff; } h2 { break-after: avoid; } .card, figure { break-inside: avoid; }
  main { max-width: none; padding: 0; } details > * { display: block; } .wide { overflow: visible; }
  .matrix { max-width: 100%; height: auto; } table { font-size: 11px; }
  th, td { padding: 3px 6px; } .curve { display: none; } td.bars { min-width: 60px; } .told.far { position: static; }
  .name { min-width: 90px; } .cases { grid-template-columns: 1fr; } }
"""

SCRIPT = """
document.documentElement.classList.add("js");

const matrix = document.querySelector(".matrix");
if (matrix) {
  const { classes, pairs } = JSON.parse(document.getElementById("counts").textContent);
  const told = document.querySelector(".told"), here = matrix.querySelector(".here"), hint = told.innerHTML;
  const side = Number(matrix.dataset.side), pixels = new Map(), sums = classes.map(() => 0);
  for (const [row, column, count] of pairs) { pixels.set(row * 256 + column, count); sums[row] += count; }
  const short = (n) => n < 1000 ? `${n}` : n < 1e6 ? `${Number((n / 1e3).toPrecision(3))} k`
    : n < 1e9 ? `${Number((n / 1e6).toPrecision(3))} M` : `${Number((n / 1e9).toPrecision(3))} G`;
  const leave = () => { here.setAttribute("visibility", "hidden"); told.innerHTML = hint; };
  const point = (event) => {
    const place = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.getScreenCTM().inverse());
    const row = Math.floor(place.y / side), column = Math.floor(place.x / side);
    if (row < 0 || column < 0 || row >= classes.length || column >= classes.length) return leave();
    const count = pixels.get(row * 256 + column) || 0, part = sums[row] ? 100 * count / sums[row] : 0;
    here.setAttribute("x", column * side);
    here.setAttribute("y", row * side);
    here.setAttribute("visibility", "visible");
    const pair = row === column ? `${classes[row]}, found` : `${classes[row]} \\u2192 ${classes[column]}`;
    const text = `${Number(part.toPrecision(2))} % of ${classes[row]}, ${short(count)} pixels`;
    told.innerHTML = sums[row] ? `<b>${pair}</b>: ${text}` : `<b>${classes[row]}</b> does not occur in the labels`;
  };
  matrix.addEventListener("pointermove", point);
  matrix.addEventListener("click", point);
  matrix.addEventListener("pointerleave", leave);
}

const show = (figure, place) => {
  const part = (i) => `${100 * Math.min(1, Math.max(0, place - i + 1))}%`;
  figure.querySelectorAll(".view").forEach((view, i) => view.style.setProperty("--part", part(i)));
  const buttons = figure.querySelectorAll(".slider button");
  buttons.forEach((button, i) => button.classList.toggle("on", i === Math.round(place)));
  figure.querySelector("input").value = place;
};
for (const figure of document.querySelectorAll("figure.case")) {
  const slider = figure.querySelector("input");
  slider.addEventListener("input", () => show(figure, Number(slider.value)));
  const buttons = figure.querySelectorAll(".slider button");
  buttons.forEach((button, i) => button.addEventListener("click", () => show(figure, i)));
  show(figure, 2);
}
document.querySelectorAll(".all button").forEach((button, i) => button.addEventListener("click", () =>
  document.querySelectorAll("figure.case").forEach((figure) => show(figure, i))));
"""
