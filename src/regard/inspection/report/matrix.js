/* A matrix on a canvas: all of it, or the part that somebody has come closer to. */

const LARGEST_CELL = 34;
const LEAST_SIDE = 120;
const TALLEST = 560;
const ZOOM = 1.5;
// How much stands beside rows and above columns that have no names.
const TICKS = { rows: 46, columns: 28 };

class MatrixView {
  constructor(stage) {
    this.stage = stage;
    this.canvas = make("canvas");
    this.element = make("div", { class: "matrix", tabindex: 0, role: "application" }, this.canvas);
    this.paintSoon = onceAFrame(() => this.paint());
    this.listen();
  }

  show(matrix) {
    const { query, key, row, column } = matrix;
    this.matrix = matrix;
    this.tokens = { rows: query, columns: key };
    const room = (tokens, most) => Math.round(between(32, 14 + widest(tokens), most));
    this.names = { rows: room(query, 150), columns: room(key, 120) };
    this.showAll();
    this.element.setAttribute(
      "aria-label",
      `Matrix of ${query.length} ${row} × ${key.length} ${column} tokens. ` +
        "Arrow keys move between cells, plus and minus change the size, 0 shows all.",
    );
  }

  /* What is seen where */

  /** Return the pixels of a token where all is seen, and how much stands beside the cells. */
  fit() {
    return this.fitBeside(this.roomFor(this.fitBeside(this.names).pixels));
  }

  fitBeside(room) {
    const [numRows, numColumns] = [this.tokens.rows.length, this.tokens.columns.length];
    const across = (this.element.clientWidth - room.rows - 2) / numColumns;
    const down = (TALLEST - room.columns) / numRows;
    const even = Math.min(across, down, LARGEST_CELL);
    // A side with few tokens is stretched beside one with very many.
    const pixels = (most, number) =>
      Math.min(most, LARGEST_CELL, Math.max(even, LEAST_SIDE / number));
    return { room, pixels: { rows: pixels(down, numRows), columns: pixels(across, numColumns) } };
  }

  /** Return how much stands beside rows and columns of so many pixels: names, or ticks. */
  roomFor(pixels) {
    const of = (side) => (pixels[side] >= NAMED_FROM ? this.names : TICKS)[side];
    return { rows: of("rows"), columns: of("columns") };
  }

  frame() {
    const fit = this.fit();
    const room = this.roomFor({
      rows: fit.pixels.rows * this.zoom, columns: fit.pixels.columns * this.zoom,
    });
    const axis = (side, other, apart) => {
      const tokens = this.tokens[side];
      const pixels = fit.pixels[side] * this.zoom;
      // Names that come with the size take their room from the cells.
      const left = fit.room[other] + fit.pixels[side] * tokens.length - room[other];
      const length = Math.max(left, Math.min(LEAST_SIDE, pixels * tokens.length));
      const first = between(0, this.first[side], tokens.length - length / pixels);
      this.first[side] = first;
      return new Axis(tokens, { from: room[other], length, first, pixels, apart });
    };
    const [rows, columns] = [axis("rows", "columns", 26), axis("columns", "rows", 44)];
    return new Frame(this.matrix, rows, columns, this.stage.most);
  }

  get mostZoom() {
    const { rows, columns } = this.fit().pixels;
    return Math.max(1, LARGEST_CELL / Math.min(rows, columns));
  }

  /** Paint anew; there may be more or less to come closer to. */
  resized() {
    if (!this.matrix || this.stage.view !== this) return;
    this.stage.arrange();
    this.paint();
  }

  /** Return whether more can be seen than all at once shows. */
  canMagnify() {
    return this.mostZoom > 1.2;
  }

  /* Painting */

  paint() {
    if (!this.matrix || !this.element.clientWidth) return;
    const frame = this.frame();
    const context = this.prepared(frame);
    paintMatrix(context, frame, this.pictureOf(frame));
    if (this.stage.cursor) paintCursor(context, frame, this.stage.cursor);
  }

  /** Return a clean canvas of the frame's size, in the pixels that the screen has. */
  prepared(frame) {
    const [left, top, width, height] = frame.box;
    const size = { width: left + width + 2, height: top + height + 2 };
    for (const [side, pixels] of Object.entries(size)) {
      this.canvas[side] = Math.round(pixels * devicePixelRatio);
      this.canvas.style[side] = `${pixels}px`;
    }
    const context = this.canvas.getContext("2d");
    context.scale(devicePixelRatio, devicePixelRatio);
    return context;
  }

  pictureOf({ rows, columns }) {
    const dots = devicePixelRatio;
    return this.matrix.pictureFor(columns.pixels * dots, rows.pixels * dots);
  }

  drawing() {
    const frame = this.frame();
    return drawnMatrix(frame, this.pictureOf(frame));
  }

  /* Pointing and moving */

  listen() {
    const on = (event, act) => this.element.addEventListener(event, act);
    on("pointerdown", (event) => this.grab(event));
    on("pointermove", (event) => this.move(event));
    for (const end of ["pointerup", "pointercancel"]) on(end, () => this.release());
    on("pointerleave", () => this.stage.point(null));
    on("keydown", (event) => this.press(event));
    this.element.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    new ResizeObserver(onceAFrame(() => this.resized())).observe(this.element);
  }

  placeOf(event) {
    const edge = this.canvas.getBoundingClientRect();
    return { columns: event.clientX - edge.left, rows: event.clientY - edge.top };
  }

  pointAt(event) {
    const [frame, place] = [this.frame(), this.placeOf(event)];
    const [row, column] = ["rows", "columns"].map((side) => frame[side].tokenAt(place[side]));
    this.stage.point(row === null && column === null ? null : { row, column });
  }

  grab(event) {
    this.pointAt(event);
    if (this.zoom === 1) return;
    this.held = { first: { ...this.first }, place: this.placeOf(event) };
    this.element.setPointerCapture(event.pointerId);
    this.element.classList.add("held");
  }

  move(event) {
    if (!this.held) {
      this.pointAt(event);
      return;
    }
    const [frame, place] = [this.frame(), this.placeOf(event)];
    for (const side of ["rows", "columns"]) {
      const moved = (place[side] - this.held.place[side]) / frame[side].pixels;
      this.first[side] = this.held.first[side] - moved;
    }
    this.paintSoon();
  }

  release() {
    this.held = null;
    this.element.classList.remove("held");
  }

  /** Come closer only where somebody is at work: others want to scroll past. */
  wheel(event) {
    const isAtWork = event.ctrlKey || event.metaKey || document.activeElement === this.element;
    if (!isAtWork || (event.deltaY > 0 && this.zoom === 1)) return;
    event.preventDefault();
    this.magnify(ZOOM ** (-event.deltaY / 100), this.placeOf(event));
  }

  /** Come closer by a factor, to a place in pixels; without one to the cursor, or to the middle. */
  magnify(factor, place = this.centre()) {
    const frame = this.frame();
    this.zoom = between(1, this.zoom * factor, this.mostZoom);
    const next = this.frame();
    for (const side of ["rows", "columns"]) {
      const { from, length, first, pixels } = frame[side];
      const at = between(from, place[side], from + length);
      this.first[side] = first + (at - from) / pixels - (at - next[side].from) / next[side].pixels;
    }
    this.paintSoon();
  }

  centre() {
    const { rows, columns } = this.frame();
    const { row = null, column = null } = this.stage.cursor ?? {};
    const of = (axis, token) =>
      token === null ? axis.from + axis.length / 2 : axis.at(token + 0.5);
    return { rows: of(rows, row), columns: of(columns, column) };
  }

  showAll() {
    this.zoom = 1;
    this.first = { rows: 0, columns: 0 };
    this.paintSoon();
  }

  press(event) {
    const far = event.shiftKey ? 10 : 1;
    const moves = {
      ArrowUp: [-far, 0], ArrowDown: [far, 0], ArrowLeft: [0, -far], ArrowRight: [0, far],
      PageUp: [-20, 0], PageDown: [20, 0], Home: [0, -Infinity], End: [0, Infinity],
    };
    const acts = {
      "+": () => this.magnify(ZOOM), "=": () => this.magnify(ZOOM),
      "-": () => this.magnify(1 / ZOOM), 0: () => this.showAll(),
      Escape: () => this.stage.point(null),
    };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (moves[event.key]) this.go(...moves[event.key]);
    else if (acts[event.key]) acts[event.key]();
    else return;
    event.preventDefault();
  }

  /** Move the cursor by so many tokens, and the frame with it; the first key shows it. */
  go(down, across) {
    const frame = this.frame();
    const { row = null, column = null } = this.stage.cursor ?? {};
    const next = (axis, token, by) => {
      if (row === null && column === null) return axis.cells()[0];
      return between(0, (token ?? 0) + by, axis.tokens.length - 1);
    };
    const to = { rows: next(frame.rows, row, down), columns: next(frame.columns, column, across) };
    for (const side of ["rows", "columns"]) {
      const { length, pixels } = frame[side];
      this.first[side] = between(to[side] + 1 - length / pixels, this.first[side], to[side]);
    }
    this.stage.point({ row: to.rows, column: to.columns });
  }
}
