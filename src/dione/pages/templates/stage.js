"use strict";

// A stage: two pictures of one place under a divider, moved, zoomed and compared by mouse, touch and keyboard.
//
//   new Stage(element, { width, height, most, paint(context, side, view) })
//
// Lengths of the place ("units") are the caller's: pixels of a picture, or of a map. A view is the unit in the middle of
// the screen and how many screen pixels a unit is wide. `paint` draws one side, left or right, in units.
class Stage {
  constructor(element, { width, height, most = 16, wheel = false, paint, moved = () => {} }) {
    Object.assign(this, { element, width, height, most, wheel, paint, moved, at: 0.5, pointers: new Map() });
    this.canvas = element.querySelector("canvas");
    this.line = element.querySelector(".line");
    this.slider = document.getElementById(element.dataset.slider);
    this.view = { x: width / 2, y: height / 2, scale: 0 };
    this.listen();
    new ResizeObserver(() => this.look({})).observe(element);
    this.divide(this.at);
  }

  get fitting() { return Math.min(this.element.clientWidth / this.width, this.element.clientHeight / this.height); }
  get zoomed() { return this.view.scale > this.fitting * 1.001; }

  // Go to a view, as far as there is something to see; what is not named stays.
  look({ x = this.view.x, y = this.view.y, scale = this.view.scale }) {
    const { clientWidth, clientHeight } = this.element;
    if (!clientWidth || !clientHeight) return;
    scale = Math.min(Math.max(scale, this.fitting), Math.max(this.most, this.fitting));
    const within = (at, size, shown) => shown >= size ? size / 2 : Math.min(Math.max(at, shown / 2), size - shown / 2);
    this.view = { x: within(x, this.width, clientWidth / scale), y: within(y, this.height, clientHeight / scale), scale };
    this.element.classList.toggle("zoomed", this.zoomed);
    this.draw();
    this.moved(this.view);
  }

  // Zoom by a factor so that what is under the screen pixel (px, py) stays there.
  zoom(factor, px = this.element.clientWidth / 2, py = this.element.clientHeight / 2) {
    const [x, y] = this.unit(px, py), scale = Math.min(Math.max(this.view.scale * factor, this.fitting), Math.max(this.most, this.fitting));
    this.look({ x: x - (px - this.element.clientWidth / 2) / scale, y: y - (py - this.element.clientHeight / 2) / scale, scale });
  }

  // Show a box of the place, as large as it fits.
  show(left, top, width, height) {
    this.look({ x: left + width / 2, y: top + height / 2, scale: Math.min(this.element.clientWidth / width, this.element.clientHeight / height) });
  }

  unit(px, py) {
    const { x, y, scale } = this.view;
    return [x + (px - this.element.clientWidth / 2) / scale, y + (py - this.element.clientHeight / 2) / scale];
  }

  divide(at) {
    this.at = Math.min(1, Math.max(0, at));
    this.line.style.left = `${100 * this.at}%`;
    this.slider.value = 100 * this.at;
    this.slider.setAttribute("aria-valuetext", `${Math.round(100 * this.at)} % of the left picture`);
    this.draw();
  }

  draw() {
    this.waiting ??= requestAnimationFrame(() => { this.waiting = undefined; this.drawNow(); });
  }

  drawNow() {
    const { canvas, view } = this, { clientWidth, clientHeight } = this.element, ratio = devicePixelRatio;
    const width = Math.round(clientWidth * ratio), height = Math.round(clientHeight * ratio);
    if (!width || !height || !view.scale) return;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d"), middle = Math.round(this.at * width);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    for (const [side, from, to] of [["left", 0, middle], ["right", middle, width]]) {
      context.save();
      context.beginPath();
      context.rect(from, 0, to - from, height);
      context.clip();
      context.setTransform(ratio * view.scale, 0, 0, ratio * view.scale, ratio * (clientWidth / 2 - view.x * view.scale), ratio * (clientHeight / 2 - view.y * view.scale));
      this.paint(context, side, view);
      context.restore();
    }
  }

  listen() {
    const { element } = this;
    this.slider.addEventListener("input", () => this.divide(this.slider.value / 100));
    element.addEventListener("pointerdown", event => this.down(event));
    element.addEventListener("pointermove", event => this.move(event));
    for (const end of ["pointerup", "pointercancel"]) element.addEventListener(end, event => this.pointers.delete(event.pointerId));
    element.addEventListener("dblclick", event => { if (this.zoomed || this.wheel) this.zoom(2, ...this.place(event)); });
    element.addEventListener("keydown", event => this.key(event));
    element.addEventListener("wheel", event => {
      if (!this.wheel && !event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0025)), ...this.place(event));
    }, { passive: false });
  }

  place(event) {
    const box = this.element.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  // Near the divider, or when all is in view, a drag moves the divider; else it moves the picture.
  down(event) {
    if (event.button) return;
    const [px, py] = this.place(event);
    const near = Math.abs(px - this.at * this.element.clientWidth) < (event.pointerType === "touch" ? 28 : 14);
    this.dividing = near || !(this.zoomed || this.wheel);
    this.element.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, [px, py]);
    if (this.dividing && this.pointers.size === 1) this.divide(px / this.element.clientWidth);
  }

  move(event) {
    const before = this.pointers.get(event.pointerId), now = this.place(event);
    if (!before) return;
    if (this.pointers.size === 2) this.pinch(event.pointerId, before, now);
    else if (this.dividing) this.divide(now[0] / this.element.clientWidth);
    else this.look({ x: this.view.x - (now[0] - before[0]) / this.view.scale, y: this.view.y - (now[1] - before[1]) / this.view.scale });
    this.pointers.set(event.pointerId, now);
  }

  pinch(moving, before, now) {
    const [, still] = [...this.pointers].find(([id]) => id !== moving), apart = at => Math.hypot(at[0] - still[0], at[1] - still[1]);
    this.zoom(apart(now) / Math.max(apart(before), 1), (now[0] + still[0]) / 2, (now[1] + still[1]) / 2);
  }

  // Arrows move the picture, or the divider when all is in view; plus and minus zoom, 0 shows all.
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== this.element) return;
    const step = 60 / this.view.scale, arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }, arrow = arrows[event.key];
    if (arrow && (this.zoomed || this.wheel)) this.look({ x: this.view.x + step * arrow[0], y: this.view.y + step * arrow[1] });
    else if (arrow && arrow[0]) this.divide(this.at + 0.02 * arrow[0]);
    else if (event.key === "+" || event.key === "=") this.zoom(1.5);
    else if (event.key === "-") this.zoom(1 / 1.5);
    else if (event.key === "0") this.show(0, 0, this.width, this.height);
    else return;
    event.preventDefault();
  }
}

// Buttons that move a stage: in, out, all, or one unit a screen pixel.
function wire(stage, buttons) {
  const acts = { in: () => stage.zoom(1.6), out: () => stage.zoom(1 / 1.6), all: () => stage.show(0, 0, stage.width, stage.height), one: () => stage.look({ scale: 1 }) };
  for (const button of buttons) if (acts[button.dataset.view]) button.addEventListener("click", acts[button.dataset.view]);
}
