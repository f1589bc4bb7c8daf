import { EngineError } from '../engineError.ts';
import { float, type BoundRange, type Word } from './dispatch.ts';
import type { Shader } from './shader.ts';

/** Fields of a kernel's `Sizes` by name: whole numbers for u32, any number for f32, lists for vectors. */
export type Sizes = Readonly<Record<string, number | readonly number[]>>;

/** Ranges by the names of a kernel's variables. */
export type Bindings = Readonly<Record<string, BoundRange>>;

interface Field {
  /** Words from the start of the struct. */
  readonly offset: number;
  /** Words. */
  readonly length: number;
  readonly float: boolean;
  /** Whether the entry point reads it, itself or through a function. */
  readonly used: boolean;
}

interface Interface {
  readonly fields: ReadonlyMap<string, Field>;
  /** Storage variables by name: the number of the binding, and whether the entry point uses it. */
  readonly bindings: ReadonlyMap<string, { readonly number: number; readonly used: boolean }>;
}

/** Words and alignment in words of the types that `Sizes` may hold (WGSL, alignment and size). */
const TYPES: ReadonlyMap<string, { readonly length: number; readonly alignment: number; readonly float: boolean }> = new Map([
  ['u32', { length: 1, alignment: 1, float: false }],
  ['f32', { length: 1, alignment: 1, float: true }],
  ['vec2u', { length: 2, alignment: 2, float: false }],
  ['vec3u', { length: 3, alignment: 4, float: false }],
  ['vec4u', { length: 4, alignment: 4, float: false }],
]);

const known = new Map<string, Interface>();

/**
 * The words of a kernel's `Sizes`, laid out as its WGSL says.
 * @throws EngineError by name for a field that the kernel reads and that is missing, and for one that it lacks
 */
export function packSizes(shader: Shader, sizes: Sizes): Word[] {
  const { fields } = interfaceOf(shader);
  for (const name of Object.keys(sizes)) if (!fields.has(name)) throw unknown(shader, 'size', name, fields.keys());
  const words: Word[] = [];
  for (const [name, field] of fields) {
    while (words.length < field.offset + field.length) words.push(0);
    const given = sizes[name];
    if (given === undefined) {
      if (field.used) throw missing(shader, 'size', name, Object.keys(sizes));
      continue;
    }
    const numbers = typeof given === 'number' ? [given] : given;
    if (numbers.length !== field.length)
      throw new EngineError(
        `webgpu: kernel ${shader.name}: size ${name} does not fit — expected ${field.length} numbers, got ${numbers.length}.`,
      );
    numbers.forEach((number, index) => {
      words[field.offset + index] = field.float ? float(number) : number;
    });
  }
  return words;
}

/** The numbers that {@link packSizes} packed, by the names of their fields; vectors by their first number. */
export function unpackSizes(shader: Shader, words: readonly Word[]): ReadonlyMap<string, number> {
  const numberOf = (word: Word | undefined): number => (typeof word === 'object' ? word.float : (word ?? 0));
  return new Map([...interfaceOf(shader).fields].map(([name, { offset }]) => [name, numberOf(words[offset])]));
}

/**
 * Ranges by the numbers that the kernel's WGSL gives their names.
 * @throws EngineError by name for a variable that the kernel uses and that is missing, and for one that it does not use
 */
export function numberBindings(shader: Shader, ranges: Bindings): ReadonlyMap<number, BoundRange> {
  const { bindings } = interfaceOf(shader);
  const used = [...bindings].filter(([, binding]) => binding.used);
  const names = used.map(([name]) => name);
  for (const name of Object.keys(ranges)) if (!names.includes(name)) throw unknown(shader, 'binding', name, names);
  return new Map(
    used.map(([name, { number }]) => {
      const range = ranges[name];
      if (range === undefined) throw missing(shader, 'binding', name, Object.keys(ranges));
      return [number, range];
    }),
  );
}

function unknown(shader: Shader, what: string, name: string, has: Iterable<string>): EngineError {
  return new EngineError(`webgpu: kernel ${shader.name} has no ${what} ${name} — expected ${[...has].join(', ')}.`);
}

function missing(shader: Shader, what: string, name: string, given: readonly string[]): EngineError {
  return new EngineError(`webgpu: kernel ${shader.name} lacks its ${what} ${name} — got ${given.join(', ')}.`);
}

/** What a kernel asks for, read out of its WGSL: the struct `Sizes`, the storage variables, and which of them the entry uses. */
function interfaceOf(shader: Shader): Interface {
  const key = `${shader.entry}\n${shader.code}`;
  const before = known.get(key);
  if (before !== undefined) return before;
  const code = shader.code.replaceAll(/\/\/.*$/gm, '');
  const { names, sizes } = usedBy(code, shader.entry);
  const made: Interface = { fields: fieldsOf(shader, code, sizes), bindings: bindingsOf(code, names) };
  known.set(key, made);
  return made;
}

function fieldsOf(shader: Shader, code: string, used: ReadonlySet<string>): Map<string, Field> {
  const fields = new Map<string, Field>();
  const body = /struct Sizes \{([^}]*)\}/.exec(code)?.[1] ?? '';
  let end = 0;
  for (const [, name = '', typeName = ''] of body.matchAll(/(\w+)\s*:\s*(\w+)/g)) {
    const type = TYPES.get(typeName);
    if (type === undefined) throw new EngineError(`webgpu: kernel ${shader.name}: size ${name} is a ${typeName}, which cannot be filled.`);
    const offset = Math.ceil(end / type.alignment) * type.alignment;
    fields.set(name, { offset, length: type.length, float: type.float, used: used.has(name) });
    end = offset + type.length;
  }
  return fields;
}

function bindingsOf(code: string, used: ReadonlySet<string>): Interface['bindings'] {
  const declared = code.matchAll(/@binding\((\d+)\)\s*var<storage[^>]*>\s*(\w+)/g);
  return new Map([...declared].map(([, number, name = '']) => [name, { number: Number(number), used: used.has(name) }]));
}

/** Names that a function and those which it calls use and do not declare themselves, and the fields of `sizes` among them. */
function usedBy(code: string, entry: string): { names: ReadonlySet<string>; sizes: ReadonlySet<string> } {
  const functions = functionsOf(code);
  const names = new Set<string>();
  const sizes = new Set<string>();
  const reached = new Set([entry]);
  for (const name of reached) {
    const { parameters = '', body = '' } = functions.get(name) ?? {};
    const own = new Set([...parameters.matchAll(/(\w+)\s*:/g), ...body.matchAll(/\b(?:let|var|const)\s+(\w+)/g)].map(([, local]) => local));
    for (const [, field = ''] of body.matchAll(/\bsizes\.(\w+)/g)) sizes.add(field);
    // A member's name, behind a dot, names no variable.
    for (const [word] of body.matchAll(/(?<![.\w])[a-zA-Z_]\w*/g)) {
      if (own.has(word)) continue;
      names.add(word);
      if (functions.has(word)) reached.add(word);
    }
  }
  return { names, sizes };
}

function functionsOf(code: string): Map<string, { parameters: string; body: string }> {
  const starts = [...code.matchAll(/\bfn\s+(\w+)\s*\(/g)];
  return new Map(
    starts.map((start, index) => {
      const [, name = ''] = start;
      const text = code.slice(start.index + start[0].length, starts[index + 1]?.index);
      // Declarations behind a function's end name things that it does not use.
      const end = /^\}/m.exec(text)?.index ?? text.lastIndexOf('}');
      const open = text.indexOf('{');
      return [name, { parameters: text.slice(0, open), body: text.slice(open, end) }];
    }),
  );
}
