import { expect, test } from 'vitest';
import { readable } from '../../src/engines/webgpu/readable.ts';

// Messages as Deno 2.9.6 (wgpu, naga) gives them; Firefox's are naga's too.
test.each([
  [
    "\nShader 'x' parsing error: no definition in scope for identifier: `two`\n  ┌─ wgsl:3:66\n  │\n3 │ fn double(@builtin(global_invocation_id) id: vec3u) { x[id.x] *= two; }\n  │                                                                  ^^^ unknown identifier\n\n",
    'no definition in scope for identifier: `two` (unknown identifier)',
  ],
  [
    '\nShader \'x\' parsing error: expected `;`, found "}"\n  ┌─ wgsl:2:71\n  │\n2 │ fn double(@builtin(global_invocation_id) id: vec3u) { let y: f32 = 1u }\n  │                                                                       ^ expected `;`\n\n',
    'expected `;`, found "}" (expected `;`)',
  ],
  [
    "\nShader 'x' parsing error: automatic conversions cannot convert elements of `u32` to `f32`\n  ┌─ wgsl:3:55\n  │\n3 │ fn double(@builtin(global_invocation_id) id: vec3u) { x[id.x] = 1u; }\n  │                                                       ^^^^^^^   ^^ this expression has type u32\n  │                                                       │          \n  │                                                       a value with elements of type f32 is required here\n\n",
    'automatic conversions cannot convert elements of `u32` to `f32` (this expression has type u32; a value with elements of type f32 is required here)',
  ],
])('a message that naga draws becomes one line', (message, expected) => {
  expect(readable(message)).toBe(expected);
});

test('a message of Dawn keeps its words and loses where in its code they were said', () => {
  expect(readable('Buffer usages must not be 0.\n - While validating.\n    at ValidateBuffer (../../Buffer.cpp:10)\n')).toBe(
    'Buffer usages must not be 0. - While validating.',
  );
});
