/* Drawings as SVG, in which every colour and size is told: they are saved as they are. */

const MOST_RECTANGLES = 20_000;

// A document that is not shown, in which no image is loaded: pages may not load any.
const unseen = document.implementation.createDocument(SVG, "svg");

const drawn = (tag, attributes, ...children) =>
  filled(unseen.createElementNS(SVG, tag), attributes, children);

function sheet(width, height, ...children) {
  const size = { width, height, viewBox: `0 0 ${width} ${height}` };
  const letters = { "font-family": FONT, "font-size": LETTER, fill: theme().text };
  const paper = drawn("rect", { width, height, fill: theme().page });
  return drawn("svg", { ...size, ...letters }, paper, ...children);
}

/** Return a text that begins or ends where it is told to, whatever its direction. */
function written(text, x, y, anchor, attributes = {}) {
  const direction = directionOf(text);
  const turned = { start: "end", end: "start", middle: "middle" };
  const place = {
    x, y, direction,
    "text-anchor": direction === "ltr" ? anchor : turned[anchor],
    "dominant-baseline": "central",
  };
  return draw("text", { ...place, ...attributes }, text);
}

/** Return what is shown of a matrix, from its finest picture or a coarser one. */
function drawnMatrix(frame, picture) {
  const [left, top, width, height] = frame.box;
  const parts = [
    drawnCells(frame, picture),
    ...frame.rows.labels().map((label) => drawnBeside(label, left)),
    ...frame.columns.labels().map((label) => drawnAbove(label, top)),
  ];
  return sheet(left + width + 1, top + height + 1, ...parts);
}

/** Return the whole matrix, of which nothing is on a canvas. */
function drawnWhole(matrix) {
  const axis = (tokens, beside) => new Axis(tokens, {
    from: Math.min(160, 14 + widest(beside)), length: 26 * tokens.length, first: 0, pixels: 26,
  });
  const [rows, columns] = [axis(matrix.query, matrix.key), axis(matrix.key, matrix.query)];
  return drawnMatrix(new Frame(matrix, rows, columns, 1), matrix.picture);
}

function drawnCells(frame, picture) {
  const cells = [...frame.cells(picture)];
  if (cells.length > MOST_RECTANGLES) return clipped(frame, drawnPixels(frame, picture));
  const gap = frame.pixelsOf(picture) >= GAPPED_FROM ? 1 : 0;
  const rectangles = cells.map(({ weight, x, y, width, height }) => {
    const fill = colourOf(weight, frame.most);
    return drawn("rect", { x, y, width: width - gap, height: height - gap, fill });
  });
  return clipped(frame, ...rectangles);
}

/** Return so many cells as one image. */
function drawnPixels(frame, picture) {
  const { canvas, ...place } = pixelsOf(frame, picture);
  const attributes = { preserveAspectRatio: "none", "image-rendering": "pixelated" };
  return drawn("image", { href: canvas.toDataURL(), ...place, ...attributes });
}

/** Return parts of which nothing is seen beyond the cells. */
function clipped(frame, ...parts) {
  const [x, y, width, height] = frame.box;
  const viewBox = [x, y, width, height].join(" ");
  return drawn("svg", { x, y, width, height, viewBox }, ...parts);
}

const fillOf = ({ isName }) => ({ fill: isName ? theme().text : theme().quiet });

const drawnBeside = (label, left) =>
  written(cut(label.text, left - 10, LETTER), left - 8, label.at, "end", fillOf(label));

function drawnAbove(label, top) {
  const { text, at, isName } = label;
  if (!isName) return written(text, at, top - 13, "middle", fillOf(label));
  const transform = `rotate(-90 ${at} ${top - 7})`;
  const attributes = { ...fillOf(label), transform };
  return written(cut(text, top - 10, LETTER), at, top - 7, "start", attributes);
}
