const ANEW = "dione view was ended, or a file was removed or damaged: its terminal tells. Start it anew, and load this page again.";
const form = document.querySelector(".controls"), time = document.getElementById("time"), element = document.querySelector(".stage");
const facts = JSON.parse(element.dataset.facts), [west, south, east, north] = facts.bounds;
const box = [across(west), down(north), across(east), down(south)], [breadth, depth] = [box[2] - box[0], box[3] - box[1]];
// The stage reaches as far again on every side, for a look around.
const corner = [box[0] - breadth, box[1] - depth];
const tiles = new Tiles(() => stage.draw(), address => { if (address.startsWith("tiles/")) trouble(`Part of the map did not come. ${ANEW}`); });
const stage = new Stage(element, { width: 3 * breadth, height: 3 * depth, most: 2 ** (21 - DEEPEST), wheel: true, paint, moved });
const all = () => stage.show(breadth - 0.04 * breadth, depth - 0.04 * depth, 1.08 * breadth, 1.08 * depth);
let spot = null, found = [], asking = 0;

function paint(context, side, view) {
  const chosen = new FormData(form), day = facts.dates[time.value], [left, top] = stage.unit(0, 0), [right, bottom] = stage.unit(element.clientWidth, element.clientHeight);
  const seen = [left + corner[0], top + corner[1], right + corner[0], bottom + corner[1]];
  const ours = [Math.max(seen[0], box[0]), Math.max(seen[1], box[1]), Math.min(seen[2], box[2]), Math.min(seen[3], box[3])];
  const layer = (name, colours) => ({ deepest: 19, address: (z, x, y) => `tiles/${day}/${name}/${colours}/${z}/${x}/${y}.png` });
  context.imageSmoothingEnabled = false;
  if (facts.base && chosen.has("base"))
    lay(context, tiles, { deepest: 19, address: (z, x, y) => facts.base.replace("{z}", z).replace("{x}", x).replace("{y}", y) }, view, seen, corner);
  if (!chosen.has("hide")) lay(context, tiles, layer(side === "left" ? "input" : "sr", chosen.get("colours")), view, ours, corner);
  if (side === "right" && chosen.get("overlay")) lay(context, tiles, layer(chosen.get("overlay"), "true"), view, ours, corner);
  if (spot) cross(context, view);
}

function cross(context, view) {
  for (const [colour, thick] of [["#fff", 4], ["#111", 1.6]]) {
    context.strokeStyle = colour;
    context.lineWidth = thick / view.scale;
    context.beginPath();
    context.arc(...spot, 7 / view.scale, 0, 7);
    context.stroke();
  }
}

function moved(view) {
  tiles.forget();
  const bar = element.querySelector(".scalebar"), [, latitude] = degrees(view.x + corner[0], view.y + corner[1]);
  const metres = 40075016.7 * Math.cos(latitude * Math.PI / 180) / WORLD, most = 110 / view.scale * metres, power = 10 ** Math.floor(Math.log10(most));
  const length = [5, 2, 1].find(factor => factor * power <= most) * power;
  bar.style.width = `${length / metres * view.scale}px`;
  bar.textContent = length >= 1000 ? `${length / 1000} km` : `${length} m`;
}

function show() {
  const chosen = new FormData(form);
  document.querySelector(".when output").textContent = facts.dates[time.value];
  time.setAttribute("aria-valuetext", facts.dates[time.value]);
  for (const key of document.querySelectorAll("[data-key]")) key.hidden = ![chosen.get("overlay"), chosen.get("colours")].includes(key.dataset.key);
  const credit = document.querySelector(".credit");
  if (credit) credit.hidden = !chosen.has("base");
  tiles.forget();
  tell();
  stage.draw();
}

function tell() {
  if (!found.length) return;
  const now = facts.dates[time.value];
  chart(document.querySelector(".chart"), found, now);
  table(document.querySelector(".spectra"), found, now);
}

// What went wrong; nothing, if there are no words.
function trouble(words) {
  const told = document.querySelector(".trouble");
  [told.textContent, told.hidden] = [words, !words];
}

// The server's answer; none if it has none, which is told.
async function ask(address) {
  try {
    const answer = await fetch(address), told = answer.ok ? await answer.json() : null;
    trouble(told ? "" : `No numbers came. ${ANEW}`);
    return told;
  } catch {
    trouble(`No numbers came. ${ANEW}`);
    return null;
  }
}

// What stands at a place of the stage; of two questions the later one counts.
async function inspect(x, y) {
  const [longitude, latitude] = degrees(x + corner[0], y + corner[1]), mine = ++asking;
  const told = await ask(`point?lon=${longitude}&lat=${latitude}`);
  if (mine !== asking) return;
  [spot, found] = [[x, y], told ?? []];
  document.querySelector(".found").hidden = !told;
  if (!told) return stage.draw();
  const words = (value, ends) => `${Math.abs(value).toFixed(5)}° ${ends[value < 0 ? 1 : 0]}`;
  document.querySelector(".where").textContent = `${words(latitude, "NS")}, ${words(longitude, "EW")}${told.some(one => one.sr) ? "" : ": no result here"}`;
  names(document.querySelector(".names"), told.some(one => one.input));
  tell();
  stage.draw();
}

let pressed = null;
element.addEventListener("pointerdown", event => { pressed = [event.clientX, event.clientY]; });
element.addEventListener("click", event => {
  if (pressed && Math.hypot(event.clientX - pressed[0], event.clientY - pressed[1]) < 4) inspect(...stage.unit(...stage.place(event)));
});
element.addEventListener("keydown", event => { if (event.key === "Enter") inspect(stage.view.x, stage.view.y); });
wire(stage, [...form.querySelectorAll("button")].filter(button => button.dataset.view !== "all"));
form.querySelector("[data-view=all]").addEventListener("click", all);
form.addEventListener("change", show);
form.addEventListener("submit", event => event.preventDefault());
time.addEventListener("input", show);
new ResizeObserver((_, observer) => { all(); observer.disconnect(); }).observe(element);
show();
