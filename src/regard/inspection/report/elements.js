/* Elements, texts that fit their place, and colours that follow the screen and the paper. */

const FONT = 'system-ui, "Noto Sans", "Noto Sans CJK SC", sans-serif';
const SVG = "http://www.w3.org/2000/svg";

const make = (tag, attributes, ...children) =>
  filled(document.createElement(tag), attributes, children);

const draw = (tag, attributes, ...children) =>
  filled(document.createElementNS(SVG, tag), attributes, children);

function filled(element, attributes = {}, children = []) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function button(label, act, attributes = {}) {
  const made = make("button", { type: "button", ...attributes }, label);
  made.addEventListener("click", act);
  return made;
}

const between = (least, number, most) => Math.min(Math.max(number, least), most);

/** Call for the last of several requests only, before the next frame is shown. */
function onceAFrame(act) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      act();
    });
  };
}

/* Colours */

const night = matchMedia("screen and (prefers-color-scheme: dark)");
const painters = new Map();
let onPaper = false;

const theme = () => THEMES[night.matches && !onPaper ? "dark" : "light"];

/** Paint now, and again whenever the colours change while the element is in the page. */
function painted(element, paint) {
  painters.set(element, paint);
  paint();
}

function repaint() {
  for (const [element, paint] of painters) {
    if (element.isConnected) paint();
    else painters.delete(element);
  }
}

function turnTo(paper) {
  onPaper = paper;
  repaint();
}

night.addEventListener("change", repaint);
addEventListener("beforeprint", () => turnTo(true));
addEventListener("afterprint", () => turnTo(false));

/** Return the colour of a weight where `top` has the last colour of the scale. */
const colourOf = (weight, top) => theme().weights[Math.round(100 * between(0, weight / top, 1))];

/** Return black or white, whichever is easier to read on a colour written as #rrggbb. */
function inkOn(colour) {
  const [red, green, blue] = [1, 3, 5].map(
    (at) => (parseInt(colour.slice(at, at + 2), 16) / 255) ** 2.2,
  );
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#000000" : "#ffffff";
}

/* Texts */

const ruler = document.createElement("canvas").getContext("2d");
const segmenter = new Intl.Segmenter();
const RIGHT_TO_LEFT = /^\P{L}*[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{sc=Thaana}]/u;
const WIDE = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/u;

const fontOf = (size, weight = 400) => `${weight} ${size}px ${FONT}`;
const directionOf = (text) => (RIGHT_TO_LEFT.test(text) ? "rtl" : "ltr");
const letters = (text) => Array.from(segmenter.segment(text), (part) => part.segment);

function widthOf(text, size) {
  ruler.font = fontOf(size);
  return ruler.measureText(text).width;
}

/** Return the text, or its beginning and an ellipsis, no wider than the room there is. */
function cut(text, room, size) {
  const width = widthOf(text, size);
  if (width <= room) return text;
  const kept = letters(text);
  kept.length = Math.max(1, Math.ceil((kept.length * room) / width));
  while (kept.length > 1 && widthOf(`${kept.join("")}…`, size) > room) kept.pop();
  return `${kept.join("")}…`;
}

/** Return a weight as people read it, to three digits. */
function percentage(weight) {
  const percent = 100 * weight;
  if (percent > 0 && percent < 0.001) return "< 0.001 %";
  return `${Number(percent.toPrecision(3))} %`;
}
