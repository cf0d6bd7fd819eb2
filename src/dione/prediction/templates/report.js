"use strict";
const form = document.querySelector(".controls");
const articles = [...document.querySelectorAll("article")];
const figures = [...document.querySelectorAll("figure")];
const state = { at: 0.5, zoom: 1, middle: [0.5, 0.5] };

// The divider stands in the frame; the measured picture is cut where the line meets the sheet, wherever it is scrolled to.
function cut(figure) {
  const stage = figure.querySelector(".stage");
  if (!stage.clientWidth) return;
  const right = 1 - (stage.scrollLeft + state.at * stage.clientWidth) / stage.scrollWidth;
  figure.querySelector(".before").style.clipPath = `inset(0 ${100 * right}% 0 0)`;
  figure.querySelector(".line").style.left = `${100 * state.at * stage.clientWidth / stage.offsetWidth}%`;
  const range = figure.querySelector("input[type=range]");
  range.value = 100 * state.at;
  range.setAttribute("aria-valuetext", `${Math.round(100 * state.at)} % measured, ${Math.round(100 - 100 * state.at)} % sharpened`);
}
const cutAll = () => figures.forEach(cut);
const slide = at => { state.at = Math.min(1, Math.max(0, at)); cutAll(); };

// Every date and place is shown at the same zoom, around the same middle.
function zoom(figure) {
  const stage = figure.querySelector(".stage"), middle = state.middle;
  stage.classList.toggle("zoomed", state.zoom > 1);
  figure.querySelector(".sheet").style.width = `${100 * state.zoom}%`;
  stage.scrollTo(middle[0] * stage.scrollWidth - stage.clientWidth / 2, middle[1] * stage.scrollHeight - stage.clientHeight / 2);
}

function remember(stage) {
  if (!stage.clientWidth) return;
  state.middle = [(stage.scrollLeft + stage.clientWidth / 2) / stage.scrollWidth, (stage.scrollTop + stage.clientHeight / 2) / stage.scrollHeight];
}

// As large as the page is wide, but never higher than the screen.
function fit(figure) {
  const picture = figure.querySelector(".after"), ratio = picture.getAttribute("width") / picture.getAttribute("height");
  figure.style.maxWidth = `max(22rem, ${ratio * 92}vh)`;
  figure.querySelector(".stage").style.aspectRatio = ratio;
}

function show() {
  const chosen = new FormData(form);
  const date = chosen.get("date") ?? articles.length - 1;
  articles.forEach((article, i) => { article.hidden = i !== Number(date); });
  articles.forEach(article => {
    const own = [...article.querySelectorAll("figure")];
    const place = own.some(figure => figure.dataset.place === chosen.get("place")) ? chosen.get("place") : "whole";
    own.forEach(figure => { figure.hidden = figure.dataset.place !== place; });
  });
  document.body.classList.toggle("infrared", chosen.get("colours") === "false");
  document.body.classList.toggle("unsure", chosen.has("sigma"));
  document.body.classList.toggle("smooth", chosen.has("smooth"));
  state.zoom = Number(chosen.get("zoom"));
  figures.forEach(zoom);
  cutAll();
}

for (const figure of figures) {
  const stage = figure.querySelector(".stage");
  figure.querySelector("input[type=range]").addEventListener("input", event => slide(event.target.value / 100));
  stage.addEventListener("scroll", () => { remember(stage); cut(figure); });
  fit(figure);
  // At 1× a drag moves the divider; zoomed in, it moves the picture (touch scrolls by itself).
  let last = null;
  const drag = event => {
    if (last === null) return;
    if (state.zoom === 1) slide((event.clientX - stage.getBoundingClientRect().left) / stage.clientWidth);
    else if (event.pointerType === "mouse") stage.scrollBy(last[0] - event.clientX, last[1] - event.clientY);
    last = [event.clientX, event.clientY];
  };
  stage.addEventListener("pointerdown", event => { last = [event.clientX, event.clientY]; if (event.pointerType === "mouse") stage.setPointerCapture(event.pointerId); drag(event); });
  stage.addEventListener("pointermove", drag);
  for (const end of ["pointerup", "pointercancel"]) stage.addEventListener(end, () => { last = null; });
}
form.addEventListener("change", show);
form.addEventListener("submit", event => event.preventDefault());
addEventListener("resize", cutAll);
show();
