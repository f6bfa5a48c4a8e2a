"use strict";
const form = document.querySelector("form");
const status = document.querySelector(".status");
const button = form.querySelector("button");
document.documentElement.classList.add("with-script");

// A picture goes to the server, and its answer, a page like this one, gives the new result.
async function send(file) {
  if (!file || button.disabled) return;
  const body = new FormData();
  if (models) body.append("model", models.value);
  body.append("image", file, file.name || "picture.png");
  show(`Segmenting ${file.name || "the picture"} …`);
  button.disabled = true;
  try {
    const answer = await fetch(form.action, { method: "POST", body });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const result = page.querySelector(".result");
    const problem = page.querySelector(".status");
    if (result) document.querySelector(".result, .no-result").replaceWith(result);
    if (result) start(result);
    show(problem ? problem.textContent : "", !result);
  } catch {
    show(form.dataset.silence, true);
  } finally {
    button.disabled = false;
  }
}

function show(text, isBad = false) {
  status.textContent = text;
  status.classList.toggle("bad", isBad);
}

// Switches, slider and downloads of a result.
function start(result) {
  const stage = result.querySelector(".stage");
  const boxes = [...result.querySelectorAll(".areas input")];
  const draw = drawing(result, stage.querySelector(".classes"), boxes);
  const slider = result.querySelector("input[type=range]");
  const fade = () => stage.querySelectorAll(".over").forEach((over) => { over.style.opacity = slider.value / 100; });
  slider.addEventListener("input", fade);
  fade();
  boxes.forEach((box) => box.addEventListener("change", draw));
  result.querySelector(".all").addEventListener("click", (event) => {
    event.preventDefault();
    const isOn = boxes.some((box) => !box.checked);
    boxes.forEach((box) => { box.checked = isOn; });
    draw();
  });
  result.querySelectorAll(".downloads a[download]").forEach((link) => link.addEventListener("click", asFile));
  result.querySelector(".shown").addEventListener("click", (event) => {
    event.preventDefault();
    saveShown(stage, event.currentTarget.dataset.name);
  });
}

// The picture of the classes becomes a canvas; returns the function that draws it, with the classes that are on.
function drawing(result, picture, boxes) {
  const ids = bytesOf(result.dataset.ids);
  const canvas = document.createElement("canvas");
  canvas.className = picture.className;
  canvas.width = result.dataset.width;
  canvas.height = result.dataset.height;
  picture.replaceWith(canvas);
  const draw = () => {
    const colours = new Uint32Array(256);
    for (const box of boxes) {
      const bytes = new Uint8Array([...box.dataset.colour.split(",").map(Number), 255]);
      if (box.checked) colours[box.value] = new Uint32Array(bytes.buffer)[0];
    }
    const picture = new ImageData(canvas.width, canvas.height);
    const pixels = new Uint32Array(picture.data.buffer);
    for (let i = 0; i < ids.length; i++) pixels[i] = colours[ids[i]];
    canvas.getContext("2d").putImageData(picture, 0, 0);
  };
  draw();
  return draw;
}

function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

// Browsers limit the length of an address that is downloaded; that of a file in memory is short.
function asFile(event) {
  event.preventDefault();
  const [head, base64] = event.currentTarget.href.split(";base64,");
  save(new Blob([bytesOf(base64)], { type: head.slice("data:".length) }), event.currentTarget.download);
}

function saveShown(stage, name) {
  const base = stage.querySelector("img");
  const canvas = document.createElement("canvas");
  canvas.width = base.naturalWidth;
  canvas.height = base.naturalHeight;
  const context = canvas.getContext("2d");
  context.drawImage(base, 0, 0);
  for (const over of stage.querySelectorAll(".over")) {
    if (getComputedStyle(over).display === "none") continue;
    context.globalAlpha = over.style.opacity;
    context.drawImage(over, 0, 0, canvas.width, canvas.height);
  }
  canvas.toBlob((blob) => save(blob, name), "image/png");
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

// The ways in which a picture comes: chosen or photographed, dropped, pasted, or sent again.
const inputs = [...form.querySelectorAll("input[type=file]")];
let last = null;
const take = (file) => { if (file) send((last = file)); };
inputs.forEach((input) => input.addEventListener("change", () => take(input.files[0])));
form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (last || inputs.some((input) => input.files.length)) take(last || inputs.find((input) => input.files.length).files[0]);
  else show(form.dataset.empty, true);
});
const models = form.querySelector("select");
if (models) models.addEventListener("change", () => take(last));
const area = document.querySelector(".drop");
document.addEventListener("dragover", (event) => { event.preventDefault(); area.classList.add("over"); });
document.addEventListener("dragleave", () => area.classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  area.classList.remove("over");
  take(event.dataTransfer.files[0]);
});
document.addEventListener("paste", (event) => take(event.clipboardData.files[0]));
const first = document.querySelector(".result");
if (first) start(first);
