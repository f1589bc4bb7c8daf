/** A matrix as bytes: row r's value is scales[r] values[r, c]. */
export interface QuantizedRows {
  readonly values: Int8Array;
  readonly scales: Float32Array;
}

/** Of a byte, on either side of 0; neighbours in a product's row have it together. */
const MOST = 127;

/**
 * Rounds every row of a [rows, columns] matrix to whole numbers from -127 to 127 and a scale of its own; 0 stays 0.
 *
 * Rows that are multiplied leave room: x86 without VNNI multiplies unsigned activations by signed weights, adds two
 * neighbours' products in 16 bits, and cuts what does not fit (`vpmaddubsw`). Neighbours of one sign may therefore have
 * 128 together, 128 x 255 being the most that fits. That costs about a quarter of a step, where weights of 7 bits cost
 * a whole one.
 * @param data rows x columns values, row-major
 * @param multiplied false for a table that is only looked up
 */
export function quantizeRows(data: Float32Array, rows: number, multiplied: boolean): QuantizedRows {
  const columns = data.length / rows;
  const values = new Int8Array(data.length);
  const scales = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    const from = row * columns;
    let most = 0;
    let before = 0;
    for (let i = from; i < from + columns; i++) {
      const value = data[i] ?? 0;
      const beside = multiplied && i > from && value * before > 0 ? Math.abs(before) : 0;
      most = Math.max(most, Math.abs(value) + beside);
      before = value;
    }
    // A row of zeros has no range, but its scale must not be 0.
    const scale = Math.fround(most / MOST) || 1;
    scales[row] = scale;
    for (let i = from; i < from + columns; i++) values[i] = Math.min(MOST, Math.max(-MOST, Math.round((data[i] ?? 0) / scale)));
  }
  return { values, scales };
}
