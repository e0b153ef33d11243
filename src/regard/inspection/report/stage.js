/* A stage: where one matrix is seen, as cells or as lines, with its figures and what saves it. */

const MOST_READ = 6;
const LEAST_READ = 0.01; // of the largest weight of the row
const STRETCHED_BELOW = 0.25; // the largest weight of a picture that would else be pale
const LARGE = 0.9; // from here on, nobody sees that colours are stretched

class Stage {
  /**
   * @param element which may show the matrix already, as a table.
   * @param title of what is shown, for the names of files.
   * @param all returns the weights of the whole example, for machines.
   */
  constructor(element, title, all) {
    Object.assign(this, { element, title, cursor: null });
    this.place = element.querySelector(".place");
    const table = this.place.firstElementChild;
    this.matrixView = table ? new TableView(table) : new MatrixView(this);
    this.linesView = new LinesView(this);
    this.view = this.matrixView;
    this.tools = make("div", { class: "tools" });
    this.reading = make("p", { class: "reading", role: "status" });
    const files = saves({
      SVG: ["what is shown", () => saveDrawing(this.view.drawing(), this.title)],
      JSON: ["the weights", () => saveJson(all(), this.title)],
    }, () => this.matrix.unpack());
    this.place.before(this.tools);
    this.place.after(this.reading, files);
  }

  /** Show a matrix in the view that was chosen last. */
  show(matrix, title = this.title) {
    Object.assign(this, { matrix, title });
    this.isStretched ??= matrix.largest < STRETCHED_BELOW;
    for (const view of [this.matrixView, this.linesView]) view.show(matrix);
    this.look(this.view);
  }

  async choose(view) {
    await this.matrix.unpack();
    this.look(view);
  }

  look(view) {
    this.view = this.hasLines ? view : this.matrixView;
    this.cursor = null;
    if (this.view.element.parentNode !== this.place) this.place.replaceChildren(this.view.element);
    this.arrange();
    this.read();
    this.paint();
  }

  get hasLines() {
    return this.matrix.kept > 0;
  }

  get canStretch() {
    return this.matrixView instanceof MatrixView && this.matrix.largest < LARGE;
  }

  /** The weight that has the last colour of the scale. */
  get most() {
    return this.isStretched ? this.matrix.largest || 1 : 1;
  }

  paint() {
    this.view.paint();
  }

  /** Move the cursor: { row, column }, either of which may be null, or null for none. */
  point(cursor) {
    if (cursor?.row === this.cursor?.row && cursor?.column === this.cursor?.column) return;
    this.cursor = cursor;
    this.read();
    this.view.paintSoon();
  }

  /* Tools */

  /** Put up the tools of the view, and leave the focus on the one that was used. */
  arrange() {
    const used = [...this.tools.querySelectorAll("button")].indexOf(document.activeElement);
    const isMatrix = this.view === this.matrixView;
    this.tools.replaceChildren(
      ...(this.hasLines ? [this.ways()] : []),
      ...(isMatrix && this.view.canMagnify() ? [this.sizes()] : []),
      ...(isMatrix ? [] : [this.leastWeight()]),
      ...(this.canStretch ? [this.stretching()] : []),
      ...(this.canStretch && this.isStretched && isMatrix ? [this.legend()] : []),
    );
    if (used >= 0) this.tools.querySelectorAll("button")[used]?.focus();
  }

  ways() {
    const way = (label, view) =>
      button(label, () => this.choose(view), { "aria-pressed": this.view === view });
    const both = [way("Matrix", this.matrixView), way("Lines", this.linesView)];
    return make("div", { class: "choice", role: "group", "aria-label": "View" }, ...both);
  }

  sizes() {
    const { view } = this;
    const all = [
      button("−", () => view.magnify(1 / ZOOM), { "aria-label": "Smaller" }),
      button("+", () => view.magnify(ZOOM), { "aria-label": "Larger" }),
      button("All", () => view.showAll(), { "aria-label": "Show all" }),
    ];
    return make("div", { class: "choice", role: "group", "aria-label": "Size" }, ...all);
  }

  stretching() {
    const toggle = () => {
      this.isStretched = !this.isStretched;
      this.arrange();
      this.paint();
      this.onstretch?.();
    };
    return button("Stretch scale", toggle, {
      "aria-pressed": this.isStretched,
      title: "Draw the largest weight as strongly as 100 %",
    });
  }

  legend() {
    const steps = Array.from({ length: 21 }, (_, step) => make("i", { class: `w${5 * step}` }));
    const scale = make("span", { "aria-hidden": true }, ...steps);
    return make("p", { class: "scale" }, "0", scale, percentage(this.most));
  }

  leastWeight() {
    const { linesView } = this;
    const said = make("span");
    const [max, value] = [LEAST_WEIGHTS.length - 1, LEAST_WEIGHTS.indexOf(linesView.least)];
    const slider = make("input", { type: "range", min: 0, max, value });
    const say = () => {
      said.textContent = percentage(linesView.least);
      slider.setAttribute("aria-valuetext", said.textContent);
    };
    slider.addEventListener("input", () => {
      linesView.least = LEAST_WEIGHTS[slider.value];
      say();
      linesView.paintSoon();
    });
    say();
    return make("label", { class: "least" }, "Lines from ", slider, said);
  }

  /* Figures */

  /** Say what is known of the cell, the row or the column that is pointed at. */
  read() {
    const { row = null, column = null } = this.cursor ?? {};
    const said = [];
    if (row !== null && column !== null) said.push(this.cell(row, column));
    if (row !== null) said.push(this.largest("query", row));
    else if (column !== null) said.push(this.largest("key", column));
    this.reading.replaceChildren(...(said.length ? said : [this.hint()]));
  }

  hint() {
    const { row, column } = this.matrix;
    const what = this.view === this.linesView
      ? `Lines lead from ${row} tokens to ${column} tokens; point at one to see its own.`
      : `A row per ${row} token, a column per ${column} token.`;
    const how = this.view.canMagnify()
      ? " Arrow keys move; + and −, or the wheel after a click, change the size; drag to move."
      : "";
    return make("span", { class: "quiet" }, what + how);
  }

  cell(row, column) {
    const weight = make("b", {}, this.matrix.said(row, column));
    const [query, key] = [this.token("query", row), this.token("key", column)];
    return make("span", {}, query, " ← ", key, " ", weight);
  }

  /** Say what the largest weights of a row or of a column are. */
  largest(side, place) {
    const isRow = side === "query";
    const found = this.matrix[isRow ? "inRow" : "inColumn"](place, MOST_READ);
    const worthReading = found.filter(([, weight]) => weight >= LEAST_READ * found[0][1]);
    const parts = worthReading.flatMap(([token, weight], at) => [
      at ? " · " : " ", this.token(isRow ? "key" : "query", token), ` ${percentage(weight)}`,
    ]);
    if (!parts.length) parts.push(this.hasLines ? " no weight" : " …");
    const arrow = isRow ? " ←" : " →";
    return make("span", { class: "quiet" }, this.token(side, place), arrow, ...parts);
  }

  /** Return a token's name, with its place where others have the same. */
  token(side, place) {
    const tokens = this.matrix[side];
    const name = make("bdi", { lang: "" }, cut(tokens[place], 240, 14));
    const isOnly = tokens.indexOf(tokens[place]) === tokens.lastIndexOf(tokens[place]);
    return isOnly ? name : make("span", {}, name, make("sub", {}, String(place)));
  }
}

/** A table that the page brought along, which answers by itself. */
class TableView {
  constructor(element) {
    this.element = element;
  }

  show(matrix) {
    this.matrix = matrix;
  }

  paint() {}

  canMagnify() {
    return false;
  }

  drawing() {
    return drawnWhole(this.matrix);
  }
}
