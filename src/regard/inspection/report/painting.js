/* A matrix on a canvas: cells, and beside them names or ticks. */

const FIRST_VISIBLE_PERCENT = 5;

function paintMatrix(context, frame, picture) {
  within(context, frame, () => {
    const { canvas, x, y, width, height } = pixelsOf(frame, picture);
    context.imageSmoothingEnabled = false;
    context.drawImage(canvas, x, y, width, height);
    if (frame.pixelsOf(picture) >= GAPPED_FROM) paintGaps(context, frame, picture);
    const isExact = picture.across * picture.down === 1;
    if (isExact && frame.pixelsOf(picture) >= NUMBERED_FROM) paintNumbers(context, frame, picture);
  });
  paintLabels(context, frame, frame.rows, paintBeside);
  paintLabels(context, frame, frame.columns, paintAbove);
}

/** Paint something of which nothing is seen beyond the cells. */
function within(context, frame, paint) {
  context.save();
  context.beginPath();
  context.rect(...frame.box);
  context.clip();
  paint();
  context.restore();
}

/** Return the colours of all bytes that a cell may be, as a canvas keeps them. */
function coloursOfBytes(largest, most) {
  const colours = new Uint32Array(256);
  for (let cell = 1; cell < 256; cell++) {
    const colour = colourOf(((cell - 1) / LEVELS) * largest, most);
    const [red, green, blue] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
    colours[cell] = 0xff000000 | (blue << 16) | (green << 8) | red;
  }
  return colours;
}

/** Make a canvas have a pixel for every cell of a part of a picture. */
function paintPixels(canvas, picture, [left, right], [top, bottom], colours) {
  filled(canvas, { width: right - left, height: bottom - top });
  // Said to be read often, it stays where the pixels are written.
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const image = context.createImageData(canvas.width, canvas.height);
  const pixels = new Uint32Array(image.data.buffer);
  for (let row = top, at = 0; row < bottom; row++) {
    const start = row * picture.width;
    for (let column = left; column < right; column++, at++) {
      pixels[at] = colours[picture.cells[start + column]];
    }
  }
  context.putImageData(image, 0, 0);
}

/** Return the cells of a picture that are shown, a pixel each, and where they stand. */
function pixelsOf({ matrix, rows, columns, most }, picture) {
  const { across, down } = picture;
  const canvas = make("canvas");
  const [shownAcross, shownDown] = [columns.cells(across), rows.cells(down)];
  const colours = coloursOfBytes(matrix.largest, most);
  paintPixels(canvas, picture, shownAcross, shownDown, colours);
  return {
    canvas,
    x: columns.at(shownAcross[0] * across),
    y: rows.at(shownDown[0] * down),
    width: canvas.width * across * columns.pixels,
    height: canvas.height * down * rows.pixels,
  };
}

function paintGaps(context, frame, picture) {
  const [x, y, width, height] = frame.box;
  const [columns, rows] = [frame.columns.cells(picture.across), frame.rows.cells(picture.down)];
  context.fillStyle = theme().page;
  for (let row = rows[0]; row <= rows[1]; row++) {
    context.fillRect(x, Math.round(frame.rows.at(row * picture.down)), width, 1);
  }
  for (let column = columns[0]; column <= columns[1]; column++) {
    context.fillRect(Math.round(frame.columns.at(column * picture.across)), y, 1, height);
  }
}

function paintNumbers(context, frame, picture) {
  context.font = fontOf(LETTER - 1);
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (const { row, column, weight, x, y, width, height } of frame.cells(picture)) {
    const percent = Math.round(100 * (frame.matrix.known(row, column) ?? weight));
    if (percent < FIRST_VISIBLE_PERCENT) continue;
    context.fillStyle = inkOn(colourOf(weight, frame.most));
    context.fillText(percent, x + width / 2, y + height / 2 + 0.5);
  }
}

/* Names and ticks */

function paintLabels(context, frame, axis, paint) {
  for (const label of axis.labels()) {
    paintLabel(context, label, () => paint(context, label, frame));
  }
}

function paintLabel(context, { text, isName }, paint) {
  context.save();
  context.font = fontOf(isName ? LETTER : LETTER - 1);
  context.fillStyle = isName ? theme().text : theme().quiet;
  context.direction = directionOf(text);
  context.textBaseline = "middle";
  paint();
  context.restore();
}

function paintBeside(context, { text, at, isName }, { columns: { from } }) {
  context.textAlign = "right";
  context.fillText(cut(text, from - 10, LETTER), from - 8, at);
  if (!isName) context.fillRect(from - 5, at - 0.5, 4, 1);
}

/** Write a label above a column: turned, or stacked if its letters are wide. */
function paintAbove(context, { text, at, isName }, { rows: { from } }) {
  if (!isName) {
    context.textAlign = "center";
    context.fillText(text, at, from - 13);
    context.fillRect(at - 0.5, from - 5, 1, 4);
  } else if (WIDE.test(text)) {
    paintStacked(context, letters(text).slice(0, Math.floor((from - 10) / LETTER)), at, from);
  } else {
    context.translate(at, from - 7);
    context.rotate(-Math.PI / 2);
    context.textAlign = "left";
    context.fillText(cut(text, from - 10, LETTER), 0, 0);
  }
}

function paintStacked(context, stack, at, bottom) {
  context.textAlign = "center";
  stack.forEach((letter, place) => {
    context.fillText(letter, at, bottom - 2 - (stack.length - place - 0.5) * (LETTER + 1));
  });
}

/* What is pointed at */

function paintCursor(context, frame, { row, column }) {
  const { rows, columns } = frame;
  const [left, top, width, height] = frame.box;
  within(context, frame, () => {
    const [beam, side] = [theme().beam, Math.max(1, columns.pixels)];
    context.fillStyle = beam;
    if (row !== null) context.fillRect(left, rows.at(row), width, Math.max(1, rows.pixels));
    if (column !== null) context.fillRect(columns.at(column), top, side, height);
    if (row === null || column === null || columns.pixels < 4) return;
    context.strokeStyle = theme().text;
    context.lineWidth = 2;
    context.strokeRect(columns.at(column), rows.at(row), columns.pixels, rows.pixels);
  });
  if (row !== null) paintPointed(context, frame, rows.label(row), true);
  if (column !== null) paintPointed(context, frame, columns.label(column), false);
}

/** Write the label that is pointed at over those around it. */
function paintPointed(context, frame, label, isRow) {
  const [left, top] = frame.box;
  const { at, text, isName } = label;
  if (!(isRow ? frame.rows : frame.columns).has(at)) return;
  const half = isRow || isName ? 9 : 6 + text.length * 3.5;
  for (const colour of [theme().page, theme().beam]) {
    context.fillStyle = colour;
    if (isRow) context.fillRect(0, at - half, left - 3, 2 * half);
    else context.fillRect(at - half, 0, 2 * half, top - 3);
  }
  paintLabel(context, label, () => {
    context.fillStyle = theme().text;
    (isRow ? paintBeside : paintAbove)(context, label, frame);
  });
}
