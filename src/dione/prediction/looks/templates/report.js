const form = document.querySelector(".controls"), store = document.querySelector(".store"), time = document.getElementById("time");
const sights = [...store.children].map(section => ({ ...section.dataset, pictures: [...section.querySelectorAll("img")] }));
const articles = [...document.querySelectorAll("article")];
const [width, height, zoom, metres] = ["width", "height", "zoom", "metres"].map(name => Number(store.dataset[name]));
const closeUp = store.dataset.close?.split(" ").map(Number);
const state = { shown: sights.at(-1), sharp: sights.findLast(sight => sight.role === "target") };

const frame = document.querySelector(".frame"), element = frame.querySelector(".stage");
const ratio = Math.min(Math.max(width / height, 0.6), 2.2);
element.style.aspectRatio = ratio;
document.querySelector(".looking").style.maxWidth = `max(18rem, ${76 * ratio}vh)`;
const stage = new Stage(element, { width, height, most: 16, paint, moved: scalebar });
wire(stage, form.querySelectorAll("button"));

function paint(context, side, view) {
  const chosen = new FormData(form), left = side === "left";
  context.beginPath();
  context.rect(0, 0, width, height);
  context.clip();
  // Pixels stay squares once they are larger than the screen's.
  context.imageSmoothingEnabled = left ? chosen.has("smooth") || view.scale * zoom < 1 : view.scale < 1;
  context.imageSmoothingQuality = "high";
  draw(context, left ? state.shown : state.sharp, left ? "before" : "after", chosen.get("colours"));
  context.imageSmoothingEnabled = chosen.get("overlay") !== "support";
  if (!left && chosen.get("overlay")) draw(context, state.sharp, chosen.get("overlay"), "");
  if (closeUp) outline(context, view);
}

function draw(context, sight, kind, colours) {
  for (const picture of sight.pictures)
    if (picture.dataset.kind === kind && picture.dataset.colours === colours && picture.complete) context.drawImage(picture, ...picture.dataset.box.split(" ").map(Number));
}

function outline(context, view) {
  for (const [colour, thick] of [["rgb(0 0 0 / .6)", 3.5], ["#fff", 1.5]]) {
    context.strokeStyle = colour;
    context.lineWidth = thick / view.scale;
    context.strokeRect(...closeUp);
  }
}

// The largest round length that takes up to 110 pixels of the screen.
function scalebar(view) {
  const bar = element.querySelector(".scalebar");
  if (!bar) return;
  const most = 110 / view.scale * metres, power = 10 ** Math.floor(Math.log10(most)), length = [5, 2, 1].find(factor => factor * power <= most) * power;
  bar.style.width = `${length / metres * view.scale}px`;
  bar.textContent = length >= 1000 ? `${length / 1000} km` : `${length} m`;
}

function show() {
  const shown = state.shown = sights[time.value], chosen = new FormData(form);
  if (shown.role === "target") state.sharp = shown;
  const { sharp } = state, words = element.querySelectorAll(".tag");
  words[0].textContent = shown.before;
  words[1].textContent = sharp.after;
  document.querySelector(".date output").textContent = shown.words;
  time.setAttribute("aria-valuetext", shown.words);
  document.querySelector(".remarks").textContent = shown === sharp ? "" : `Left, ${shown.day} as measured, which is no target; right, ${sharp.day} sharpened.`;
  for (const article of articles) article.classList.toggle("chosen", article.dataset.name === sharp.name);
  for (const key of document.querySelectorAll("[data-key]")) {
    key.hidden = ![chosen.get("overlay"), chosen.get("colours")].includes(key.dataset.key);
    if (key.querySelector("b")) key.querySelector("b").textContent = sharp[key.dataset.key];
  }
  for (const input of form.querySelectorAll("[name=overlay]")) input.disabled = input.value !== "" && !sharp.pictures.some(picture => picture.dataset.kind === input.value);
  stage.draw();
}

function step(by) {
  time.value = Number(time.value) + by;
  show();
}

document.body.classList.add("live");
for (const button of document.querySelectorAll("[data-step]")) button.addEventListener("click", () => step(Number(button.dataset.step)));
for (const picture of store.querySelectorAll("img")) if (!picture.complete) picture.addEventListener("load", () => stage.draw());
form.querySelector("[data-view=close]")?.addEventListener("click", () => stage.show(...closeUp));
form.addEventListener("change", show);
form.addEventListener("submit", event => event.preventDefault());
time.addEventListener("input", show);
show();
