/** A matrix as bytes: row r's value is scales[r] (values[r, c] - zeroPoints[r]). */
export interface QuantizedRows {
  readonly values: Uint8Array;
  readonly scales: Float32Array;
  readonly zeroPoints: Uint8Array;
}

/**
 * Rounds every row of a [rows, columns] matrix to 256 levels between its smallest and largest value, 0 among them.
 *
 * Unsigned bytes, as ONNX Runtime's own QUInt8: products of unsigned and signed bytes saturate on x86 without VNNI.
 * @param data rows x columns values, row-major
 */
export function quantizeRows(data: Float32Array, rows: number): QuantizedRows {
  const columns = data.length / rows;
  const values = new Uint8Array(data.length);
  const scales = new Float32Array(rows);
  const zeroPoints = new Uint8Array(rows);
  for (let row = 0; row < rows; row++) {
    const from = row * columns;
    let low = 0;
    let high = 0;
    for (let i = from; i < from + columns; i++) {
      low = Math.min(low, data[i] ?? 0);
      high = Math.max(high, data[i] ?? 0);
    }
    // A row of zeros has no range, but its scale must not be 0.
    const scale = Math.fround((high - low) / 255) || 1;
    const zero = Math.round(-low / scale);
    scales[row] = scale;
    zeroPoints[row] = zero;
    for (let i = from; i < from + columns; i++) values[i] = Math.min(255, Math.max(0, Math.round((data[i] ?? 0) / scale) + zero));
  }
  return { values, scales, zeroPoints };
}
