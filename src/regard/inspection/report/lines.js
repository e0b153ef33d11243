/* Lines between the tokens of two columns: thicker and stronger where the weight is larger. */

const ROW = 22;
const HEADING = 30;
const NEAR = 8; // rows drawn above and below what is seen
const WIDEST = 720;
const MOST_LINES = 400;
// Of a token that is pointed at, as parts of its largest weight: what is drawn, what has a figure.
const FAINT = 0.005;
const SMALL = 0.05;
const LEAST_WEIGHTS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5];

class LinesView {
  constructor(stage) {
    this.stage = stage;
    this.canvas = draw("svg", { "font-family": FONT, "aria-hidden": true });
    this.element = make("div", { class: "lines", tabindex: 0, role: "application" }, this.canvas);
    this.paintSoon = onceAFrame(() => this.paint());
    this.listen();
  }

  show(matrix) {
    const { query, key, row, column } = matrix;
    this.matrix = matrix;
    this.numRows = Math.max(query.length, key.length);
    this.chosenLeast = null;
    this.element.scrollTop = 0;
    this.element.setAttribute(
      "aria-label",
      `Lines from ${query.length} ${row} tokens to ${key.length} ${column} tokens. ` +
        "Arrow keys move between tokens; of each, the largest weights are read out.",
    );
  }

  /** From which weight on lines are drawn. */
  get least() {
    this.chosenLeast ??= leastOf(this.matrix);
    return this.chosenLeast;
  }

  set least(weight) {
    this.chosenLeast = weight;
  }

  /** Return which of the two columns the cursor points at, and which token there. */
  get pointed() {
    const { row = null, column = null } = this.stage.cursor ?? {};
    if ((row === null) === (column === null)) return null;
    return row === null ? { side: "key", place: column } : { side: "query", place: row };
  }

  pointAt(side, place) {
    const isQuery = side === "query";
    this.stage.point({ row: isQuery ? place : null, column: isQuery ? null : place });
  }

  /* Painting */

  /** Return where everything stands, in pixels, and which rows are seen. */
  layout() {
    const { query, key } = this.matrix;
    const width = Math.min(this.element.clientWidth, WIDEST);
    const widestName = 12 + 1.1 * Math.max(widest(query), widest(key));
    const name = Math.min(0.3 * width, widestName);
    const gap = Math.min(width - 2 * name, 260);
    const first = Math.floor((this.element.scrollTop - HEADING) / ROW) - NEAR;
    const last = first + Math.ceil(this.element.clientHeight / ROW) + 2 * NEAR;
    return {
      width: 2 * name + gap, height: HEADING + ROW * this.numRows + 6,
      left: name, right: name + gap, room: name - 12, seen: [Math.max(0, first), last],
    };
  }

  paint() {
    if (!this.matrix || !this.element.clientWidth) return;
    const layout = this.layout();
    const { width, height } = layout;
    filled(this.canvas, { width, height, viewBox: `0 0 ${width} ${height}` });
    this.canvas.replaceChildren(...this.parts(layout));
  }

  /** Return what is seen as a drawing of its own. */
  drawing() {
    const layout = this.layout();
    const top = this.element.scrollTop;
    const height = Math.min(layout.height - top, this.element.clientHeight);
    const moved = draw("g", { transform: `translate(0 ${-top})` }, ...this.parts(layout));
    return sheet(layout.width, height, moved);
  }

  parts(layout) {
    const lines = this.pointed ? this.linesOfPointed() : this.linesIn(layout.seen);
    const paths = lines.map((line) => this.path(layout, line));
    return [
      draw("g", { fill: "none", stroke: theme().focus }, ...paths),
      ...this.names(layout, "query", lines),
      ...this.names(layout, "key", lines),
    ];
  }

  /** Return the lines of the token that is pointed at, the smallest weight first. */
  linesOfPointed() {
    const { side, place } = this.pointed;
    const lines = side === "query"
      ? this.matrix.inRow(place).map(([key, weight]) => ({ query: place, key, weight }))
      : this.matrix.inColumn(place).map(([query, weight]) => ({ query, key: place, weight }));
    return lines.filter(({ weight }) => weight >= FAINT * lines[0].weight).reverse();
  }

  /** Return the strongest of the lines that end in some rows, the smallest weight first. */
  linesIn([first, last]) {
    const isSeen = (place) => place >= first && place < last;
    const found = [];
    for (let query = 0; query < this.matrix.query.length; query++) {
      for (const [key, weight] of this.matrix.inRow(query)) {
        if (weight < this.least) break;
        if (isSeen(query) || isSeen(key)) found.push({ query, key, weight });
      }
    }
    return found.sort((one, other) => one.weight - other.weight).slice(-MOST_LINES);
  }

  path({ left, right }, { query, key, weight }) {
    const [from, to, bend] = [middle(query), middle(key), 0.45 * (right - left)];
    const share = Math.min(1, weight / this.stage.most);
    return draw("path", {
      d: `M${left} ${from}C${left + bend} ${from} ${right - bend} ${to} ${right} ${to}`,
      "stroke-width": (0.6 + 4.4 * share).toFixed(2),
      "stroke-opacity": (0.12 + 0.8 * share).toFixed(2),
    });
  }

  /** Return what a side is called and its tokens, those with lines stronger than the others. */
  names(layout, side, lines) {
    const { x, anchor } = placeOf(layout, side);
    const title = side === "query" ? this.matrix.row : this.matrix.column;
    const weights = new Map(lines.map((line) => [line[side], line.weight]));
    const [first, last] = layout.seen;
    const tokens = this.matrix[side].slice(first, last);
    const quiet = { fill: theme().quiet, "font-size": LETTER };
    return [
      written(title, x, 12, anchor, quiet),
      ...tokens.flatMap((token, at) => this.name(layout, side, token, first + at, weights)),
    ];
  }

  name(layout, side, token, place, weights) {
    const { x, anchor } = placeOf(layout, side);
    const { pointed } = this;
    const isPointed = pointed?.side === side && pointed.place === place;
    const isFaint = pointed && !isPointed && !weights.has(place);
    const name = written(cut(token, layout.room, LETTER + 1), x, middle(place), anchor, {
      "font-size": LETTER + 1,
      "font-weight": isPointed ? 700 : 400,
      fill: isPointed ? theme().focus : theme().text,
      "fill-opacity": isFaint ? 0.35 : 1,
    });
    const hasFigure = pointed && pointed.side !== side && weights.has(place);
    const least = hasFigure && SMALL * Math.max(...weights.values());
    return hasFigure && weights.get(place) >= least
      ? [name, ...this.figure(layout, side, place, weights.get(place))]
      : [name];
  }

  /** Return a weight at the end of its line. */
  figure({ left, right }, side, place, weight) {
    const text = percentage(weight);
    const width = widthOf(text, LETTER - 1) + 8;
    const [start, x, anchor] = side === "query"
      ? [left, left + 4, "start"]
      : [right - width, right - 4, "end"];
    const box = { x: start, y: middle(place) - 8, width, height: 16, fill: theme().page };
    const attributes = { "font-size": LETTER - 1, fill: theme().text };
    return [draw("rect", box), written(text, x, middle(place), anchor, attributes)];
  }

  canMagnify() {
    return false;
  }

  /* Pointing and moving */

  listen() {
    const on = (event, act) => this.element.addEventListener(event, act);
    on("scroll", this.paintSoon);
    on("pointermove", (event) => this.pointUnder(event));
    on("pointerdown", (event) => this.pointUnder(event));
    on("pointerleave", () => this.stage.point(null));
    on("keydown", (event) => this.press(event));
    new ResizeObserver(this.paintSoon).observe(this.element);
  }

  pointUnder(event) {
    const edge = this.canvas.getBoundingClientRect();
    const place = Math.floor((event.clientY - edge.top - HEADING) / ROW);
    const side = event.clientX - edge.left < edge.width / 2 ? "query" : "key";
    const isBeside = event.clientX > edge.right;
    if (isBeside || place < 0 || place >= this.matrix[side].length) this.stage.point(null);
    else this.pointAt(side, place);
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { side, place } = this.pointed ?? { side: "query", place: null };
    const moves = { ArrowUp: -1, ArrowDown: 1, PageUp: -10, PageDown: 10 };
    const ends = { Home: 0, End: Infinity };
    const sides = { ArrowLeft: "query", ArrowRight: "key" };
    if (event.key === "Escape") this.stage.point(null);
    else if (event.key in moves) this.go(side, place === null ? 0 : place + moves[event.key]);
    else if (event.key in ends) this.go(side, ends[event.key]);
    else if (event.key in sides) this.go(sides[event.key], place ?? 0);
    else return;
    event.preventDefault();
  }

  go(side, place) {
    const to = between(0, place, this.matrix[side].length - 1);
    const [top, height] = [HEADING + to * ROW, this.element.clientHeight];
    this.element.scrollTop = between(top + 2 * ROW - height, this.element.scrollTop, top - HEADING);
    this.pointAt(side, to);
  }
}

const middle = (place) => HEADING + ROW * (place + 0.5);

const placeOf = ({ left, right }, side) =>
  side === "query" ? { x: left - 8, anchor: "end" } : { x: right + 8, anchor: "start" };

/** Return from which weight on lines are drawn, so that they can be told apart. */
function leastOf(matrix) {
  const enough = Math.max(30, 3 * Math.max(matrix.query.length, matrix.key.length));
  const counts = LEAST_WEIGHTS.map(() => 0);
  for (const weight of matrix.links.weights) {
    for (let at = 0; weight >= LEAST_WEIGHTS[at]; at++) counts[at]++;
  }
  return LEAST_WEIGHTS.find((_, at) => counts[at] <= enough) ?? LEAST_WEIGHTS.at(-1);
}
