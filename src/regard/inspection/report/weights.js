/* Weights as they travel: cells of a picture as bytes, and the largest weights of each row. */

const LEVELS = 254;

const decode = (text) =>
  Uint8Array.fromBase64
    ? Uint8Array.fromBase64(text)
    : Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

function inflate(text) {
  const packed = new Blob([decode(text)]).stream();
  return new Response(packed.pipeThrough(new DecompressionStream("deflate"))).arrayBuffer();
}

/** Return a matrix for each head of an attention. */
async function unpacked(attention) {
  const names = ["cells", "weights", "keys"];
  const [cells, weights, keys] = await Promise.all(names.map((name) => inflate(attention[name])));
  const Index = attention.key.length > 1 << 16 ? Uint32Array : Uint16Array;
  const all = {
    cells: new Uint8Array(cells), weights: new Float32Array(weights), keys: new Index(keys),
  };
  return attention.heads.map(
    (head, place) => new Matrix(attention, head, part(attention, all, place)),
  );
}

/** Return the matrix of an attention with one head, which is not unpacked before somebody asks. */
function outlined(attention) {
  const matrix = new Matrix(attention, attention.heads[0]);
  let asked = null;
  matrix.unpack = () => {
    asked ??= unpacked(attention).then(([{ picture, links }]) => {
      Object.assign(matrix, { picture, links });
    });
    return asked;
  };
  return matrix;
}

/** Return the picture of one head, and the largest weights of its rows, largest first. */
function part({ query, key, kept, steps: [down, across] }, all, place) {
  const [width, height] = [Math.ceil(key.length / across), Math.ceil(query.length / down)];
  const cells = all.cells.subarray(place * width * height, (place + 1) * width * height);
  const [from, to] = [place, place + 1].map((at) => at * query.length * kept);
  return {
    picture: { cells, width, height, across, down },
    links: { weights: all.weights.subarray(from, to), keys: all.keys.subarray(from, to) },
  };
}

/** Return a picture whose cells are the largest of so many cells of another one. */
function coarser(picture, across, down) {
  const width = Math.ceil(picture.width / across);
  const height = Math.ceil(picture.height / down);
  const cells = new Uint8Array(width * height);
  for (let row = 0; row < picture.height; row++) {
    const into = Math.floor(row / down) * width;
    const from = row * picture.width;
    for (let column = 0, place = into; column < picture.width; place++) {
      const end = Math.min(column + across, picture.width);
      let most = cells[place];
      for (; column < end; column++) {
        if (picture.cells[from + column] > most) most = picture.cells[from + column];
      }
      cells[place] = most;
    }
  }
  return { cells, width, height, across: across * picture.across, down: down * picture.down };
}

/** The weights of one head, or of an alignment. */
class Matrix {
  constructor({ query, key, kept, largest, row, column }, head, parts = {}) {
    Object.assign(this, { query, key, kept, largest, row, column, head, ...parts });
    this.isWhole = kept === key.length;
    this.pictures = new Map();
  }

  /** Wait for the picture and the links. */
  async unpack() {}

  /** Return the finest picture of which no cell is smaller than a pixel. */
  pictureFor(pixelsAcross, pixelsDown) {
    let found = this.picture;
    for (;;) {
      const across = found.across * pixelsAcross < 1 ? 2 : 1;
      const down = found.down * pixelsDown < 1 ? 2 : 1;
      if (across * down === 1) return found;
      found = this.halved(found, across, down);
    }
  }

  halved(picture, across, down) {
    const name = `${across * picture.across} ${down * picture.down}`;
    if (!this.pictures.has(name)) this.pictures.set(name, coarser(picture, across, down));
    return this.pictures.get(name);
  }

  /** Return at most so many of the largest weights of a row, as [key, weight]. */
  inRow(row, count = this.kept) {
    const found = [];
    for (let at = row * this.kept; found.length < Math.min(count, this.kept); at++) {
      if (this.links.weights[at] <= 0) break;
      found.push([this.links.keys[at], this.links.weights[at]]);
    }
    return found;
  }

  /** Return at most so many of the largest known weights of a column, as [query, weight]. */
  inColumn(column, count = Infinity) {
    const { weights, keys } = this.links;
    const found = [];
    for (let at = 0; at < keys.length; at++) {
      if (keys[at] !== column || weights[at] <= 0) continue;
      found.push([Math.floor(at / this.kept), weights[at]]);
    }
    return found.sort((one, other) => other[1] - one[1]).slice(0, count);
  }

  /** Return the weight that a cell stands for; null where nothing may be attended. */
  ofCell(picture, row, column) {
    const cell = picture.cells[row * picture.width + column];
    return cell ? ((cell - 1) / LEVELS) * this.largest : null;
  }

  /** Return a weight if it is one of the largest of its row, else undefined. */
  known(row, column) {
    return this.inRow(row).find(([key]) => key === column)?.[1];
  }

  /** Say what is known of a weight: exactly, or what its cell shows. */
  said(row, column) {
    const { across, down } = this.picture;
    const cell = [Math.floor(row / down), Math.floor(column / across)];
    const [shown, known] = [this.ofCell(this.picture, ...cell), this.known(row, column)];
    if (shown === null) return "may not be attended";
    if (known) return percentage(known);
    const least = this.kept ? this.links.weights[(row + 1) * this.kept - 1] : Infinity;
    if (this.isWhole || !least) return "0 %";
    if (across * down === 1 && shown > 0) return `about ${percentage(shown)}`;
    const bound = percentage(Math.min(least, shown || this.largest / LEVELS));
    return bound.startsWith("<") ? bound : `at most ${bound}`;
  }

  /** Return all weights, or those that are known of each row, for machines. */
  toJSON() {
    const exact = (weight) => Number(weight.toPrecision(7));
    const rows = this.query.map((_, row) => this.inRow(row));
    if (!this.isWhole) {
      return { largest: rows.map((row) => row.map(([key, weight]) => [key, exact(weight)])) };
    }
    return {
      weights: rows.map((row) => {
        const dense = new Array(this.key.length).fill(0);
        for (const [key, weight] of row) dense[key] = exact(weight);
        return dense;
      }),
    };
  }
}
