const form = document.querySelector(".controls"), element = document.querySelector(".stage");
const pictures = [...document.querySelectorAll(".pictures img")];
const truth = pictures.find(picture => picture.dataset.name === "truth");
let stage;

const named = (example, name) => pictures.find(picture => picture.dataset.name === name && picture.closest("[data-example]").dataset.example === example);

function paint(context, side) {
  const chosen = new FormData(form), names = [chosen.get(side), side === "right" && chosen.get("overlay")];
  context.imageSmoothingEnabled = false;
  for (const name of names) {
    const picture = name && named(chosen.get("example"), name);
    if (picture) context.drawImage(picture, 0, 0, stage.width, stage.height);
  }
}

function show() {
  const chosen = new FormData(form);
  element.querySelector(".tag.left").textContent = chosen.get("left");
  element.querySelector(".tag.right").textContent = chosen.get("right");
  stage.draw();
}

truth.decode().then(() => {
  element.style.aspectRatio = truth.naturalWidth / truth.naturalHeight;
  stage = new Stage(element, { width: truth.naturalWidth, height: truth.naturalHeight, most: 32, paint });
  form.addEventListener("change", show);
  form.addEventListener("submit", event => event.preventDefault());
  show();
});
for (const picture of pictures) if (!picture.complete) picture.addEventListener("load", () => stage?.draw());
