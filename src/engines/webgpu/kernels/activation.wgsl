// GELU in both forms, and ReLU, with their slopes. ACTIVATION: 0 none, 1 gelu (erf), 2 gelu_tanh, 3 relu.
const INVERSE_ROOT_TWO = 0.70710678118654752;
const INVERSE_ROOT_TWO_PI = 0.39894228040143268;
const TANH_FACTOR = 0.79788456080286536;
const TANH_CUBIC = 0.044715;

/// erf to 1.5e-7 (Abramowitz and Stegun, 7.1.26).
fn erf(x: Item) -> Item {
  let size = abs(x);
  let t = Item(1.0) / (0.3275911 * size + 1.0);
  let series = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  return sign(x) * (1.0 - series * exp(-size * size));
}

/// tanh of large arguments is not a number on some devices.
fn boundedTanh(x: Item) -> Item {
  return tanh(clamp(x, Item(-15.0), Item(15.0)));
}

fn activate(x: Item) -> Item {
  if (ACTIVATION == 1u) {
    return 0.5 * x * (1.0 + erf(x * INVERSE_ROOT_TWO));
  }
  if (ACTIVATION == 2u) {
    return 0.5 * x * (1.0 + boundedTanh(TANH_FACTOR * (x + TANH_CUBIC * x * x * x)));
  }
  if (ACTIVATION == 3u) {
    return max(x, Item(0.0));
  }
  return x;
}

fn slope(x: Item) -> Item {
  if (ACTIVATION == 1u) {
    return 0.5 * (1.0 + erf(x * INVERSE_ROOT_TWO)) + x * INVERSE_ROOT_TWO_PI * exp(-0.5 * x * x);
  }
  if (ACTIVATION == 2u) {
    let t = boundedTanh(TANH_FACTOR * (x + TANH_CUBIC * x * x * x));
    return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * TANH_FACTOR * (1.0 + 3.0 * TANH_CUBIC * x * x);
  }
  if (ACTIVATION == 3u) {
    return select(Item(0.0), Item(1.0), x > Item(0.0));
  }
  return Item(1.0);
}
