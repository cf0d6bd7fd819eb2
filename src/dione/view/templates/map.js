// Map tiles on a stage: web Mercator, 256 pixels, XYZ. A unit is a pixel at zoom DEEPEST, counted from a corner of our own.
const DEEPEST = 20, TILE = 256, WORLD = TILE * 2 ** DEEPEST, KEPT = 600, ABREAST = 8;

const across = longitude => (longitude / 360 + 0.5) * WORLD;
const down = latitude => (0.5 - Math.asinh(Math.tan(latitude * Math.PI / 180)) / (2 * Math.PI)) * WORLD;
const degrees = (x, y) => [(x / WORLD % 1 - 0.5) * 360, Math.atan(Math.sinh((0.5 - y / WORLD) * 2 * Math.PI)) * 180 / Math.PI];

// Tiles by their address: asked for once, a few at a time, the newest wish first, the longest unused forgotten.
class Tiles {
  constructor(arrived, failed) {
    Object.assign(this, { arrived, failed, kept: new Map(), wishes: [], asked: 0 });
  }

  get(address, wanted = true) {
    let tile = this.kept.get(address);
    if (tile) {
      this.kept.delete(address);
      this.kept.set(address, tile);
    } else if (wanted) {
      tile = new Image();
      this.kept.set(address, tile);
      this.wishes.push([address, tile]);
      if (this.kept.size > KEPT) this.kept.delete(this.kept.keys().next().value);
      this.ask();
    }
    return tile?.complete && tile.naturalWidth ? tile : null;
  }

  ask() {
    while (this.asked < ABREAST && this.wishes.length) {
      const [address, tile] = this.wishes.pop();
      this.asked += 1;
      tile.onload = () => { this.asked -= 1; this.arrived(); this.ask(); };
      tile.onerror = () => { this.failed(address); tile.onload(); };
      tile.src = address;
    }
  }

  // Nothing that is not asked for yet is wanted any more.
  forget() {
    for (const [address] of this.wishes) this.kept.delete(address);
    this.wishes = [];
  }

  get busy() { return this.asked + this.wishes.length > 0; }
}

// Draw a layer of tiles over the box (left, top, right, bottom; units from the world's corner), those of lower zooms where the right ones are not there yet.
function lay(context, tiles, layer, view, box, corner) {
  const zoom = Math.max(0, Math.min(layer.deepest, Math.round(DEEPEST + Math.log2(view.scale)))), size = TILE * 2 ** (DEEPEST - zoom);
  const [left, top, right, bottom] = box.map(edge => edge / size);
  for (let y = Math.floor(top); y < bottom; y++)
    for (let x = Math.floor(left); x < right; x++) put(context, tiles, layer, [zoom, x, y], size, corner);
}

function put(context, tiles, layer, [zoom, x, y], size, corner) {
  for (let up = 0; up <= Math.min(4, zoom); up++) {
    const tile = tiles.get(layer.address(zoom - up, (x >> up) % 2 ** (zoom - up), y >> up), up === 0), part = TILE >> up;  // beyond 180° the world begins anew
    if (!tile) continue;
    context.drawImage(tile, (x % 2 ** up) * part, (y % 2 ** up) * part, part, part, x * size - corner[0], y * size - corner[1], size, size);
    return;
  }
}
