// AdamW over every parameter whose tensors lie in these slabs, in one dispatch: a workgroup finds its stretch in a table.
// PARAMETERS, FIRST and SECOND name the bound slabs: a slab that holds several of the three is bound once, since two
// writable bindings must not overlap. Gradients lie in several slabs, which the lowering declares behind this file with
// gradientAt(slab, place). Nothing is written while the norm's flag is 0.
struct Sizes {
  stretches: u32,
}

/// Places are in elements from the start of their slabs.
struct Stretch {
  parameter: u32,
  first: u32,
  second: u32,
  gradient: u32,
  /// Of the gradient, among the bound ones.
  slab: u32,
  count: u32,
  decay: f32,
  rate: f32,
}

struct Settings {
  learningRate: f32,
  beta1: f32,
  beta2: f32,
  epsilon: f32,
  biasCorrection1: f32,
  biasCorrection2: f32,
  clipNorm: f32,
  /// The norm's own business.
  normLimit: f32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> settings: Settings;
/// The joint norm of the gradients, and its flag.
@group(0) @binding(2) var<storage, read> norm: array<f32>;
@group(0) @binding(3) var<storage, read> stretches: array<Stretch>;
@group(0) @binding(5) var<storage, read_write> slab0: array<f32>;
@group(0) @binding(6) var<storage, read_write> slab1: array<f32>;
@group(0) @binding(7) var<storage, read_write> slab2: array<f32>;

@compute @workgroup_size(GROUP)
fn adamw(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) id: u32,
) {
  let number = group.y * groups.x + group.x;
  if (number >= sizes.stretches || norm[1] == 0.0) {
    return;
  }
  let stretch = stretches[number];
  let shrink = min(1.0, settings.clipNorm / (norm[0] + 1e-6));
  let step = settings.learningRate * stretch.rate;
  for (var i = id; i < stretch.count; i += GROUP) {
    let g = gradientAt(stretch.slab, stretch.gradient + i) * shrink;
    let first = settings.beta1 * FIRST[stretch.first + i] + (1.0 - settings.beta1) * g;
    let second = settings.beta2 * SECOND[stretch.second + i] + (1.0 - settings.beta2) * g * g;
    FIRST[stretch.first + i] = first;
    SECOND[stretch.second + i] = second;
    let kept = PARAMETERS[stretch.parameter + i] * (1.0 - step * stretch.decay);
    PARAMETERS[stretch.parameter + i] =
      kept - step * (first / settings.biasCorrection1) / (sqrt(second / settings.biasCorrection2) + settings.epsilon);
  }
}
