/* Which part of a matrix is shown, and where: the same for a canvas and for SVG. */

const LETTER = 12;
const NAMED_FROM = 11.5; // pixels of a token whose name can be read
const NUMBERED_FROM = 26; // pixels of a cell in which a number can be read
const GAPPED_FROM = 7;

/**
 * The rows or the columns that are shown: from the token `first` on, each of so many `pixels`, on
 * `length` pixels that begin `from` pixels after the edge. Ticks keep `apart` so many pixels.
 */
class Axis {
  constructor(tokens, { from, length, first, pixels, apart }) {
    Object.assign(this, { tokens, from, length, first, pixels, apart });
  }

  /** Return where a token begins, in pixels. */
  at(token) {
    return this.from + (token - this.first) * this.pixels;
  }

  /** Return the token at a place in pixels, or null beyond those shown. */
  tokenAt(place) {
    const token = Math.floor(this.first + (place - this.from) / this.pixels);
    return this.has(place) && token < this.tokens.length ? token : null;
  }

  has(place) {
    return place >= this.from && place <= this.from + this.length;
  }

  get isNamed() {
    return this.pixels >= NAMED_FROM;
  }

  /** Return the first cell that is shown and the one after the last, of so many tokens each. */
  cells(step = 1) {
    const last = Math.min(this.first + this.length / this.pixels, this.tokens.length);
    return [Math.floor((this.first + 1e-6) / step), Math.ceil((last - 1e-6) / step)];
  }

  /** Return where a cell begins and how long it is; the last may stand for fewer tokens. */
  extent(cell, step) {
    const [start, end] = [cell * step, Math.min((cell + 1) * step, this.tokens.length)];
    return [this.at(start), (end - start) * this.pixels];
  }

  /** Return what is written beside the tokens, names or else some numbers, and where. */
  labels() {
    const every = this.isNamed ? 1 : tickStep(this.pixels, this.apart);
    const [first, last] = this.cells();
    const found = [];
    for (let token = Math.ceil(first / every) * every; token < last; token += every) {
      if (this.has(this.at(token + 0.5))) found.push(this.label(token));
    }
    return found;
  }

  label(token) {
    const text = this.isNamed ? this.tokens[token] : String(token);
    return { text, at: this.at(token + 0.5), isName: this.isNamed };
  }
}

/** The rows and columns of a matrix that are shown; `most` has the last colour of the scale. */
class Frame {
  constructor(matrix, rows, columns, most) {
    Object.assign(this, { matrix, rows, columns, most });
  }

  get box() {
    return [this.columns.from, this.rows.from, this.columns.length, this.rows.length];
  }

  /** Return how many pixels a cell of a picture is wide or high, whichever is less. */
  pixelsOf(picture) {
    return Math.min(picture.across * this.columns.pixels, picture.down * this.rows.pixels);
  }

  /** Return each cell of a picture that is shown: where it stands, and its weight. */
  *cells(picture) {
    const [left, right] = this.columns.cells(picture.across);
    const [top, bottom] = this.rows.cells(picture.down);
    for (let row = top; row < bottom; row++) {
      const [y, height] = this.rows.extent(row, picture.down);
      for (let column = left; column < right; column++) {
        const weight = this.matrix.ofCell(picture, row, column);
        if (weight === null) continue;
        const [x, width] = this.columns.extent(column, picture.across);
        yield { row, column, weight, x, y, width, height };
      }
    }
  }
}

/** Return the least of 2, 5, 10, 20, … tokens that are so many pixels apart. */
function tickStep(pixels, apart) {
  for (let unit = 1; ; unit *= 10) {
    for (const step of [2, 5, 10]) if (step * unit * pixels >= apart) return step * unit;
  }
}

/** Return how wide the widest name is: of very many, of those that have most letters. */
function widest(tokens) {
  const longest = [...new Set(tokens)].sort((one, other) => other.length - one.length);
  return Math.max(...longest.slice(0, 40).map((token) => widthOf(token.slice(0, 60), LETTER)));
}
